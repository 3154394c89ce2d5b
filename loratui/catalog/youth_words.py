"""Words and ages that indicate youth, in tags, captions and prompts.

The tags are those of the list `youth` among the traits of captions, the other words those of the data beside this
module. Found whole, in any case and without accents, and in disguise: see catalog.disguises. Some are innocent words
elsewhere: those of the section `beside` count only next to words of their own language, and phrases such as
`kid gloves` are passed over.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from loratui.catalog.disguises import find_as_written, fold_text, join_rows, shapes_of, spell_plain, split_words
from loratui.catalog.misspellings import Misspellings
from loratui.catalog.query import tag_key
from loratui.catalog.word_lists import AccentedWords, read_contexts, read_words
from loratui.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable

_TEENS = "(?:thir|four|fif|six|seven)teen"
_GRADES = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_NUMBERS = f"one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|{_TEENS}"
_NUMBER = rf"(?:1[0-7]|[1-9]|{_NUMBERS})"
_SOMEBODY = "(?:girl|boy|child|kid|daughter|son|sister|brother|student|pupil|model|maid|female|male|lady|lass|lad)"
_END = r"(?=\s*(?:$|[,;:!?)|]|[.](?!\d)|(?:and|or|now|but|here|in this|in the)\b))"
"""Where a clause ends: what follows isn't counted by the number before it, as in `sixteen columns`."""

_ENGLISH_AGES = (
    rf"{_NUMBER}[ -]?(?:(?:years?|yrs?)[ -]?(?:olds?|young)|years? of age|y ?[/.]? ?o)",
    rf"age[ds]?(?: of| is)?[ :=-]{{1,3}}(?:{_NUMBER})",
    rf"(?:under|below|younger than) (?:the age of )?(?:1[0-8]|[1-9]|eighteen|{_NUMBERS})(?: years?)?{_END}",
    rf"{_SOMEBODY}(?: \w+)? (?:of|at) {_NUMBER}(?: years?| yrs?)?{_END}",
    rf"(?:she|he|they|who|{_SOMEBODY})(?: is|s| was| are| were| turns| turned|['’]s)?(?: (?:only|just|now|about|barely|"
    rf"almost|nearly|turned|not yet|still))* {_NUMBER}(?: years?)?{_END}",
    rf"(?:1st|2nd|3rd|[4-9]th|1[0-2]th|{'|'.join(_GRADES)})[ -]grade(?:rs?)?",
    rf"(?<!chapter )(?<!number )(?<!hundred and )(?<!nineteen ){_TEENS}{_END}",
    rf"(?:(?<=^)|(?<=[,;|(] )|(?<=[,;|(])){_NUMBER} (?:years?|yrs?)(?=\s*(?:$|[,;|)]))",
)
_KANJI_AGES = (
    r"(?<![\d.])(?:1[0-7]|[1-9])[ -]?(?:[歳才岁歲]|살|세(?!기))",
    r"(?<![二三四五六七八九十百\d])(?:十[一二三四五六七]?|[一二三四五六七八九])[歳才岁歲]",
    r"(?<![二三四五六七八九\d])(?:十|10)代",
)
_UNSPACED_PARTS = (
    # Calories, lollipops and slow lorises; fashion of that name; idols and ice cream.
    r"(?<!カ)ロリ(?!ッ?ポ[ッップ]|ス|ータファッション|ータ服)|(?<![\u1100-\u11ff])로리(?![\u1100-\u11ff])",
    r"(?<![\u1100-\u11ff])아이(?:들|가|는|를|의)?(?![\u1100-\u11ff])|(?<![女男])孩子|正太(?!郎)",
)

