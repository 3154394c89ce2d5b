"""Pictures leave a subject, and come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from loratui.catalog import edits, importer, journal, roles
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.config import Home


def test_removed_pictures_come_back_with_their_roles_and_tags(home: Home, tmp_path: Path) -> None:
    for shade in (10, 120, 240):
        Image.linear_gradient("L").point(lambda value, shade=shade: (value * shade) % 256).save(
            tmp_path / f"{shade}.png"
        )
    with open_catalog(home) as catalog:
        add_subject(catalog, "Mira", "Mirvok")
        importer.import_pictures(catalog, "Mira", [tmp_path / f"{shade}.png" for shade in (10, 120, 240)])
        roles.set_role(catalog, "Mira", "primary", "name:1*")
        edits.add_tags(catalog, "Mira", "name:1*", ["red hair"])
        before, tags = select_memberships(catalog, "Mira"), edits.tag_edits_of(catalog, "Mira")

        assert roles.remove_pictures(catalog, "Mira", "role:primary") == 2
        assert [item.name for item in select_memberships(catalog, "Mira")] == ["240.png"]
        assert edits.tag_edits_of(catalog, "Mira") == {}

        journal.undo(catalog)
        assert select_memberships(catalog, "Mira") == before
        assert edits.tag_edits_of(catalog, "Mira") == tags
