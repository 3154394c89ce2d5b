"""Training settings as options that plan, export and train share."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from loratui.catalog.rows import Base
    from loratui.catalog.store import Catalog
    from loratui.training.recipe import Recipe


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class RecipeOptions:
    """What differs from the preset of the base's family."""

    epochs: Annotated[int | None, Parameter(help="Passes over the dataset.")] = None
    batch_size: Annotated[int | None, Parameter(help="Pictures per forward pass.")] = None
    accumulation: Annotated[int | None, Parameter(help="Batches per optimizer step.")] = None
    resolution: Annotated[int | None, Parameter(help="Side of a square picture, in pixels.")] = None
    bucket_step: Annotated[int | None, Parameter(help="Bucket sides are multiples of this.")] = None
    min_bucket: Annotated[int | None, Parameter(help="Shortest bucket side.")] = None
    max_bucket: Annotated[int | None, Parameter(help="Longest bucket side.")] = None
    upscale: Annotated[bool | None, Parameter(help="Enlarge small pictures to fill a bucket.")] = None
    learning_rate: Annotated[float | None, Parameter(help="Of the UNet's LoRA.")] = None
    text_encoder_lr: Annotated[float | None, Parameter(help="Of the text encoder's LoRA; 0 leaves it alone.")] = None
    weight_decay: float | None = None
    scheduler: Literal["constant", "cosine"] | None = None
    warmup_steps: int | None = None
    rank: int | None = None
    alpha: Annotated[float | None, Parameter(help="The LoRA is scaled by alpha / rank.")] = None
    min_snr_gamma: Annotated[float | None, Parameter(help="Weighs timesteps by min-SNR; 0 is off.")] = None
    noise_offset: float | None = None
    caption_dropout: Annotated[float | None, Parameter(help="Share of captions left empty.")] = None
    shuffle_captions: bool | None = None
    keep_tokens: Annotated[int | None, Parameter(help="Tags at the start that shuffling keeps.")] = None
    flip: Annotated[bool | None, Parameter(help="Mirror each use of a picture with probability 1/2.")] = None
    precision: Literal["auto", "fp32", "bf16", "fp16"] | None = None
    save_precision: Literal["fp32", "bf16", "fp16"] | None = None
    seed: int | None = None
    save_every: Annotated[int | None, Parameter(help="Epochs between checkpoints.")] = None
    max_grad_norm: float | None = None
    gradient_checkpointing: bool | None = None
    state_every: Annotated[int | None, Parameter(help="Steps between resumable states.")] = None

    def apply(self, recipe: Recipe) -> Recipe:
        """The recipe with what was asked for; UsageError when a value can't be."""
        asked = {name: value for name, value in asdict(self).items() if value is not None}
        changed = replace(recipe, **asked)
        changed.validate()
        return changed


PRESET = RecipeOptions()


def choose_recipe(catalog: Catalog, base: str | None, options: RecipeOptions) -> tuple[Base, Recipe]:
    """The base that was named, or the default one, and the recipe for it; nothing is registered by asking."""
    from loratui.cli.session import read_settings
    from loratui.runs.bases import foresee_base
    from loratui.training.recipe import preset_for

    chosen = foresee_base(catalog, base or read_settings().default_base)
    return chosen, options.apply(preset_for(chosen.family, chosen.resolution))
