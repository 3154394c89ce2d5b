"""The pictures a subject is trained on, as whole rows have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loratui.catalog import crops
from loratui.catalog.query import select_memberships
from loratui.catalog.trained import list_trained

if TYPE_CHECKING:
    from collections.abc import Callable

    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog


def test_trained_pictures_have_the_size_repeats_and_state_of_their_rows(
    catalog: Catalog, mira: Subject, fill: Callable[..., list[int]]
) -> None:
    ids = fill(
        mira, {"role": "primary"}, {"role": "supporting", "repeats": 7}, {}, {"role": "holdout"}, {"role": "primary"}
    )
    crops.set_crop(catalog, mira, [ids[4]], (1, 2, 40, 50))
    rows = select_memberships(catalog, mira, "role:primary or role:supporting")
    assert [tuple(one) for one in list_trained(catalog, "mira")] == [
        (row.id, row.picture_id, row.used_width, row.used_height, row.repeats, row.state) for row in rows
    ]
    assert len(rows) == 3
