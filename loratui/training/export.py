"""Exporting a dataset so that it is trained as a recipe says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loratui.dataset.kohya import ExportResult, export_kohya
from loratui.events import Report, ignore_progress

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog
    from loratui.training.recipe import Recipe


def export_for_recipe(
    catalog: Catalog,
    subject: Subject | str,
    folder: Path,
    recipe: Recipe,
    *,
    report: Report = ignore_progress,
    cancel: threading.Event | None = None,
) -> ExportResult:
    """Write training folders whose dataset.toml says what the recipe does; raises like export_kohya."""
    return export_kohya(
        catalog,
        subject,
        folder,
        resolution=recipe.resolution,
        bucket_step=recipe.bucket_step,
        min_bucket=recipe.min_bucket,
        max_bucket=recipe.max_bucket,
        upscale=recipe.upscale,
        batch_size=recipe.batch_size,
        shuffle_captions=recipe.shuffle_captions,
        keep_tokens=recipe.keep_tokens,
        flip=recipe.flip,
        report=report,
        cancel=cancel,
    )
