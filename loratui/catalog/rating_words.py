"""Words that say a sexual rating: who writes them of a picture has rated it, whatever a tagger sees.

Found in captions, tags, descriptions and prompts, by `find_said_rating` (which rating) and `find_rating_words` (which
words):

- the ratings of image boards and taggers, `rating:explicit`, danbooru's `rating:e` and `nsfw`, anywhere;
- words and phrases for nudity and sex, and the shipped sexual tags, anywhere; an s may follow;
- between commas alone what is innocent in a sentence: the bare `explicit`, and some tags such as `fingering`;
- words of languages that write no spaces, as parts of any text;
- all of these in disguise: see catalog.disguises.

Everything made from the lists below is made at the first look-up, nothing when the library is opened.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from loratui.catalog.disguises import fold_text, join_rows, read_digits, shapes_of, spell_plain
from loratui.catalog.misspellings import Misspellings
from loratui.catalog.vocabulary import SEXUAL
from loratui.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

NUDE_WORDS = (
    *("nude", "nudity", "nudist", "nudism", "naked", "nakedness", "nekkid", "nudie", "nakd", "noods", "unclothed"),
    *("undressed", "undressing", "unclad", "topless", "topfree", "bottomless", "topless female", "barebreasted"),
    *(
        "without clothes",
        "without clothing",
        "without any clothes",
        "no clothes",
        "not wearing anything",
        "in the buff",
    ),
    *(
        "wearing nothing",
        "wearing only a smile",
        "nothing but a smile",
        "birthday suit",
        "au naturel",
        "skinny dipping",
    ),
    *("full frontal", "without panties", "no panties", "striptease", "strip tease", "naturist", "naturism"),
    *("bare breast", "bare breasted", "bare boob", "bare butt", "bare buttock", "bare ass", "breast out", "boob out"),
    *(
        "bare chested woman",
        "bare chested women",
        "bare chested girl",
        "barechested woman",
        "exposed chest",
        "bare tit",
    ),
    *("exposed breast", "exposed nipple", "exposed genital", "exposed penis", "nip slip", "nipple slip", "nipple"),
    *("areola", "areolae", "genital", "genitalia", "pubic", "testicle", "scrotum", "vulva", "labia", "clitoris"),
    *("cameltoe", "camel toe", "pantyshot", "panty shot", "upskirt", "lewd", "ecchi", "ahegao", "spread legs"),
    *("tits", "titty", "titties", "boob", "boobies", "slut", "slutty", "whore", "milf"),
    *("erotic", "erotica", "erotically", "eroticism", "erotik", "erotisch", "erotische", "erotique", "erotico"),
    *("sexual", "sexually"),
    *("nackt", "nackte", "nackter", "nacktes", "nackten", "nacktem", "nacktheit", "halbnackt", "splitternackt"),
    *(
        "nackig",
        "nacktfoto",
        "nacktbild",
        "titten",
        "unbekleidet",
        "oben ohne",
        "entblosst",
        "naakt",
        "naakte",
        "naken",
    ),
    *("nakna", "desnudo", "desnuda", "desnudez", "sin ropa", "en pelotas", "tetas", "nuda", "nudite", "nues"),
    *("femme nue", "homme nu", "mulher nua", "homem nu", "seins nus", "uomo nudo", "senza vestiti", "tette", "cycki"),
    *("naga kobieta", "ciplak", "telanjang", "bugil", "khoa than"),
    *("голая", "голый", "голые", "голую", "голышом", "обнажённая", "обнажённый", "обнажённые", "нагая", "сиськи"),
    *("عارية", "العارية", "عاري", "العاري", "عاريات", "برهنه", "لخت", "עירום", "עירומה", "ערומה", "야한", "नग्न"),
    *("γυμνή", "γυμνός", "γυμνό"),
)
"""What makes a picture questionable at least."""

SEX_WORDS = (
    *("sex", "penis", "vagina", "vaginal", "pussy", "anus", "anal", "oral sex", "fellatio", "cunnilingus", "blowjob"),
    *("blow job", "handjob", "hand job", "masturbate", "masturbation", "masturbating", "intercourse", "orgasm"),
    *("ejaculation", "ejaculating", "erection", "porn", "porno", "pornographic", "pornography", "hentai", "cumshot"),
    *(
        "fuck",
        "fucked",
        "fucker",
        "fucking",
        "motherfucker",
        "titfuck",
        "cunt",
        "twat",
        "clit",
        "wanking",
        "jerking off",
    ),
    *("jacking off", "titjob", "boobjob", "footjob", "rimjob", "creampie", "deepthroat", "bukkake", "gangbang", "orgy"),
    *(
        "big dick",
        "huge dick",
        "hard dick",
        "dick pic",
        "hard cock",
        "big cock",
        "huge cock",
        "suck cock",
        "sucking cock",
    ),
    *("r18", "r 18", "pr0n", "sexo", "sexe", "порно", "секс", "ficken", "fotze", "follando", "pornstar"),
)
"""What makes it explicit."""

UNSPACED_WORDS = (
    *("全裸", "裸体", "裸の", "裸婦", "ヌード", "おっぱい", "セックス", "おまんこ", "ちんこ", "乳首", "性交", "淫"),
    *("色情", "做爱", "做愛", "性爱", "性愛", "乳头", "乳頭", "阴茎", "陰茎", "누드", "나체", "알몸", "섹스", "เปลือย"),
)
"""Nude words of languages that write no spaces."""

_UNSPACED_PARTS = r"裸(?![足眼木子麦電线線機机芽色妆])|(?<![ァ-ヶー])エロ(?!ール|イカ)"
"""Nude words of them that are parts of innocent ones, such as barefoot and a clown."""

ONLY_TAGS = frozenset(
    (
        *("oral", "missionary", "fingering", "bondage", "vibrator", "cum", "girl on top", "grabbing", "uncensored"),
        *("clothing aside", "vaginal", "naked sheet", "femdom", "shibari", "penis awe"),
        *("dick", "dicks", "xxx", "rape", "cumming", "horny"),
    )
)
"""Tags that are innocent in a sentence: they count between commas alone."""

_BIRDS = re.compile(
    r"\b(?:blue|coal|marsh|willow|crested|tailed|azure|varied|bearded|penduline|footed|masked|brown|peruvian|nazca)[ -]"
    r"(?:tits|boobies)\b|\bboob tubes?\b"
)
_BIRD_LIKE = re.compile(r"\b(?:birds?|branch|branches|feeders?|perch(?:ed|ing)?|nests?|nesting|feathers?|flocks?)\b")
_OF_BIRDS = frozenset(("tits", "boobies"))
"""Birds have these names too: said of certain kinds of them, or where a caption speaks of birds."""

SEXUAL_LISTS = (("sexual", "", "explicit"), ("dress_state", "# Sexual", "questionable"))
"""The shipped lists of tags that have sexual ones: name, how those sections begin, and what their tags say."""

_SHORT_RATINGS = {"q": "questionable", "e": "explicit"}

_COMMON = frozenset(
    (
        *(
            "jacket",
            "sweater",
            "clothes",
            "clothing",
            "shirt",
            "hand",
            "body",
            "female",
            "male",
            "partially",
            "covered",
        ),
        *("without", "wearing", "birthday", "femme", "homme", "mulher", "homem", "camel", "strip", "exposed", "bare"),
        *("smile", "woman", "women", "girl", "full"),
    )
)
"""Words of phrases that innocent captions have often; a phrase is looked for by another of its words."""

_INNOCENT = (
    # The colour of that name is no nudity, nor are eyes and flames.
    r"(?![ -](?:lips?|lipsticks?|makeup|make-up|nails?|heels?|pumps|shoes?|pantyhose|tights|stockings|eyeshadow|polish|"
    r"colou?r(?:ed|s)?|tones?|shades?|eyes?|willows?|truth|flames?|bulbs?|mole|pits?)\b)"
)

_WELL_SPELLED = frozenset(("annals", "annal", "annus"))
"""Innocent words that look like misspelled ones."""

_ENDS_OF_NAMES = frozenset(("anal", "anus", "porn", "nues", "milf", "ecchi", "orgy", "nuda", "tette", "tetas"))
"""Words that innocent names begin or end with, such as Anusha, Chaiporn and Vecchi."""

_WORD = re.compile(r"[^\W_]+")
_SPACES = {code: " " for code in range(128) if not chr(code).isalnum()}
_FEWEST_LETTERS = 3


@lru_cache(maxsize=4096)
def find_said_rating(text: str) -> str:
    """The gravest sexual rating that a tag, a caption or a sentence says; empty when it says none.

    Case doesn't count; spaces, underscores and colons are alike. What is not safe for work, and words for nudity, are
    taken for questionable at least, words for sex for explicit.
    """
    # What was asked last is kept: thousands of pictures share their tags.
    return max(_find_said(text).values(), key=SEXUAL.index, default="")


def find_rating_words(text: str) -> tuple[str, ...]:
    """The words in a text that say a sexual rating, each once; see `find_said_rating`."""
    return tuple(_find_said(text))


def find_hidden_word(name: str) -> str:
    """The word that says a sexual rating as the start or the end of a name, such as a trigger; empty when none does."""
    folded = fold_text(name)
    # With digits in the place of letters, too.
    forms = dict.fromkeys(re.sub(r"[\W_]+", "", form) for form in (folded, *read_digits(folded)))
    found = [word for form in forms if (word := _misspellings().find_around(form, _ENDS_OF_NAMES))]
    return max(found, key=len, default="")


@cache
def sexual_tags() -> dict[str, str]:
    """The tags that say a sexual rating when they stand alone, folded for looking up, each with the rating."""
    from importlib.resources import files

    # The lists are data, in the folder of all lists of tags; the code of that layer is not used.
    found: dict[str, str] = {}
    for name, beginning, rating in SEXUAL_LISTS:
        text = files("loratui").joinpath("captions", "traits", f"{name}.txt").read_text(encoding="utf-8")
        tags = [fold_text(tag) for tag in _list_tags(text, beginning)]
        if not tags:
            raise RefusedError("The list of sexual tags is empty.", hint="Install loratui again.")
        found |= {tag: rating for tag in tags if tag not in found}
    return found


def _list_tags(text: str, beginning: str) -> Iterator[str]:
    """The tags of those sections of a list that begin so; an empty line ends a section, and the first is a header."""
    for section in text.split("\n\n")[1:]:
        if section.startswith(beginning):
            for line in section.splitlines():
                if not line.startswith("#"):
                    yield from (tag.strip() for tag in line.removeprefix("also:").split(",") if tag.strip())


def _find_said(text: str) -> dict[str, str]:
    """The words that say a sexual rating, each with the rating that it says."""
    folded = fold_text(text)
    words = split_words(folded)
    said: dict[str, str] = {}
    # Looked for first: nearly no text has any of them.
    if not _hints().isdisjoint(words):
        said |= _find_plain(folded)
    if (whole := _misspellings().spell(text, folded, words)) != folded:
        said |= _find_plain(whole)
    if (spelled := spell_plain(folded, _shapes())) != folded and not _hints().isdisjoint(split_words(spelled)):
        said |= _find_plain(spelled)
    if sum(len(word) == 1 for word in words) >= _FEWEST_LETTERS:
        for row in join_rows(folded):
            said |= {word: rating for word, rating in _ratings().items() if " " not in word and word in row}
    if not text.isascii():
        said |= {match[0]: "questionable" for match in _unspaced().finditer(folded)}
    return _leave_out_birds(said, folded) if said else said


def _leave_out_birds(said: dict[str, str], folded: str) -> dict[str, str]:
    if _OF_BIRDS.isdisjoint(said) and "boob" not in said:
        return said
    left = _BIRDS.sub(" ", folded)
    if _BIRD_LIKE.search(folded):
        return {word: rating for word, rating in said.items() if word not in _OF_BIRDS}
    return _find_said(left) if left != folded else said


def _find_plain(folded: str) -> dict[str, str]:
    """The words and phrases in a text without disguise."""
    plain = re.sub(r"[^\S\n]+|[_:]+", " ", folded)
    said = _find_between_commas(plain)
    ratings = _ratings()
    for match in _pattern().finditer(" ".join(plain.split())):
        if match["name"]:
            said.setdefault(match[0], _SHORT_RATINGS.get(match["name"], match["name"]))
        else:
            said.setdefault(match[0], ratings.get((match["word"] or "").replace("-", " "), "questionable"))
    return said


def _find_between_commas(plain: str) -> dict[str, str]:
    """The tags of a caption that say a rating only when they stand alone."""
    said: dict[str, str] = {}
    for part in re.split(r"[,;|\n]", plain):
        # Weights for prompting are around tags.
        name = " ".join(re.sub(r"[()\[\]{}\\]|[\d.]+(?=\)+\s*$)", " ", part).split()).strip(" .!\"'")
        if name in SEXUAL:
            said[name] = name
        elif name in ONLY_TAGS:
            said[name] = sexual_tags().get(name, "questionable")
    return said


def split_words(folded: str) -> list[str]:
    """The words of a folded text, in their order."""
    return folded.translate(_SPACES).split() if folded.isascii() else _WORD.findall(folded)


@cache
def _ratings() -> dict[str, str]:
    """What is found anywhere in a text: folded words and phrases, each with its rating."""
    ratings = {word: "questionable" for word in map(fold_text, NUDE_WORDS)}
    ratings |= {tag: rating for tag, rating in sexual_tags().items() if tag not in ONLY_TAGS}
    return ratings | {word: "explicit" for word in map(fold_text, SEX_WORDS)}


@cache
def _unspaced() -> re.Pattern[str]:
    # Taken apart as texts are.
    return re.compile("|".join([*(re.escape(fold_text(word)) for word in UNSPACED_WORDS), fold_text(_UNSPACED_PARTS)]))


@cache
def _hints() -> frozenset[str]:
    """One of these words is in every text that says a rating, but for rows of letters and unspaced writing."""
    hints: set[str] = set()
    # Short phrases first: one of a longer one's words may be among the hints already.
    for phrase in sorted({*_ratings(), *sexual_tags()}, key=lambda phrase: (phrase.count(" "), phrase)):
        words = _WORD.findall(phrase)
        if hints.isdisjoint(words):
            hints.add(max((word for word in words if word not in _COMMON), key=len, default=words[0]))
    return frozenset({"rating", "nsfw", *SEXUAL, *hints, *(f"{word}{end}" for word in hints for end in ("s", "es"))})


@cache
def _shapes() -> dict[str, str]:
    """Every word of what is found, with its plurals, for seeing through disguise."""
    words = [word for phrase in _ratings() for word in split_words(phrase)]
    return shapes_of(f"{word}{end}" for end in ("es", "s", "") for word in ("nsfw", *SEXUAL, *words))


@cache
def _misspellings() -> Misspellings:
    words = [word for word in (*_ratings(), "nsfw", *SEXUAL) if word.isalpha()]
    forms = [f"{word}{end}" for word in words for end in ("", "s", "es")]
    return Misspellings(forms, _WELL_SPELLED, [word for word in forms if word not in SEXUAL])


@cache
def _pattern() -> re.Pattern[str]:
    """Finds ratings, words and phrases: `name` is the rating that is named, `word` what `_ratings` has."""
    # Longest first, so that a phrase is found as a whole; by first letter, which is faster.
    by_letter: dict[str, list[str]] = defaultdict(list)
    for word in sorted(_ratings(), key=len, reverse=True):
        rest = re.escape(word[1:]).replace(r"\ ", "[ -]")
        by_letter[word[0]].append(rest + r"(?! males?\b)" if word == "topless" else rest)
    choices = "|".join(f"{re.escape(letter)}(?:{'|'.join(rests)})" for letter, rests in by_letter.items())
    return re.compile(
        rf"\b(?:rating (?P<name>questionable|explicit|[qe])|nsfw|(?P<word>{choices})(?:e?s)?{_INNOCENT})\b"
    )
