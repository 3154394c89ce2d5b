"""Bases: one name, one model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loratui.catalog.bases import add_base, get_base, get_base_by_id, list_bases, remove_base
from loratui.catalog.journal import undo
from loratui.catalog.store import Catalog, open_catalog
from loratui.errors import ConflictError, NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loratui.config import Home


@pytest.fixture
def catalog(home: Home) -> Iterator[Catalog]:
    with open_catalog(home) as catalog:
        yield catalog


def add(catalog: Catalog, name: str, path: str = "/models/a") -> int:
    return add_base(catalog, name, Path(path), family="sd1", layout="folder", resolution=512).id


def test_adding_the_same_base_again_gives_the_one_that_is_there(catalog: Catalog) -> None:
    assert add(catalog, "anime") == add(catalog, "anime")
    assert [base.name for base in list_bases(catalog)] == ["anime"]


def test_a_name_stands_for_one_model(catalog: Catalog) -> None:
    add(catalog, "anime")
    with pytest.raises(ConflictError, match="/models/a"):
        add(catalog, "anime", "/models/b")


def test_a_base_that_is_not_there_is_named_with_its_neighbours(catalog: Catalog) -> None:
    with pytest.raises(NotFoundError) as caught:
        get_base(catalog, "anime")
    assert "base add" in caught.value.hint
    add(catalog, "anime")
    with pytest.raises(NotFoundError) as caught:
        get_base(catalog, "anmie")
    assert "anime" in caught.value.hint
    with pytest.raises(NotFoundError):
        get_base_by_id(catalog, 99)


def test_adding_a_base_can_be_undone(catalog: Catalog) -> None:
    add(catalog, "anime")
    undo(catalog)
    assert list_bases(catalog) == []


def test_a_base_needs_a_name_and_a_known_layout(catalog: Catalog) -> None:
    with pytest.raises(UsageError):
        add(catalog, "  ")
    with pytest.raises(UsageError):
        add_base(catalog, "a", Path("/a"), family="sd1", layout="zip", resolution=512)


def test_a_base_is_removed_and_comes_back_with_undo(catalog: Catalog) -> None:
    add(catalog, "anime")
    base = get_base(catalog, "anime")
    assert remove_base(catalog, "anime") == base
    assert list_bases(catalog) == []
    undo(catalog)
    assert list_bases(catalog) == [base]
    with pytest.raises(NotFoundError):
        remove_base(catalog, "manga")
