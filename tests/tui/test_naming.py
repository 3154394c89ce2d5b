"""Naming pictures in a command line: the query means exactly the pictures that were meant."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

import pytest

from loratui.catalog.naming import tell_apart
from loratui.catalog.query import select_ids, select_memberships
from loratui.catalog.roles import set_role
from loratui.catalog.store import open_catalog
from loratui.tui.naming import name_pictures

if TYPE_CHECKING:
    from loratui.config import Home


@pytest.mark.parametrize("query", ["", "role:primary OR name:*_01*"])
@pytest.mark.parametrize("chosen", [slice(0, 1), slice(1, 4), slice(0, None), slice(1, None)])
def test_a_name_means_what_was_marked(mira: Home, query: str, chosen: slice) -> None:
    with open_catalog(mira) as catalog:
        set_role(catalog, "Mira", "primary", list(select_ids(catalog, "Mira"))[:6])
        shown = list(select_ids(catalog, "Mira", query))
        ids = shown[chosen]
        name = name_pictures(catalog, "Mira", ids, query, len(shown))
        assert [row.id for row in select_memberships(catalog, "Mira", name)] == ids


def test_most_pictures_are_named_by_what_is_left_out(mira: Home) -> None:
    with open_catalog(mira) as catalog:
        shown = list(select_ids(catalog, "Mira"))
        assert name_pictures(catalog, "Mira", shown, "", 12) == "all"
        assert name_pictures(catalog, "Mira", shown, "role:inbox", 12) == "role:inbox"
        assert name_pictures(catalog, "Mira", shown[1:], "role:inbox", 12).startswith("(role:inbox) -(sha:")
        assert name_pictures(catalog, "Mira", shown[1:3], "", 12).count("sha:") == 2
        assert name_pictures(catalog, "Mira", shown, None, 12).count("sha:") == 12
        set_role(catalog, "Mira", "primary", shown[:1])
        assert name_pictures(catalog, "Mira", shown, "role:inbox", 12).count("sha:") == 12


def test_pictures_of_one_name_are_told_apart_by_folder_else_by_hash(mira: Home) -> None:
    with open_catalog(mira) as catalog:
        pictures = select_memberships(catalog, "Mira")

    def name(*sources: str) -> list[str]:
        given = [
            replace(picture, name=PurePath(source).name, source_path=source.encode() if "/" in source else b"")
            for picture, source in zip(pictures, sources, strict=False)
        ]
        return list(tell_apart(given).values())

    hashes = [picture.sha256[:6] for picture in pictures]
    assert name("/p/a/1.png", "/p/a/2.png") == ["1.png", "2.png"]
    assert name("/p/a/1.png", "/p/b/1.png") == ["a/1.png", "b/1.png"]
    assert name("/p/a/new/1.png", "/p/b/new/1.png", "/p/old/1.png") == ["a/new/1.png", "b/new/1.png", "p/old/1.png"]
    assert name("1.png", "1.png") == [f"{hashes[0]} 1.png", f"{hashes[1]} 1.png"]
    assert name("/p/a/1.png", "/p/a/1.png") == [f"{hashes[0]} 1.png", f"{hashes[1]} 1.png"]
