"""How images are sampled: steps, guidance and sampler, and the sample images that a training is asked for."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

from loratui.errors import UsageError
from loratui.training.recipe import SMALL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SAMPLERS: Mapping[str, str] = {"ddim": "DDIM", "euler": "Euler", "euler_a": "Euler a", "dpmpp_2m": "DPM++ 2M"}
"""Our names of the samplers, and the names that other programs read in picture metadata."""


_PLACEHOLDER = re.compile(r"\{(\w+|\s*)\}")
_PLACEHOLDERS = ("trigger", "class", "class_word")
_SLIP = re.compile(r"\{+\s*(?:trigger|class(?:_word)?)\b|\b(?:trigger|class(?:_word)?)\s*\}+")


@dataclass(frozen=True, slots=True)
class Sampling:
    """The way from noise to an image; guidance of 1 or less leaves the negative prompt out."""

    steps: int = 20
    cfg: float = 7.0
    sampler: str = "dpmpp_2m"

    def validate(self) -> None:
        """Raise UsageError for a value that can't be sampled with."""
        problems = {
            f"{self.steps} steps is not between 1 and 1000.": not 1 <= self.steps <= 1000,
            f"The guidance {self.cfg} is not between 0 and 50.": not 0 <= self.cfg <= 50,
            f"The sampler '{self.sampler}' is not known.": self.sampler not in SAMPLERS,
        }
        for problem, wrong in problems.items():
            if wrong:
                raise UsageError(problem, hint=f"Samplers: {', '.join(SAMPLERS)}.")


def choose_sampling(resolution: int) -> Sampling:
    """What a base of a native resolution is usually sampled with.

    A small base predicts noise roughly: the fresh noise of an ancestral sampler washes its errors out, where the
    others carry them into the image (on the drawn base: blurred faces).
    """
    return Sampling(steps=14, cfg=4.0, sampler="euler_a") if resolution < SMALL else Sampling()


def fill_placeholders(prompt: str, *, trigger: str, class_word: str = "") -> str:
    """The prompt with `{trigger}` and `{class}` (or `{class_word}`) replaced; any other brace stays as it is."""
    prompt = prompt.replace("{trigger}", trigger)
    return prompt.replace("{class}", class_word).replace("{class_word}", class_word)


def check_placeholders(prompt: str) -> None:
    """Raise UsageError for braces that nothing is known to fill, empty ones too, and for a word that lacks one."""
    known = "{trigger} and {class} are filled in."
    for word in _PLACEHOLDER.findall(prompt):
        if word not in _PLACEHOLDERS:
            raise UsageError(
                f"Nothing is filled in for {{{word}}}, in the prompt '{prompt.strip()}'.",
                hint=f"{known} Leave the braces out{' to have the word itself' if word.strip() else ''}.",
            )
    if slip := _SLIP.search(_PLACEHOLDER.sub("", prompt)):
        raise UsageError(
            f"The prompt '{prompt.strip()}' has a brace too few: {slip[0]}", hint=f"{known} They need both braces."
        )


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """The images that a training renders as it goes: each prompt with each seed, at the recipe's resolution."""

    prompts: tuple[str, ...]
    negative: str = ""
    seeds: tuple[int, ...] = (1,)
    every: int = 0
    """Epochs between samples, the last one always included; 0 samples every epoch that gets a checkpoint."""
    sampling: Sampling = field(default_factory=Sampling)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote; raises UsageError for values that can't be rendered, KeyError without prompts."""
        kept = {name: raw[name] for name in ("steps", "cfg", "sampler") if name in raw}
        request = cls(
            prompts=tuple(str(prompt) for prompt in raw["prompts"]),
            negative=str(raw.get("negative", "")),
            seeds=tuple(int(seed) for seed in raw.get("seeds", (1,))),
            every=int(raw.get("every", 0)),
            sampling=Sampling(**kept),
        )
        request.validate()
        return request

    def to_dict(self) -> dict[str, Any]:
        """The request as plain JSON values."""
        return {
            "prompts": list(self.prompts),
            "negative": self.negative,
            "seeds": list(self.seeds),
            "every": self.every,
            **asdict(self.sampling),
        }

    def validate(self) -> None:
        """Raise UsageError for a request that can't be rendered."""
        self.sampling.validate()
        if not self.prompts or not all(prompt.strip() for prompt in self.prompts):
            raise UsageError("A sample needs a prompt.", hint='For example --sample "photo of {trigger}, smiling".')
        if not self.seeds or not all(0 <= seed < 2**63 for seed in self.seeds) or self.every < 0:
            raise UsageError("Samples need seeds, and epochs between them, of 0 or more.", hint="Leave them out.")

    def images(self) -> list[tuple[str, int]]:
        """(prompt, seed) of every image, all seeds of a prompt together."""
        return [(prompt, seed) for prompt in self.prompts for seed in self.seeds]

    def is_due(self, epoch: int, *, last: int, save_every: int) -> bool:
        """Whether an epoch counted from 1 is to be shown."""
        return epoch == last or epoch % (self.every or save_every) == 0


def plan_samples(prompts: Sequence[str], *, trigger: str, class_word: str, resolution: int) -> SampleRequest | None:
    """What to ask a training for, given prompts with placeholders; None without prompts, UsageError for blank ones."""
    if not prompts:
        return None
    for text in prompts:
        check_placeholders(text)
    filled = dict.fromkeys(fill_placeholders(text, trigger=trigger, class_word=class_word).strip() for text in prompts)
    request = SampleRequest(tuple(filled), sampling=choose_sampling(resolution))
    request.validate()
    return request
