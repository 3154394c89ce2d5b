"""Which base a training uses."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from loratui.catalog.bases import list_bases
from loratui.catalog.journal import history
from loratui.errors import ConflictError, LoratuiError, NotFoundError, UsageError
from loratui.runs import bases
from loratui.runs.bases import check_base, choose_base, ensure_shipped_base, foresee_base, register_base

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.catalog.store import Catalog


@pytest.fixture
def assets(tmp_path: Path, toy_base: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Shipped assets with a base that is quick to look at."""
    folder = tmp_path / "assets"
    shutil.copytree(toy_base, folder / "cast" / "base")
    monkeypatch.setattr(bases, "find_assets", lambda: folder)
    return folder


def test_without_any_base_of_ones_own_the_shipped_one_is_used(catalog: Catalog, assets: Path) -> None:
    base = choose_base(catalog)
    assert (base.name, base.family, base.layout, base.resolution) == ("cast", "sd1", "folder", 64)
    assert base.path == str(assets / "cast" / "base")
    assert choose_base(catalog, "cast") == ensure_shipped_base(catalog) == base
    assert len(list_bases(catalog)) == 1
    assert history(catalog, 10) == [], "what loratui does by itself is nothing to undo"


def test_looking_ahead_registers_nothing_and_finds_the_base_that_training_would_take(
    catalog: Catalog, assets: Path
) -> None:
    ahead = foresee_base(catalog)
    assert list_bases(catalog) == []
    chosen = choose_base(catalog)
    assert (ahead.name, ahead.path, ahead.resolution, ahead.id) == (chosen.name, chosen.path, chosen.resolution, 0)
    assert foresee_base(catalog) == foresee_base(catalog, "cast") == chosen
    with pytest.raises(NotFoundError):
        foresee_base(catalog, "none")


def test_the_only_base_of_ones_own_goes_before_the_shipped_one(catalog: Catalog, assets: Path, toy_base: Path) -> None:
    ensure_shipped_base(catalog)
    own = register_base(catalog, "mine", toy_base)
    assert choose_base(catalog) == own
    register_base(catalog, "other", toy_base)
    with pytest.raises(UsageError, match="mine, other"):
        choose_base(catalog)
    assert choose_base(catalog, "mine") == own


def test_the_shipped_base_is_found_again_after_the_package_moved(
    catalog: Catalog, assets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ensure_shipped_base(catalog)
    moved = assets.rename(assets.with_name("elsewhere"))
    monkeypatch.setattr(bases, "find_assets", lambda: moved)
    after = ensure_shipped_base(catalog)
    assert after.id == before.id
    assert after.path == str(moved / "cast" / "base")


def test_registering_looks_at_the_model(catalog: Catalog, toy_base: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        register_base(catalog, "mine", tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(LoratuiError):
        register_base(catalog, "mine", tmp_path / "empty")
    base = register_base(catalog, "mine", toy_base)
    assert register_base(catalog, "mine", toy_base) == base
    with pytest.raises(ConflictError):
        register_base(catalog, "mine", shutil.copytree(toy_base, tmp_path / "copy"))


def test_a_base_that_is_gone_is_told_with_its_path(catalog: Catalog, toy_base: Path) -> None:
    base = register_base(catalog, "mine", toy_base)
    check_base(base)
    toy_base.rename(toy_base.with_name("moved"))
    with pytest.raises(NotFoundError, match="gone from"):
        check_base(base)
