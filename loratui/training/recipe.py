"""Typed training settings, checked before anything is started, with presets that work for each base family."""

from __future__ import annotations

import contextlib
import difflib
import math
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Self

from loratui.dataset.buckets import BucketSettings
from loratui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEDULERS = ("constant", "cosine")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
SAVE_PRECISIONS = ("fp32", "bf16", "fp16")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides a training besides its base and its dataset; sizes in pixels, rates per step."""

    epochs: int = 10
    batch_size: int = 2
    accumulation: int = 1
    """Batches whose gradients are added up before one optimizer step."""
    resolution: int = 512
    """Side of the square whose area every bucket keeps to."""
    bucket_step: int = 64
    min_bucket: int = 256
    max_bucket: int = 1024
    upscale: bool = True
    """Whether pictures smaller than their bucket are enlarged."""
    learning_rate: float = 1e-4
    text_encoder_lr: float = 0.0
    """0 leaves the text encoder as it is."""
    weight_decay: float = 0.01
    scheduler: str = "cosine"
    warmup_steps: int = 0
    rank: int = 16
    alpha: float = 16.0
    """A LoRA acts with strength alpha / rank."""
    min_snr_gamma: float = 5.0
    """0 weighs all timesteps alike."""
    noise_offset: float = 0.0
    caption_dropout: float = 0.05
    """Share of samples trained without their caption."""
    shuffle_captions: bool = False
    keep_tokens: int = 1
    """Tags at the start of a caption that shuffling leaves in place."""
    flip: bool = False
    precision: str = "auto"
    """auto is bf16 on CUDA and fp32 on the CPU."""
    save_precision: str = "fp32"
    seed: int = 0
    save_every: int = 1
    """Epochs between checkpoints; the last epoch always gets one."""
    max_grad_norm: float = 1.0
    """0 does not clip."""
    gradient_checkpointing: bool = False
    state_every: int = 100
    """Steps between resumable states; the end of an epoch always gets one. 0 saves at epoch ends alone."""

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """Read and check settings; those left out keep their default. UsageError names an unknown key's nearest."""
        known = {field.name: field.type for field in fields(cls)}
        values: dict[str, Any] = {}
        for key, value in raw.items():
            if key not in known:
                raise _unknown_key(key, list(known))
            values[key] = _check_type(key, value, str(known[key]))
        recipe = cls(**values)
        recipe.validate()
        return recipe

    @property
    def bucketing(self) -> BucketSettings:
        """What decides the bucket of a picture."""
        return BucketSettings(self.resolution, self.bucket_step, self.min_bucket, self.max_bucket, self.upscale)

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain JSON values, every one of them."""
        return asdict(self)

    def with_changes(self, **changes: Any) -> Self:
        """A checked copy with some settings changed; raises UsageError like `from_dict`."""
        return type(self).from_dict({**self.to_dict(), **changes})

    def validate(self) -> None:
        """Raise UsageError for the first setting that can't be trained with."""
        for name in _LIMITS:
            check_limits(name, getattr(self, name))
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise UsageError(f"{name} can't be {value!r}.", hint=f"Use one of: {', '.join(choices)}.")
        # Kohya rounds the lower limit down and the upper one up to whole steps; so does dataset.buckets.
        lowest_side = self.min_bucket - self.min_bucket % self.bucket_step
        highest_side = self.max_bucket + -self.max_bucket % self.bucket_step
        if not 0 < lowest_side <= self.resolution <= highest_side or self.bucket_step > self.resolution:
            raise UsageError(
                f"The buckets from {self.min_bucket} to {self.max_bucket} in steps of {self.bucket_step} do not hold "
                f"the resolution {self.resolution}.",
                hint="Keep min_bucket <= resolution <= max_bucket, all at least one bucket_step.",
            )
        if self.learning_rate == 0 and self.text_encoder_lr == 0:
            raise UsageError(
                "Both learning rates are 0: nothing would be trained.", hint="Set learning_rate, for instance to 1e-4."
            )


_LIMITS: dict[str, tuple[float, float]] = {
    "epochs": (1, 100_000),
    "batch_size": (1, 4096),
    "accumulation": (1, 4096),
    "resolution": (8, 8192),
    "bucket_step": (8, 1024),
    "min_bucket": (8, 8192),
    "max_bucket": (8, 16384),
    "learning_rate": (0, 10),
    "text_encoder_lr": (0, 10),
    "weight_decay": (0, 10),
    "warmup_steps": (0, 10_000_000),
    "rank": (1, 1024),
    # A LoRA file with alpha 0 is read as alpha = rank by every loader.
    "alpha": (1e-6, 65536),
    "min_snr_gamma": (0, 1000),
    "noise_offset": (0, 1),
    "caption_dropout": (0, 1),
    "keep_tokens": (0, 1000),
    "seed": (0, 2**63 - 1),
    "save_every": (1, 100_000),
    "max_grad_norm": (0, 1e9),
    "state_every": (0, 10_000_000),
}