_BEARS = r"(?:bear|lion|tiger|wolf|fox|leopard|panda|cheetah|jaguar|puma|lynx|hyena|cat)"
_INNOCENT = re.compile(
    # Said of somebody it is no innocent one.
    r"(?<!naked )(?<!nude )(?<!sexy )(?<!bare )(?<![^\W_])(?:"
    r"kid[ _-](?:gloves?|leather|skin)"
    r"|minor[ _](?:scratch|scuff|wound|injur|cut|bruise|burn|damage|wear|flaw|blemish|dent|repair|edit|change|detail|"
    r"adjustment|imperfection|stain|chord|key|scale|arcana|variation|difference|road)[a-z]*"
    r"|(?:ursa|canis|asia|leo) minor|[b-g] minor|[a-g][ -](?:flat|sharp) minor"
    r"|baby[ _-](?:blue|pink|green|yellow)(?!s)|baby['’]s[ -]breath|baby[ _]grand(?: pianos?)?"
    r"|youth hostels?|enfants? terribles?|cub reporter|chicago cubs|(?:honda|super|piper)[ _-]cub"
    rf"|(?:with|holding|petting|hugging|near|beside|feeding) (?:an?|the|her|his|two|three|some) (?:\w+ )?{_BEARS} cubs?"
    r")(?![^\W_])",
    re.IGNORECASE,
)
"""Phrases with a word that indicates youth elsewhere; the rest of the text is judged without them."""

_COUNTS = ("girl", "girls", "boy", "boys", "other", "others")
"""Words with a number at their front that is no age, such as `1girl`."""

_IN_PHRASES = frozenset(("kid", "minor", "minors", "baby", "youth", "enfant", "enfants", "cub", "cubs"))
"""One of these is found in every text that has such a phrase."""

_ROW_LETTERS = 3
_SEXUAL_PARTS = ("nude", "nudes", "naked", "sexy", "sex", "porn", "porno", "fuck", "xxx", "hentai", "lewd", "topless")
_IN_NAMES = ("loli", "teen", "child", "shota", "kid", "baby", "minor", "infant", "toddler", "jailbait", "underage")


@cache
def youth_tags() -> frozenset[str]:
    """The tags that indicate youth, as `tag_key` spells them: from the list among the traits of captions."""
    # The list is data, in the folder of all lists of tags; the code of that layer is not used.
    text = files("loratui").joinpath("captions", "traits", "youth.txt").read_text(encoding="utf-8")
    # A header of `key: value` lines, an empty line, then the tags; `also:` begins a line of words no tagger gives.
    lines = [line.strip().removeprefix("also:") for line in text.splitlines() if not line.startswith("#")]
    body = "\n".join(lines).strip().partition("\n\n")[2]
    found = frozenset(tag_key(tag) for tag in re.split(r"[,\n]", body) if tag.strip())
    if not found:
        raise RefusedError("The list of words that indicate youth is empty.", hint="Install loratui again.")
    return found


def find_youth_words(text: str) -> tuple[str, ...]:
    """The words in a caption or a prompt that indicate youth, ages among them, each once, in their order.

    Named as they are written there, but for words in disguise.
    """
    found = _find(text) if text else {}
    if not _IN_PHRASES.isdisjoint(found) and (left := _INNOCENT.sub(" , ", text)) != text:
        found = _find(left)
    return tuple(dict.fromkeys(find_as_written(word, text) for word in found))


def find_hidden_youth(name: str) -> str:
    """The word that indicates youth in a name such as a trigger, to judge beside sexual ones; empty when none does."""
    plain = re.sub(r"[\W_]+", "", fold_text(name))
    return max((word for word in _IN_NAMES if word in plain), key=len, default="")


def _find(text: str) -> dict[str, None]:
    folded = fold_text(text)
    words = split_words(folded)
    hints, seen = _hints(), not text.isascii()
    readings = [folded] if seen or not hints.isdisjoint(words) else []
    if [*map(len, words)].count(1) >= _ROW_LETTERS:
        readings += join_rows(folded)
    if (whole := _misspellings().spell(text, folded, words)) != folded:
        readings.append(whole)
    if (spelled := spell_plain(folded, _shapes())) != folded:
        readings.append(spelled)
    found: dict[str, None] = {}
    if readings:
        plain = re.sub(r"[\s_]+", " ", ", ".join(readings))
        found |= dict.fromkeys(match[0] for match in _pattern(plain.isascii()).finditer(plain))
    numbered = any([word[0] < ":" and not word.endswith(_COUNTS) for word in words])
    if numbered or not _number_words().isdisjoint(words):
        found |= dict.fromkeys(match[0].strip() for match in _ages().finditer(re.sub(r"[\s_]+", " ", folded)))
    if seen:
        found |= dict.fromkeys(match[0] for match in _unspaced().finditer(folded))
        found |= dict.fromkeys(_accented().find(text))
    if not _beside_hints().isdisjoint(words):
        there = set(words)
        for own, others in _beside():
            if not others.isdisjoint(there):
                found |= dict.fromkeys(word for word in words if word in own)
    return found


