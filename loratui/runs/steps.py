"""The exact steps that a subject would take now, with the base and the settings that a training starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loratui.catalog.trained import list_trained
from loratui.runs.bases import foresee_base
from loratui.training.planning import plan_recipe
from loratui.training.recipe import preset_for

if TYPE_CHECKING:
    from loratui.catalog.rows import Base, Subject
    from loratui.catalog.store import Catalog
    from loratui.dataset.plan import Plan
    from loratui.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class SubjectPlan:
    """A plan with what it was made for; `lost` training pictures are missing or damaged, and block a training."""

    base: Base
    recipe: Recipe
    plan: Plan
    lost: int


def plan_subject(catalog: Catalog, subject: Subject | str, base: str = "", recipe: Recipe | None = None) -> SubjectPlan:
    """Plan a training of a subject as it is now, without computing its captions.

    Without a recipe the preset of the base counts, without a base the default one. Raises like choose_base, and
    RefusedError for a picture too narrow to be trained without enlarging.
    """
    chosen = foresee_base(catalog, base)
    settings = preset_for(chosen.family, chosen.resolution) if recipe is None else recipe
    pictures = list_trained(catalog, subject)
    plan = plan_recipe([(picture.used_width, picture.used_height, picture.repeats) for picture in pictures], settings)
    return SubjectPlan(chosen, settings, plan, sum(picture.state != "ok" for picture in pictures))
