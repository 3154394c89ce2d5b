"""What a kind of subject is usually taught with its trigger word and what is left to the prompt, as data."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from loratui.captions.tags import fold_tag
from loratui.captions.traits import find_groups
from loratui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Preset:
    """Names of groups of tags by what is done with them; groups that are not named stay in the captions."""

    name: str
    says: str
    """What it is for, in a sentence."""
    kinds: tuple[str, ...]
    imbue: tuple[str, ...]
    """Learned with the trigger where steady."""
    ask: tuple[str, ...]
    """Pointed out where steady; the person decides."""
    leave_out: tuple[str, ...]
    """Said of no picture, so left out of captions always."""

    def without(self, names: Iterable[str]) -> Preset:
        """The preset with some groups left to the prompt; UsageError for a group that there is not."""
        gone = {group.name for name in names for group in find_groups(name)}
        return replace(
            self,
            imbue=tuple(name for name in self.imbue if name not in gone),
            ask=tuple(name for name in self.ask if name not in gone),
        )


@cache
def load_presets() -> tuple[Preset, ...]:
    """Every preset, in the order of the file."""
    raw = tomllib.loads(files("loratui.captions").joinpath("presets.toml").read_text(encoding="utf-8"))
    return tuple(
        Preset(
            name=name,
            says=values["says"],
            kinds=tuple(values["kinds"]),
            imbue=tuple(values["imbue"]),
            ask=tuple(values["ask"]),
            leave_out=tuple(values["leave_out"]),
        )
        for name, values in raw.items()
    )


def find_preset(name: str) -> Preset:
    """A preset by its name, however its words are joined; raises UsageError naming those that there are."""
    folded = fold_tag(name.replace("-", " "))
    for preset in load_presets():
        if fold_tag(preset.name) == folded:
            return preset
    raise UsageError(
        f"There is no preset called {name!r}.",
        hint=f"Presets are {', '.join(preset.name for preset in load_presets())}.",
    )