def _spell(tag: str) -> str:
    return fold_text(tag_key(tag).replace("_", " "))


@cache
def _words() -> tuple[str, ...]:
    """What is found anywhere in a text, folded; longest first, so that `oppai loli` is found as a whole."""
    listed = map(fold_text, read_words("youth")["youth"])
    return tuple(sorted({*map(_spell, youth_tags()), *listed}, key=lambda word: (-len(word), word)))


@cache
def _pattern(is_ascii: bool) -> re.Pattern[str]:
    """Finds the words; of texts in ASCII alone with less of them, which is faster."""
    words = _join_by_letter(word for word in _words() if word.isascii() or not is_ascii)
    return re.compile(rf"(?<!\w)(?:{words})s?(?!\w)")


def _join_by_letter(words: Iterable[str]) -> str:
    """A pattern of any of some words; by first letter, which is faster."""
    by_letter: dict[str, list[str]] = {}
    for word in words:
        by_letter.setdefault(word[0], []).append(re.escape(word[1:]).replace(r"\ ", "[ -]"))
    return "|".join(f"{re.escape(letter)}(?:{'|'.join(rests)})" for letter, rests in by_letter.items())


@cache
def _ages() -> re.Pattern[str]:
    years = "|".join(map(re.escape, map(fold_text, read_words("youth")["years"])))
    foreign = rf"(?<![\d.,])(?:1[0-7]|[1-9])[ -]?(?:{years})"
    english = "|".join(_ENGLISH_AGES)
    return re.compile(rf"(?<!\w)(?:{english}|{foreign})(?!\w)|{fold_text('|'.join(_KANJI_AGES))}")


@cache
def _number_words() -> frozenset[str]:
    """One of these is in every text that says an age without a digit."""
    teens = (f"{start}teen" for start in ("thir", "four", "fif", "six", "seven"))
    return frozenset((*teens, *_GRADES, *_NUMBERS.split("|")[:12], "eighteen"))


@cache
def _unspaced() -> re.Pattern[str]:
    words = map(re.escape, map(fold_text, read_words("youth")["unspaced"]))
    return re.compile("|".join([*words, *map(fold_text, (*_UNSPACED_PARTS, *_KANJI_AGES))]))


@cache
def _accented() -> AccentedWords:
    return AccentedWords(read_words("youth")["accented"])


@cache
def _beside() -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
    return tuple(
        (frozenset(map(fold_text, own)), frozenset(map(fold_text, others))) for own, others in read_contexts("youth")
    )


@cache
def _beside_hints() -> frozenset[str]:
    return frozenset[str]().union(*(own for own, _ in _beside()))


@cache
def _hints() -> frozenset[str]:
    """One of these words is in every text that has any of the words in plain letters."""
    hints = {max(split_words(word), key=len) for word in _words()}
    return frozenset({*hints, *(f"{word}s" for word in hints)})


@cache
def _shapes() -> dict[str, str]:
    """Every word of what indicates youth, for seeing through disguise."""
    words = [word for tag in _words() for word in re.findall(r"\w+", tag)]
    return shapes_of(f"{word}{end}" for end in ("s", "") for word in words)


@cache
def _misspellings() -> Misspellings:
    words = [word for word in _words() if word.isalpha()]
    forms = [f"{word}{end}" for word in words for end in ("", "s")]
    near = [word for tag in youth_tags() if (word := _spell(tag)).isalpha()]
    return Misspellings(forms, compound=forms, plain=_SEXUAL_PARTS, near=near)