_CHOICES = {"scheduler": SCHEDULERS, "precision": PRECISIONS, "save_precision": SAVE_PRECISIONS}

_ADVICE = {
    "learning_rate": "1e-4 is a good start for Stable Diffusion 1, 1e-3 for the shipped cast.",
    "text_encoder_lr": "Use half the learning rate or less, or 0 to leave the text encoder alone.",
    "rank": "8 to 32 suits one subject.",
    "alpha": "Use the rank, or half of it.",
    "caption_dropout": "It is a share: 0.05 drops one caption in twenty.",
    "batch_size": "1 to 8 suits most graphics cards.",
}


def check_limits(name: str, value: float) -> None:
    """Raise UsageError for a number that the setting of this name can't be."""
    lowest, highest = _LIMITS[name]
    if not lowest <= value <= highest or not math.isfinite(value):
        # Whole numbers can be too long for a float.
        shown = f"{value:g}" if isinstance(value, float) else str(value)
        raise UsageError(f"{name} is {shown}; it must lie between {lowest:g} and {highest:g}.", hint=_advice(name))


def _advice(name: str) -> str:
    return _ADVICE.get(name, f"Leave {name} out to use the preset's value.")


def _unknown_key(key: str, known: list[str]) -> UsageError:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}?" if near else f"Known settings: {', '.join(known)}."
    return UsageError(f"There is no training setting called {key!r}.", hint=hint)


def _check_type(key: str, value: Any, wanted: str) -> Any:
    if wanted == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    kinds = {"int": int, "float": float, "bool": bool, "str": str}
    if not isinstance(value, kinds[wanted]) or (wanted == "int" and isinstance(value, bool)):
        words = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "a word"}
        raise UsageError(f"{key} must be {words[wanted]}, not {value!r}.", hint=_advice(key))
    return value


def parse_setting(key: str, text: str) -> Any:
    """Read a setting as a person types it; UsageError says what it must be. Limits are checked by the recipe."""
    known = {field.name: str(field.type) for field in fields(Recipe)}
    if key not in known:
        raise _unknown_key(key, list(known))
    value: Any = text.strip()
    if known[key] == "bool":
        value = _SWITCH.get(value.lower(), value)
    elif known[key] in ("int", "float"):
        # What is no number is told like any value of the wrong type.
        with contextlib.suppress(ValueError):
            value = int(value) if known[key] == "int" else float(value)
    return _check_type(key, value, known[key])


def write_setting(value: float | str) -> str:
    """A setting as a person would type it; `parse_setting` reads it back."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


_SWITCH = {"on": True, "yes": True, "true": True, "1": True, "off": False, "no": False, "false": False, "0": False}

SMALL = 256
"""Bases whose native resolution is below this are tiny models, like the shipped cast."""

# A state of rank 16 has 113 MB: saved every 250 steps it costs a fast card about 3 % of its time.
_SD1 = Recipe(state_every=250)
_CAST = Recipe(
    epochs=10,
    batch_size=8,
    resolution=64,
    bucket_step=16,
    min_bucket=32,
    max_bucket=128,
    learning_rate=2.5e-3,
    scheduler="cosine",
    warmup_steps=10,
    rank=8,
    alpha=8.0,
    caption_dropout=0.05,
    state_every=50,
)


def preset_for(family: str, resolution: int) -> Recipe:
    """The settings to start from for a base of a family and native resolution (see trainers' common presets)."""
    if family not in ("sd1", "cast"):
        raise UsageError(
            f"There are no settings for bases of the family {family!r}.", hint="Only Stable Diffusion 1 (sd1) for now."
        )
    if family == "cast" or resolution < SMALL:
        return _CAST if resolution == _CAST.resolution else _scale(_CAST, resolution)
    return _SD1 if resolution == _SD1.resolution else _scale(_SD1, resolution)


def _scale(recipe: Recipe, resolution: int) -> Recipe:
    """The recipe for another resolution: limits in proportion, steps as they are."""
    step = min(recipe.bucket_step, resolution)
    lowest = max(step, recipe.min_bucket * resolution // recipe.resolution // step * step)
    highest = max(resolution, recipe.max_bucket * resolution // recipe.resolution)
    return replace(recipe, resolution=resolution, bucket_step=step, min_bucket=lowest, max_bucket=highest)
