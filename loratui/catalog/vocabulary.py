"""The words that columns may hold, limits of their numbers, and how constraints are named."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from loratui.catalog.disguises import fold_text, join_rows
from loratui.errors import RefusedError

KINDS = ("character", "style", "object", "person")
ROLES = ("inbox", "primary", "supporting", "holdout", "rejected")
TRAINED = ("primary", "supporting")
"""The roles of pictures that training sees."""

RUN_STATES = ("queued", "running", "paused", "stopped", "done", "failed")
PICTURE_STATES = ("ok", "missing", "broken")

DARK_BELOW, BRIGHT_FROM = 0.12, 0.92
"""Mean luminance of a picture, 0 to 1; nine photos of ten lie between 0.3 and 0.75."""

RATING = "rating"
"""The category that taggers' scores of ratings are stored under."""

RATINGS = ("general", "sensitive", "questionable", "explicit")
"""What a tagger can say of a picture, from the mildest to the gravest."""

SEXUAL = ("questionable", "explicit")
"""The ratings that no picture of a person may have."""

NUDE_WORDS = (
    *("nude", "nudity", "nudist", "naked", "nakedness", "unclothed", "undressed", "undressing", "topless", "topfree"),
    *("bottomless", "topless female", "without clothes", "without clothing", "without any clothes", "no clothes"),
    *("wearing nothing", "birthday suit", "without panties", "no panties", "striptease", "strip tease"),
    *("bare breast", "bare breasted", "bare boob", "bare butt", "bare buttock", "bare ass", "breast out", "boob out"),
    *("exposed breast", "exposed nipple", "exposed genital", "exposed penis", "nip slip", "nipple slip", "nipple"),
    *("areola", "areolae", "genital", "genitalia", "pubic", "testicle", "scrotum", "vulva", "labia", "clitoris"),
    *("cameltoe", "camel toe", "pantyshot", "panty shot", "upskirt", "lewd", "ecchi"),
    *("erotic", "erotica", "erotically", "eroticism", "erotik", "erotisch", "erotische", "erotique", "erotico"),
    *("sexual", "sexually"),
    *("nackt", "nackte", "nackter", "nacktes", "nackten", "nacktem", "nacktheit", "halbnackt", "splitternackt"),
    *("unbekleidet", "oben ohne", "entblosst", "naakt", "naakte", "naken", "desnudo", "desnuda", "desnudez"),
    *("sin ropa", "nuda", "nudite", "femme nue", "homme nu", "mulher nua", "homem nu", "seins nus"),
    *("голая", "голый", "обнажённая", "обнажённый"),
)
"""What makes a picture questionable at least, anywhere in a text about it; an s may follow."""

SEX_WORDS = (
    *("sex", "penis", "vagina", "vaginal", "pussy", "anus", "anal", "oral sex", "fellatio", "cunnilingus", "blowjob"),
    *("blow job", "handjob", "hand job", "masturbate", "masturbation", "masturbating", "intercourse", "orgasm"),
    *("ejaculation", "ejaculating", "erection", "porn", "porno", "pornographic", "pornography", "hentai", "cumshot"),
    *("r18", "r 18", "sexo", "sexe", "порно"),
)
"""What makes it explicit."""

SEXUAL_LISTS = ("sexual", "dress_state")
"""The shipped lists of tags that have sexual ones: all of the first, of the second those under `# Sexual`."""

ONLY_TAGS = frozenset(
    (
        *("oral", "missionary", "fingering", "bondage", "vibrator", "cum", "girl on top", "grabbing", "uncensored"),
        *("clothing aside", "vaginal", "naked sheet", "femdom", "shibari", "penis awe"),
    )
)
"""Tags that are innocent in a sentence: they count between commas alone."""

_WORD = re.compile(r"[^\W_]+")
_SPACES = {code: " " for code in range(128) if not chr(code).isalnum()}
_FEWEST_LETTERS = 3

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
    )
)
"""Words of phrases that captions have often."""

_UNSPACED = ("全裸", "裸体", "裸の", "裸婦", "ヌード", "エロ", "おっぱい", "セックス")
"""Nude words of languages that write no spaces."""

_SHORT_RATINGS = {"q": "questionable", "e": "explicit"}
# The colour of that name is no nudity, nor are eyes and flames.
_INNOCENT = (
    r"(?![ -](?:lips?|lipsticks?|makeup|make-up|nails?|heels?|pumps|shoes?|pantyhose|tights|stockings|eyeshadow|polish|"
    r"colou?r(?:ed|s)?|tones?|shades?|eyes?|willows?|truth|flames?|bulbs?|mole|pits?)\b)"
)


@cache
def sexual_tags() -> dict[str, str]:
    """The tags that say a sexual rating when they stand alone, folded for looking up, each with the rating."""
    # The lists are data, in the folder of all lists of tags; the code of that layer is not used.
    found: dict[str, str] = {}
    for name, rating in zip(SEXUAL_LISTS, reversed(SEXUAL), strict=True):
        text = files("loratui").joinpath("captions", "traits", f"{name}.txt").read_text(encoding="utf-8")
        sections = text.partition("\n\n")[2].split("\n\n")
        if name != SEXUAL_LISTS[0]:
            sections = [section for section in sections if section.startswith("# Sexual")]
        lines = [line.removeprefix("also:") for section in sections for line in section.splitlines() if line[:1] != "#"]
        tags = [fold_text(tag.strip()) for line in lines for tag in line.split(",") if tag.strip()]
        if not tags:
            raise RefusedError("The list of sexual tags is empty.", hint="Install loratui again.")
        found |= {tag: rating for tag in tags if tag not in found}
    return found


