"""What goes out of sight with a subject."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loratui.catalog.belongings import Belongings, count_belongings
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject, record_consent

if TYPE_CHECKING:
    from loratui.config import Home


def test_belongings_are_told_in_words() -> None:
    assert Belongings(0, 0, 0, consent=False).describe() == ""
    assert Belongings(1, 0, 0, consent=False).describe() == "1 picture"
    everything = Belongings(1204, 1, 2, consent=True)
    assert everything.describe() == "1,204 pictures, 1 training, 2 sheets and the record of consent"
    assert everything.describe(pictures=False) == "1 training, 2 sheets and the record of consent"


def test_a_subject_without_pictures_may_have_a_consent(home: Home) -> None:
    with open_catalog(home) as catalog:
        add_subject(catalog, "Ada", "adatok", kind="person")
        record_consent(catalog, "Ada", who="Ada", scope="training")
        assert count_belongings(catalog, "Ada") == Belongings(0, 0, 0, consent=True)
