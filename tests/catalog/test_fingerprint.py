"""Changes that decide about what may be used are told from all the others."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from PIL import Image

from loratui.catalog import journal
from loratui.catalog.edits import store_tag_scores
from loratui.catalog.fingerprint import take_fingerprint
from loratui.catalog.importer import import_pictures
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject, record_consent, withdraw_consent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loratui.config import Home


def test_consents_pictures_ratings_and_undo_change_the_fingerprint(home: Home, tmp_path: Path) -> None:
    Image.linear_gradient("L").save(tmp_path / "a.png")
    with open_catalog(home) as catalog:

        def rate() -> None:
            (member,) = select_memberships(catalog, "Ada")
            store_tag_scores(catalog, member.picture_id, "wd@1/p1", [("general", "rating", 0.9)])

        steps: list[Callable[[], object]] = [
            lambda: add_subject(catalog, "Ada", "adatok", kind="person"),
            lambda: record_consent(catalog, "Ada", who="Ada", scope="training"),
            lambda: import_pictures(catalog, "Ada", [tmp_path / "a.png"]),
            rate,
            lambda: withdraw_consent(catalog, "Ada"),
            lambda: journal.undo(catalog, consent=True),
            lambda: journal.redo(catalog),
        ]
        seen = [take_fingerprint(catalog)]
        for step in steps:
            step()
            seen.append(take_fingerprint(catalog))
    assert all(before != after for before, after in pairwise(seen))
