"""Rules as people type them: `imbued=freckles, * eyes`, `renames=1girl=woman; 1boy=man`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loratui.captions.rules import CaptionRules, check_names
from loratui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """Read `NAME=VALUE` for each rule; what the values may be is checked where rules are.

    Lists have commas between. Pairs are `tag=other` with `;` between, and lists of tags commas on their right.
    Raises UsageError for what is no setting or no rule.
    """
    found = {}
    for setting in settings:
        name, sign, text = setting.partition("=")
        if not sign:
            raise UsageError(f"{setting!r} is no rule with a value.", hint='Write NAME=VALUE, as "imbued=freckles".')
        check_names([name.strip()])
        found[name.strip()] = parse_value(name.strip(), text)
    return found


def parse_value(name: str, text: str) -> Any:
    """The value of a rule from text, as its kind of value asks."""
    if name == "renames":
        return dict(_split_pairs(text))
    if name in ("aliases", "implications"):
        return {tag: _split_list(tags) for tag, tags in _split_pairs(text)}
    usual, clean = getattr(CaptionRules(), name), text.strip()
    if isinstance(usual, tuple):
        return _split_list(text)
    if isinstance(usual, bool):
        return _BOOLEANS.get(clean.casefold(), clean)
    if isinstance(usual, int | float):
        try:
            return type(usual)(clean)
        except ValueError:
            return clean
    return text if isinstance(usual, str) and name in ("prefix", "suffix") else clean


def _split_list(text: str) -> list[str]:
    return [tag.strip() for tag in text.split(",") if tag.strip()]


def _split_pairs(text: str) -> list[tuple[str, str]]:
    pairs = []
    for part in text.split(";"):
        left, sign, right = part.partition("=")
        if sign:
            pairs.append((left.strip(), right.strip()))
        elif part.strip():
            raise UsageError(f"{part.strip()!r} is no pair of tags.", hint="Write tag=other, with ; between pairs.")
    return pairs
