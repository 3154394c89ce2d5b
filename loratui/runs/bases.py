"""Which base a training uses: registered ones, and the one that ships."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from loratui.catalog.bases import add_base, get_base, list_bases, move_base
from loratui.catalog.rows import Base
from loratui.config import find_assets
from loratui.errors import NotFoundError, UsageError
from loratui.training.bases import detect_base

if TYPE_CHECKING:
    from loratui.catalog.store import Catalog
    from loratui.training.bases import DetectedBase

SHIPPED = "cast"
"""Name of the base that comes with the package."""


def register_base(catalog: Catalog, name: str, path: Path) -> Base:
    """Look at a model on disk and register it; the same again gives the base that is there.

    Raises like `detect_base` for what can't be trained on, and ConflictError when the name is taken.
    """
    where = path.expanduser().absolute()
    found = detect_base(where)
    return add_base(catalog, name, where, family=found.family, layout=found.layout, resolution=found.resolution)


def find_shipped_base() -> DetectedBase:
    """Look at the base that ships without registering it; MissingFeatureError when the assets are not installed."""
    return detect_base(find_assets() / "cast" / "base")


def ensure_shipped_base(catalog: Catalog) -> Base:
    """The base that ships, registered on first use; MissingFeatureError when the assets are not installed."""
    path = find_assets() / "cast" / "base"
    known = next((base for base in list_bases(catalog) if base.name == SHIPPED), None)
    if known is None:
        found = detect_base(path)
        return add_base(
            catalog,
            SHIPPED,
            path,
            family=found.family,
            layout=found.layout,
            resolution=found.resolution,
            undoable=False,
        )
    # The package may have been installed elsewhere since.
    return known if Path(known.path).exists() else move_base(catalog, known.id, path)


def choose_base(catalog: Catalog, name: str = "") -> Base:
    """The base of a name, to train on; without one the only one registered, else the one that ships.

    Raises NotFoundError for an unknown name, UsageError when several could be meant.
    """
    return _choose(catalog, name) or ensure_shipped_base(catalog)


def foresee_base(catalog: Catalog, name: str = "") -> Base:
    """What choose_base would give, for looking ahead: nothing is registered, and the one that ships may have the id 0.

    Raises like choose_base.
    """
    if chosen := _choose(catalog, name):
        return chosen
    path, found = find_assets() / "cast" / "base", find_shipped_base()
    known = next((base for base in list_bases(catalog) if base.name == SHIPPED), None)
    if known is not None:
        return replace(known, path=str(path))
    return Base(
        id=0,
        name=SHIPPED,
        path=str(path),
        family=found.family,
        layout=found.layout,
        sha256="",
        resolution=found.resolution,
        notes="",
        created_at=datetime.now(UTC),
    )


def _choose(catalog: Catalog, name: str) -> Base | None:
    """The base that is meant, None for the one that ships."""
    if name == SHIPPED:
        return None
    if name:
        return get_base(catalog, name)
    own = [base for base in list_bases(catalog) if base.name != SHIPPED]
    if not own:
        return None
    if len(own) > 1:
        raise UsageError(
            f"Which base? There are {', '.join(base.name for base in own)}.",
            hint="Name it with --base, or set default_base in config.toml.",
        )
    return own[0]


def check_base(base: Base) -> None:
    """Raise NotFoundError or RefusedError when a registered model is no longer whole on disk."""
    try:
        detect_base(Path(base.path))
    except NotFoundError as error:
        raise NotFoundError(
            f"The base '{base.name}' is gone from {base.path}.",
            hint="Put it back, or register its new place under another name: `loratui base add NAME PATH`.",
        ) from error
