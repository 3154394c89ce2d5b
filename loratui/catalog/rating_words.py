"""Words that say a sexual rating: who writes them of a picture has rated it, whatever a tagger sees.

Found in captions, tags, descriptions and prompts, by `find_said_rating` (which rating) and `find_rating_words` (which
words):

- the ratings of image boards and taggers, `rating:explicit`, danbooru's `rating:e` and `nsfw`, anywhere;
- words and phrases for nudity and sex, and the shipped sexual tags, anywhere; an s may follow;
- between commas alone what is innocent in a sentence: the bare `explicit`, and some tags such as `fingering`;
- words of other languages, some with their accents alone, and of those that write no spaces as parts of any text;
- suggestive words such as `lingerie`, beside signs of youth alone;
- all of these in disguise: see catalog.disguises.

Innocent phrases, see catalog.innocent_phrases, are passed over. More words are in the data beside this module.

Everything made from the lists below is made at the first look-up, nothing when the library is opened.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from loratui.catalog.disguises import (
    find_as_written,
    fold_text,
    join_rows,
    read_digits,
    shapes_of,
    spell_plain,
    split_words,
)
from loratui.catalog.innocent_phrases import drop_innocent
from loratui.catalog.misspellings import PLAIN, Misspellings
from loratui.catalog.vocabulary import SEXUAL
from loratui.catalog.word_lists import AccentedWords, read_words
from loratui.catalog.youth_words import find_youth_words
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

_UNSPACED_PARTS = (
    r"裸(?![足眼木子麦電线線機机芽色妆])|(?<![ァ-ヶー])エロ(?!ール|イカ)|(?<![ァ-ヶー])エッチ(?!ング)"
    r"|(?<![ァ-ヶー])フェラ(?!ーリ|リ|ガモ|イト|ンテ)|(?<![ァ-ヶー])アナル(?!コ|キ)|(?<![一-龥])性的"
)
"""Nude words of them that are parts of innocent ones, such as barefoot, a clown, etching and Ferrari."""

ONLY_TAGS = frozenset(
    (
        *("oral", "missionary", "fingering", "bondage", "vibrator", "girl on top", "grabbing", "uncensored"),
        *("clothing aside", "vaginal", "naked sheet", "femdom", "shibari", "penis awe"),
        *("dick", "dicks", "cock", "cocks", "xxx", "cumming", "horny"),
    )
)
"""Tags that are innocent in a sentence: they count between commas alone."""

_BIRD_LIKE = re.compile(
    r"\b(?:birds?|branch|branches|feeders?|perch(?:ed|ing)?|nests?|nesting|feathers?|flocks?|roosters?|hens?)\b"
)
_OF_BIRDS = frozenset(("tits", "boobies", "cock", "cocks"))
"""Birds have these names too: innocent where a caption speaks of birds."""

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

_WELL_SPELLED = frozenset(
    (
        *("annals", "annal", "annus", "seeks", "rapping", "rapped", "waking", "winking", "waning", "griping"),
        *("grouping", "groupings", "genial", "genials", "nacken", "vainas", "fallando", "eroico", "erecting"),
    )
)
"""Innocent words that look like misspelled ones."""

_ENDS_OF_NAMES = frozenset(
    ("anal", "anus", "porn", "nues", "milf", "ecchi", "orgy", "nuda", "tette", "tetas", "rape", "rapes")
)
"""Words that innocent names begin or end with, such as Anusha, Chaiporn and Vecchi."""

_YOUNG = ("loli", "shota", "child", "kid", "baby", "teen")
"""Run together with sexual words."""

_AROUND_NAMES = re.compile(
    r"^cum(?!ber|bri|ming|in|ul|an|e|be)|^sex(?!t|smith|auer)|^analis$|^anal(?=[bcdfhjkmnpqrtvwxz])"
    r"|^dick(?!e|ins|so|i|man|as|s?$)|^cock(?!e|at|ay|ad|bur|r|cr|ne|pi|ta|sh|sp|l|i|y|fi|s?$)"
    r"|(?:cum|sex|dick|cock|(?<=[dfgklpqrstvwxz])anal)$"
)
"""Short words as the start or the end of a name, but for those that many a name and word begins with."""

_WORD = re.compile(r"[^\W_]+")
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
    """The words in a text that say a sexual rating, each once, as they are written there; see `find_said_rating`."""
    return tuple(dict.fromkeys(find_as_written(word, text) for word in _find_said(text)))


def find_hidden_word(name: str) -> str:
    """The word that says a sexual rating as the start or the end of a name, such as a trigger; empty when none does."""
    folded = fold_text(name)
    # With digits in the place of letters, too.
    forms = dict.fromkeys(re.sub(r"[\W_]+", "", form) for form in (folded, *read_digits(folded)))
    found = [word for form in forms if (word := _misspellings().find_around(form, _ENDS_OF_NAMES))]
    innocent = read_words("sexual")["names"]
    found += [match[0] for form in forms if form not in innocent for match in _AROUND_NAMES.finditer(form)]
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
    if (spelled := spell_plain(folded, _shapes())) != folded:
        there = split_words(spelled)
        if not _hints().isdisjoint(there):
            said |= _find_plain(spelled)
        # Innocent as it stands: who hides it knows why.
        hidden = [word for word in read_words("sexual")["hidden"] if there.count(word) > words.count(word)]
        said |= dict.fromkeys(hidden, "questionable")
    if [*map(len, words)].count(1) >= _FEWEST_LETTERS:
        for row in join_rows(folded):
            said |= {word: rating for word, rating in _single_words() if word in row}
    if not text.isascii():
        said |= {match[0]: "questionable" for match in _unspaced().finditer(folded)}
        said |= dict.fromkeys(_accented().find(text), "questionable")
    if said:
        return _leave_out_innocent(said, text, folded)
    if _suggestive_hints().isdisjoint(words) or not (suggestive := _find_suggestive(folded)):
        return said
    return suggestive if find_youth_words(text) else said


def _leave_out_innocent(said: dict[str, str], text: str, folded: str) -> dict[str, str]:
    if (left := drop_innocent(text, said)) != text:
        return _find_said(left)
    if not _OF_BIRDS.isdisjoint(said) and _BIRD_LIKE.search(folded):
        said = {word: rating for word, rating in said.items() if word not in _OF_BIRDS}
    return said


def _find_suggestive(folded: str) -> dict[str, str]:
    """The words that are sexual beside signs of youth."""
    plain = re.sub(r"[\W_]+", " ", folded)
    return {match[0]: "questionable" for match in _suggestive().finditer(plain)}


def _find_plain(folded: str) -> dict[str, str]:
    """The words and phrases in a text without disguise."""
    plain = re.sub(r"[^\S\n]+|[_:]+", " ", folded)
    said = _find_between_commas(plain)
    ratings = _ratings()
    for match in _pattern(plain.isascii()).finditer(" ".join(plain.split())):
        if match["name"]:
            said.setdefault(match[0], _SHORT_RATINGS.get(match["name"], match["name"]))
        else:
            said.setdefault(match[0], ratings.get((match["word"] or "").replace("-", " "), "questionable"))
    return said


def _find_between_commas(plain: str) -> dict[str, str]:
    """The tags of a caption that say a rating only when they stand alone."""
    said: dict[str, str] = {}
    for part in re.split(r"[,;|\n]", plain):
        name = " ".join(part.split())
        if not name.replace(" ", "").isalpha():
            # Weights for prompting are around tags.
            name = " ".join(re.sub(r"[()\[\]{}\\]|[\d.]+(?=\)+\s*$)", " ", part).split()).strip(" .!\"'")
        if name in SEXUAL:
            said[name] = name
        elif name in ONLY_TAGS:
            said[name] = sexual_tags().get(name, "questionable")
    return said


@cache
def _ratings() -> dict[str, str]:
    """What is found anywhere in a text: folded words and phrases, each with its rating."""
    ratings = {word: "questionable" for word in map(fold_text, NUDE_WORDS)}
    ratings |= {tag: rating for tag, rating in sexual_tags().items() if tag not in ONLY_TAGS}
    more = read_words("sexual")
    ratings |= dict.fromkeys(map(fold_text, more["questionable"]), "questionable")
    return ratings | dict.fromkeys(map(fold_text, (*SEX_WORDS, *more["explicit"])), "explicit")


@cache
def _single_words() -> tuple[tuple[str, str], ...]:
    return tuple((word, rating) for word, rating in _ratings().items() if " " not in word)


@cache
def _unspaced() -> re.Pattern[str]:
    # Taken apart as texts are.
    words = (*UNSPACED_WORDS, *read_words("sexual")["unspaced"])
    return re.compile("|".join([*(re.escape(fold_text(word)) for word in words), fold_text(_UNSPACED_PARTS)]))


@cache
def _accented() -> AccentedWords:
    return AccentedWords(read_words("sexual")["accented"])


@cache
def _suggestive() -> re.Pattern[str]:
    words = sorted(map(fold_text, read_words("sexual")["suggestive"]), key=len, reverse=True)
    # Some are of languages that write no spaces.
    ends = (rf"(?<!\w){re.escape(word)}s?(?!\w)" if word.isascii() else re.escape(word) for word in words)
    return re.compile("|".join(ends))


@cache
def _suggestive_hints() -> frozenset[str]:
    words = [max(split_words(word), key=len) for word in map(fold_text, read_words("sexual")["suggestive"])]
    return frozenset((*words, *(f"{word}s" for word in words)))


@cache
def _hints() -> frozenset[str]:
    """One of these words is in every text that says a rating, but for rows of letters and unspaced writing."""
    hints: set[str] = {word for tag in ONLY_TAGS for word in tag.split() if " " not in tag}
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
    words += read_words("sexual")["hidden"]
    return shapes_of(f"{word}{end}" for end in ("es", "s", "") for word in ("nsfw", *SEXUAL, *words))


@cache
def _misspellings() -> Misspellings:
    words = [word for word in (*_ratings(), "nsfw", *SEXUAL) if word.isalpha()]
    forms = [f"{word}{end}" for word in words for end in ("", "s", "es")]
    # Of the others too many begin or end innocent words.
    own = {*sexual_tags(), *map(fold_text, (*NUDE_WORDS, *SEX_WORDS)), "nsfw"}
    compound = [f"{word}{end}" for word in words if word in own and word not in SEXUAL for end in ("", "s", "es")]
    near = [f"{word}{end}" for word in words if word in own and word not in SEXUAL for end in ("", "s")]
    return Misspellings(forms, _WELL_SPELLED, compound, plain=(*PLAIN, *_YOUNG), near=near)


@cache
def _pattern(is_ascii: bool) -> re.Pattern[str]:
    """Finds ratings, words and phrases: `name` is the rating that is named, `word` what `_ratings` has.

    Of texts in ASCII alone with less words, which is faster.
    """
    # Longest first, so that a phrase is found as a whole; by first letter, which is faster.
    by_letter: dict[str, list[str]] = defaultdict(list)
    for word in sorted((word for word in _ratings() if word.isascii() or not is_ascii), key=len, reverse=True):
        rest = re.escape(word[1:]).replace(r"\ ", "[ -]")
        by_letter[word[0]].append(rest + r"(?! males?\b)" if word == "topless" else rest)
    choices = "|".join(f"{re.escape(letter)}(?:{'|'.join(rests)})" for letter, rests in by_letter.items())
    return re.compile(
        rf"\b(?:rating (?P<name>questionable|explicit|[qe])|nsfw|(?P<word>{choices})(?:e?s)?{_INNOCENT})\b"
    )
