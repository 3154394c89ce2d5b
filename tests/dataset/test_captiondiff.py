"""Captions compared with what a training saw, and kohya's caption files that come out as they went in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loratui.captions.service import change_rules, import_sidecars
from loratui.catalog.edits import add_tags
from loratui.catalog.journal import undo
from loratui.catalog.query import select_memberships
from loratui.catalog.roles import set_role
from loratui.catalog.subjects import add_subject
from loratui.dataset.captiondiff import diff_captions
from loratui.dataset.kohya import export_kohya
from loratui.dataset.snapshot import freeze
from loratui.errors import NotFoundError, RefusedError

from .conftest import SIZES

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.catalog.store import Catalog


def test_captions_are_compared_with_the_latest_frozen_dataset(catalog: Catalog, mira: str) -> None:
    add_tags(catalog, mira, "name:one*", ["hat", "freckles"])
    frozen = freeze(catalog, mira)
    assert diff_captions(catalog, mira).differences == ()
    change_rules(catalog, mira, {"imbued": ["freckles"]})
    set_role(catalog, mira, "rejected", "name:two*")
    found = diff_captions(catalog, mira)
    assert (found.snapshot, found.pictures) == (frozen.hash, 3)
    assert [(one.name, one.state, one.before, one.after) for one in found.differences] == [
        ("one.png", "changed", "photo of Mira, hat, freckles", "photo of Mira, hat"),
        ("two.jpg", "removed", "photo of Mira", None),
    ]
    freeze(catalog, mira)
    assert diff_captions(catalog, mira).differences == ()
    assert len(diff_captions(catalog, mira, snapshot=frozen.hash[:8]).differences) == 2
    set_role(catalog, mira, "primary", "name:two*")
    (back,) = diff_captions(catalog, mira).differences
    assert (back.name, back.state) == ("two.jpg", "added")


def test_without_a_frozen_dataset_there_is_nothing_to_compare_with(catalog: Catalog, mira: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        diff_captions(catalog, mira)
    assert "--set" in caught.value.hint


def test_a_dataset_of_another_subject_is_no_measure(catalog: Catalog, mira: str) -> None:
    frozen = freeze(catalog, mira)
    add_subject(catalog, "nora", "Nora")
    with pytest.raises(RefusedError):
        diff_captions(catalog, "nora", snapshot=frozen.hash)


WORDS = st.sampled_from(["hat", "straw hat", "long_hair", "very long hair", "^_^", "1girl", "star (symbol)", "highres"])
TAGS = st.one_of(WORDS, st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=6))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12, deadline=None)
@given(st.lists(st.lists(TAGS, max_size=50, unique_by=lambda tag: tag.casefold()), min_size=4, max_size=4))
def test_caption_files_of_kohya_come_out_of_an_export_as_they_went_in(
    catalog: Catalog, mira: str, tmp_path: Path, captions: list[list[str]]
) -> None:
    texts = {}
    for name, tags in zip(SIZES, captions, strict=True):
        own = [tag for tag in tags if tag.casefold() != "mira"]
        texts[name] = ", ".join(["photo of Mira", *own])
        (tmp_path / f"{name}.txt").write_text(texts[name] + "\n", encoding="utf-8")
    pairs = [(one.id, tmp_path / f"{one.name}.txt") for one in select_memberships(catalog, mira)]
    is_new = bool(import_sidecars(catalog, mira, pairs).imported)
    result = export_kohya(catalog, mira, tmp_path / "out")
    written = sorted(path.read_text(encoding="utf-8").rstrip("\n") for path in (tmp_path / "out").rglob("*.txt"))
    assert result.pictures == len(SIZES) and written == sorted(texts.values())
    if is_new:
        undo(catalog)
