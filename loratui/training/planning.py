"""The plan of a training: the exact steps that a recipe takes with some pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loratui.dataset.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loratui.dataset.plan import Plan, Trainer
    from loratui.training.recipe import Recipe


def plan_recipe(
    pictures: Sequence[tuple[int, int, int]], recipe: Recipe, *, trainer: Trainer = "loratui", processes: int = 1
) -> Plan:
    """Plan a training of `pictures`, each (width, height, repeats) in upright pixels; raises like `make_plan`."""
    return make_plan(
        pictures,
        resolution=recipe.resolution,
        bucket_step=recipe.bucket_step,
        min_bucket=recipe.min_bucket,
        max_bucket=recipe.max_bucket,
        upscale=recipe.upscale,
        batch_size=recipe.batch_size,
        accumulation=recipe.accumulation,
        processes=processes,
        flip=recipe.flip,
        epochs=recipe.epochs,
        trainer=trainer,
    )