@dataclass(frozen=True, slots=True)
class _Lookup:
    """What is looked for in texts, made once."""

    hints: frozenset[str]
    """One of these words is in every text that says a rating, but for letters in a row and unspaced writing."""
    pattern: re.Pattern[str]
    ratings: dict[str, str]
    """By folded word or phrase, with spaces."""
    unspaced: tuple[str, ...]


@cache
def _lookup() -> _Lookup:
    ratings = {word: "questionable" for word in map(fold_text, NUDE_WORDS)}
    ratings |= {tag: rating for tag, rating in sexual_tags().items() if tag not in ONLY_TAGS}
    ratings |= {word: "explicit" for word in map(fold_text, SEX_WORDS)}
    hints: set[str] = set()
    # Short phrases first: one of a longer one's words may be among the hints already.
    for phrase in sorted({*ratings, *sexual_tags()}, key=lambda phrase: (phrase.count(" "), phrase)):
        words = _WORD.findall(phrase)
        if hints.isdisjoint(words):
            hints.add(max((word for word in words if word not in _COMMON), key=len, default=words[0]))
    hints |= {f"{word}{end}" for word in hints for end in ("s", "es")}
    # Longest first, so that a phrase is found as a whole; by first letter, which is faster.
    by_letter: dict[str, list[str]] = defaultdict(list)
    for word in sorted(ratings, key=len, reverse=True):
        rest = re.escape(word[1:]).replace(r"\ ", "[ -]")
        by_letter[word[0]].append(rest + r"(?! males?\b)" if word == "topless" else rest)
    choices = "|".join(f"{re.escape(letter)}(?:{'|'.join(rests)})" for letter, rests in by_letter.items())
    pattern = re.compile(
        rf"\b(?:rating (?P<name>questionable|explicit|[qe])|nsfw|(?P<word>{choices})(?:e?s)?{_INNOCENT})\b"
    )
    return _Lookup(frozenset({"rating", "nsfw", *SEXUAL, *hints}), pattern, ratings, tuple(map(fold_text, _UNSPACED)))


FLAGS = ("unfit", "faces", "people", "text", "blur", "tiny", "dark", "bright", "other")
"""What checks look for, in the order they are told."""

# Named constraints from the first migration on: SQLite batch migrations can't touch unnamed ones.
NAMING = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def find_said_rating(text: str) -> str:
    """The gravest sexual rating that a tag, a caption or a sentence says; empty when it says none.

    As caption files of image boards and taggers do: `rating:explicit` (danbooru's `rating:e`) and `nsfw` anywhere, the
    bare word between commas. Case doesn't count; spaces, underscores and colons are alike, letters that look alike
    too, and unseen signs are none. What is not safe for work, and words for nudity, are taken for questionable at
    least, words for sex for explicit: who writes them of a picture has rated it.
    """
    return max(_find_said(text).values(), key=SEXUAL.index, default="")


def find_rating_words(text: str) -> tuple[str, ...]:
    """The words in a text that say a sexual rating, each once; see `find_said_rating`."""
    return tuple(_find_said(text))


def _find_said(text: str) -> dict[str, str]:
    """The words that say a sexual rating, each with the rating that it says."""
    folded = fold_text(text)
    known = _lookup()
    words = folded.translate(_SPACES).split() if folded.isascii() else _WORD.findall(folded)
    said: dict[str, str] = {}
    # Looked for first: nearly no text has any of them.
    if not known.hints.isdisjoint(words):
        said |= _find_plain(folded, known)
    if sum(len(word) == 1 for word in words) >= _FEWEST_LETTERS:
        for row in join_rows(folded):
            said |= {word: rating for word, rating in known.ratings.items() if " " not in word and word in row}
    if not text.isascii():
        said |= {word: "questionable" for word in known.unspaced if word in folded}
    return said


def _find_plain(folded: str, known: _Lookup) -> dict[str, str]:
    said: dict[str, str] = {}
    plain = re.sub(r"[^\S\n]+|[_:]+", " ", folded)
    tags = sexual_tags()
    for part in re.split(r"[,;|\n]", plain):
        # Weights for prompting are around tags.
        name = " ".join(re.sub(r"[()\[\]{}\\]|[\d.]+(?=\)+\s*$)", " ", part).split()).strip(" .!\"'")
        if name in SEXUAL:
            said[name] = name
        elif name in ONLY_TAGS:
            said[name] = tags.get(name, "questionable")
    plain = " ".join(plain.split())
    for match in known.pattern.finditer(plain):
        if match["name"]:
            said.setdefault(match[0], _SHORT_RATINGS.get(match["name"], match["name"]))
        else:
            said.setdefault(match[0], known.ratings.get((match["word"] or "").replace("-", " "), "questionable"))
    return said
