"""The words that columns may hold, limits of their numbers, and how constraints are named."""

from __future__ import annotations

import re
import unicodedata

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

NUDE_WORDS = ("nude", "nudity", "naked", "nipples", "genitals", "topless female", "bottomless")
"""What makes a picture questionable at least, in a text about it."""

SEX_WORDS = (
    *("sex", "penis", "vagina", "vaginal", "pussy", "anus", "anal", "oral sex", "fellatio", "cunnilingus", "blowjob"),
    *("handjob", "masturbation", "masturbating", "intercourse", "orgasm", "ejaculation", "erection", "porn"),
)
"""What makes it explicit."""

RATING_WORDS = ("rating", "nsfw", *SEXUAL, *NUDE_WORDS, *SEX_WORDS)
"""One of these is in every text that says a sexual rating, in any case."""

# Of names of several words the first: an underscore may be between them.
_FIRST_LOOKED_FOR = tuple(dict.fromkeys(word.split(" ")[0] for word in RATING_WORDS))

_SHORT_RATINGS = {"q": "questionable", "e": "explicit"}
# The colour of that name is no nudity.
_COLOUR = r"(?! (?:lips|lipstick|makeup|nails?|heels|shoes|pantyhose|colou?r|tones?|shades?)\b)"
_SAID = re.compile(
    rf"\b(?:rating (?P<name>questionable|explicit|[qe])|(?P<explicit>{'|'.join(SEX_WORDS)})|"
    rf"nsfw|(?:{'|'.join(NUDE_WORDS)}){_COLOUR})\b"
)

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
    bare word between commas. Case doesn't count; spaces, underscores and colons are alike. What is not safe for work,
    and words for nudity, are taken for questionable at least, words for sex for explicit: who writes them of a picture
    has rated it.
    """
    return max(_find_said(text).values(), key=SEXUAL.index, default="")


def find_rating_words(text: str) -> tuple[str, ...]:
    """The words in a text that say a sexual rating, each once; see `find_said_rating`."""
    return tuple(_find_said(text))


def _find_said(text: str) -> dict[str, str]:
    """The words that say a sexual rating, each with the rating that it says."""
    # Letters that only look different, such as fullwidth ones, say the same.
    folded = text.casefold() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    # Looked for first: nearly no text has any of them.
    if not any(word in folded for word in _FIRST_LOOKED_FOR):
        return {}
    plain = re.sub(r"[\s_:]+", " ", folded)
    said = {name: name for part in plain.split(",") if (name := part.strip()) in SEXUAL}
    for match in _SAID.finditer(plain):
        name = "explicit" if match["explicit"] else match["name"] or "questionable"
        said.setdefault(match[0], _SHORT_RATINGS.get(name, name))
    return said
