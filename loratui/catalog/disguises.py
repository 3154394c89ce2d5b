"""Words that are written so that a search misses them: letters that look alike, unseen signs, letters set apart."""

from __future__ import annotations

import re
import unicodedata

_LOOK_ALIKE = (
    # Cyrillic, Greek, Armenian, and Latin small capitals; case is folded before, and accents are gone.
    *zip("аьсԁеѕһіјкморԛгтухѵԝвнзпиԍ", "abcdeshijkmopqrtyxvwbhenug", strict=True),
    *zip("αβγδεζηικνορτυχωϲϳ", "abydeznikvoptuxwcj", strict=True),
    *zip("աեցհոսօքզյլնրփտ", "wegnnuoqqjlnpht", strict=True),
    *zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnopqrstuvwyz", strict=True),
    *zip("ıɑɡɩℓɛ", "iagile", strict=True),
)
_TABLE = {ord(strange): plain for strange, plain in _LOOK_ALIKE}
_UNSEEN = ("Cf", "Mn", "Me")
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")
_ALPHABETS = (0x1F130, 0x1F150, 0x1F170, 0x1F1E6)
"""Where letters in squares and circles, and those of flags, begin."""

_ROW = re.compile(r"(?<![^\W_])[^\W\d_](?:[\s._*-]{1,3}[^\W\d_](?![^\W_])){2,}")


class _Folds(dict[int, "str | None"]):
    """What a character is taken for; filled as characters come."""

    def __missing__(self, code: int) -> str | None:
        char = chr(code)
        taken: str | None = _TABLE.get(code, char)
        if unicodedata.category(char) in _UNSEEN or char in _FILLERS:
            taken = None
        for first in _ALPHABETS:
            if first <= code < first + 26:
                taken = chr(ord("a") + code - first)
        self[code] = taken
        return taken


_FOLDS = _Folds()


def fold_text(text: str) -> str:
    """A text for looking up words: no case, no accents, nothing unseen, and of letters that look alike the Latin ones.

    Only for comparing: what people read keeps its letters.
    """
    if text.isascii():
        return text.lower()
    # Taken apart first, so that accents are signs of their own, and fullwidth letters are plain.
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()).translate(_FOLDS)


def join_rows(folded: str) -> list[str]:
    """What single letters in a row spell, such as `n u d e` and `n.u.d.e`: three letters or more."""
    return [re.sub(r"[\W_]+", "", match[0]) for match in _ROW.finditer(folded)]
