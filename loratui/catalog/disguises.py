"""Words that are written so that a search misses them, and what they say.

Letters that look alike and unseen signs (`fold_text`), letters set apart (`join_rows`), digits and signs for letters
and signs between letters (`spell_plain`). What is looked for decides: no text is changed but where a known word comes
of it, so that `3d`, `1girl`, `s&m` and `^_^` stay what they are. Words that are cut by a space into pieces of several
letters are not put together: too many innocent ones would come of it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LOOK_ALIKE = (
    # Cyrillic, Greek, Armenian, and Latin small capitals; case is folded before, and accents are gone.
    *zip("аьсԁеѕһіјкморԛгтухѵԝвнзпиԍ", "abcdeshijkmopqrtyxvwbhenug", strict=True),
    *zip("αβγδεζηικνορτυχωϲϳ", "abydeznikvoptuxwcj", strict=True),
    *zip("աեցհոսօքզյլնրփտ", "wegnnuoqqjlnpht", strict=True),
    *zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnopqrstuvwyz", strict=True),
    *zip("ıɑɡɩℓɛᥱəμ", "iagileeeu", strict=True),
    # Latin ones with a stroke, which is no accent.
    *zip("đðøłħŧƀɇɨʉɏ", "ddolhtbeiuy", strict=True),
)
_TABLE = {ord(strange): plain for strange, plain in _LOOK_ALIKE}
_UNSEEN = ("Cf", "Mn", "Me")
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")
_ALPHABETS = (0x1F130, 0x1F150, 0x1F170, 0x1F1E6)
"""Where letters in squares and circles, and those of flags, begin."""

_APART_SIGNS = r"\s._*·•~|/,;:+()\[\]-"
_ROW = re.compile(rf"(?<![^\W_])[^\W\d_](?:[{_APART_SIGNS}]{{1,3}}[^\W\d_](?![^\W_])){{2,}}")

_LETTERS = dict(zip("01345789@$€!", "oieastbgasei", strict=True))
"""Digits and signs by the letters that they stand for; 1 and ! stand for l as well."""

_SIGNS = "@$€!"
_BETWEEN = "._*·•~|/()-"
_AS_I, _AS_L = str.maketrans(_LETTERS), str.maketrans({**_LETTERS, "1": "l", "!": "l"})
_SHAPES = str.maketrans({**_LETTERS, "l": "i"})
_APART, _WHOLES = str.maketrans(_BETWEEN, " " * len(_BETWEEN)), {**_SHAPES, **str.maketrans("", "", _BETWEEN)}
_ENDS = {code: " " for code in range(128) if not chr(code).isalnum() and chr(code) not in _SIGNS + _BETWEEN}
_MIXED_ROW = re.compile(
    rf"(?<![\w{_SIGNS}])[^\W_](?:[{_APART_SIGNS}]{{1,3}}(?:[^\W_]|[{_SIGNS}])(?![\w{_SIGNS}])){{2,}}"
)
_MAYBE = re.compile(rf"(?<![^\W\d_])[^\W\d_]*[\d{_SIGNS}{_BETWEEN}][\w{_SIGNS}{_BETWEEN}]*")
"""What has a digit or a sign in it, or two words without a space between."""

_PIECE = re.compile(rf"[^{_BETWEEN}]+")
_WORD = re.compile(r"[^\W_]+")
_SPACES = {code: " " for code in range(128) if not chr(code).isalnum()}
_FEWEST_LETTERS = 2


class _Folds(dict[int, "str | None"]):
    """What a character is taken for; filled as characters come."""

    def __init__(self, alike: Mapping[int, str]) -> None:
        self._alike = alike

    def __missing__(self, code: int) -> str | None:
        char = chr(code)
        taken: str | None = self._alike.get(code, char)
        if unicodedata.category(char) in _UNSEEN or char in _FILLERS:
            taken = None
        if not char.isascii() and (digit := unicodedata.decimal(char, None)) is not None:
            taken = str(digit)
        for first in _ALPHABETS:
            if first <= code < first + 26:
                taken = chr(ord("a") + code - first)
        self[code] = taken
        return taken


_FOLDS, _SEEN = _Folds(_TABLE), _Folds({})


def fold_text(text: str) -> str:
    """A text for looking up words: no case, no accents, nothing unseen, and of letters that look alike the Latin ones.

    Only for comparing: what people read keeps its letters.
    """
    return text.lower() if text.isascii() else _take_apart(text).translate(_FOLDS)


def strip_text(text: str) -> str:
    """A text without case, accents and what is unseen, in its own letters."""
    return text.lower() if text.isascii() else _take_apart(text).translate(_SEEN)


def _take_apart(text: str) -> str:
    # Accents become signs of their own, and fullwidth letters plain.
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())


def split_words(folded: str) -> list[str]:
    """The words of a folded text, in their order."""
    return folded.translate(_SPACES).split() if folded.isascii() else _WORD.findall(folded)


def find_as_written(found: str, text: str) -> str:
    """A word or phrase that was found in a text once folded, as it is written there but for its case.

    One that the text has only in disguise, such as with letters of several scripts, stays as it was found.
    """
    if text.isascii():
        return found
    own = unicodedata.normalize("NFC", text)
    folded = [(each, place) for place, char in enumerate(own) for each in fold_text(char)]
    pieces = _WORD.findall(fold_text(found))
    pattern = r"[\W_]+".join(map(re.escape, pieces))
    match = re.search(rf"(?<![^\W_]){pattern}(?![^\W_])|{pattern}", "".join(each for each, _ in folded))
    if not pieces or match is None:
        return found
    end = folded[match.end() - 1][1] + 1
    while end < len(own) and not fold_text(own[end]):
        # Accents that are signs of their own.
        end += 1
    written = " ".join(own[folded[match.start()][1] : end].lower().split())
    letters = [char for char in written if char.isalpha()]
    is_latin = ["LATIN" in unicodedata.name(char, "") for char in letters]
    if any(unicodedata.category(char) == "Cf" for char in written):
        return found
    if all(is_latin):
        return written if unicodedata.normalize("NFKC", written) == written else found
    return found if any(is_latin) else written


def join_rows(folded: str) -> list[str]:
    """What single letters in a row spell, such as `n u d e` and `n.u.d.3`: three letters or more."""
    rows = [re.sub(r"[\W_]+", "", match[0]) for match in _ROW.finditer(folded)]
    for match in _MIXED_ROW.finditer(folded):
        row = re.sub(rf"[{_APART_SIGNS}]+", "", match[0])
        if _is_spelled_oddly(row):
            rows += dict.fromkeys((row.translate(_AS_I), row.translate(_AS_L)))
    return rows


def read_digits(folded: str) -> tuple[str, str]:
    """A text with letters for the digits and signs that stand for some; the second takes 1 and ! for l."""
    return folded.translate(_AS_I), folded.translate(_AS_L)


def shapes_of(words: Iterable[str]) -> dict[str, str]:
    """For `spell_plain`: the words that are looked for, folded, by what is left of them in disguise."""
    return {word.translate(_SHAPES): word for word in words if word.isalpha() and len(word) > _FEWEST_LETTERS}


def spell_plain(folded: str, shapes: Mapping[str, str]) -> str:
    """A text with those words in plain letters that have digits or signs for letters (`nud3`) or between (`nu.de`).

    A word counts only as a whole, and only with as many letters as digits.
    """
    # Seen at a fraction of what spelling costs: nearly no text has any.
    if folded.isascii():
        maybe = " ".join([word for word in folded.translate(_ENDS).split() if not word.isalpha()])
    else:
        maybe = " ".join(_MAYBE.findall(folded))
    odd = " ".join([word for word in maybe.translate(_APART).split() if not word.isalpha()])
    if all(map(shapes.keys().isdisjoint, (maybe.translate(_WHOLES).split(), odd.translate(_SHAPES).split()))):
        return folded

    def spell(piece: re.Match[str]) -> str:
        plain = shapes.get(piece[0].translate(_SHAPES)) if _is_spelled_oddly(piece[0]) else None
        return plain or piece[0]

    def spell_whole(maybe: re.Match[str]) -> str:
        pieces = maybe[0].translate(_APART).split()
        whole = "".join(pieces)
        plain = shapes.get(whole.translate(_SHAPES))
        # A number of its own is none of the letters: `baby_5`.
        if plain and _is_mostly_letters(whole) and not any(piece.isdigit() for piece in pieces):
            return plain
        return _PIECE.sub(spell, maybe[0])

    return _MAYBE.sub(spell_whole, folded)


def _is_spelled_oddly(word: str) -> bool:
    return not word.isalpha() and _is_mostly_letters(word)


def _is_mostly_letters(text: str) -> bool:
    letters = sum(map(str.isalpha, text))
    return letters >= max(_FEWEST_LETTERS, sum(char in _LETTERS for char in text))
