"""The overview of all subjects: what it counts, and when it knows that a count is out of date."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from loratui.captions.coverage import coverage_of
from loratui.catalog import tables
from loratui.catalog.crops import set_crop
from loratui.catalog.dedupe import find_groups, record_verdict
from loratui.catalog.edits import add_tags
from loratui.catalog.journal import redo, undo
from loratui.catalog.query import select_memberships
from loratui.catalog.roles import remove_pictures, set_rating, set_repeats, set_role
from loratui.catalog.runs import list_checkpoints
from loratui.catalog.sheets import PlannedCell, create_sheet, list_cells, rate_cells
from loratui.catalog.store import now
from loratui.catalog.subjects import add_subject, remove_subject
from loratui.errors import Cancelled
from loratui.review.overview import SubjectOverview, overview, refresh_measures
from loratui.review.request import BaseModel, LoraFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loratui.catalog.rows import Run, Subject
    from loratui.catalog.store import Catalog


@pytest.fixture
def mira(catalog: Catalog) -> Subject:
    """Six pictures, two and two of the same pixels."""
    subject, _ = add_subject(catalog, "Mira", "mirvok")
    _fill(catalog, subject, "aabbcd")
    return subject


def _fill(catalog: Catalog, subject: Subject, pixels: str) -> None:
    hashes: dict[str, Any] = dict.fromkeys(("phash", "dhash", "phash_mirrored", "dhash_mirrored"), 0)
    with catalog.journal("import", "import") as change:
        pictures = [
            {"sha256": f"{subject.id:08x}{at:056x}", "pixel_sha256": f"{subject.id}{letter}", "format": "PNG"}
            | {"bytes": 9, "width": 64, "height": 64, "warnings": ["blank"], "imported_at": now()}
            | hashes
            for at, letter in enumerate(pixels)
        ]
        ids = change.insert(tables.picture, pictures)
        member = {"subject_id": subject.id, "role": "primary", "added_at": now()}
        change.insert(
            tables.membership, [member | {"picture_id": id_, "name": f"{at}.png"} for at, id_ in enumerate(ids)]
        )


def _look(catalog: Catalog, name: str = "Mira") -> SubjectOverview:
    (found,) = [item for item in overview(catalog) if item.subject.name == name]
    return found


@pytest.fixture
def rate(catalog: Catalog, make_run: Callable[..., Run], tmp_path: Path) -> Callable[..., Run]:
    """Make a run of a new subject with an epoch for each list of ratings."""

    def make(*ratings: list[int], trigger: str = "noravok") -> Run:
        weights = tmp_path / "weights"
        weights.write_bytes(b"x")
        loras = [LoraFile(str(weights), "x", f"{number:064x}") for number in range(len(ratings))]
        made = make_run(BaseModel("base", "/base", sha256="ab" * 32), *loras, trigger=trigger)
        cells = [
            PlannedCell(f"{point.id} {seed}", point.id, point.epoch, 1.0, "a photo", "", seed)
            for point, given in zip(list_checkpoints(catalog, made.id), ratings, strict=True)
            for seed in range(len(given))
        ]
        cells.append(PlannedCell("none", None, None, 1.0, "a photo", "", 0))
        sheet = create_sheet(catalog, run_id=made.id, run_name=made.name, folder=made.name, settings={}, cells=cells)
        stored = list_cells(catalog, sheet.id)
        for cell, rating in zip(stored, [*(number for given in ratings for number in given), 5], strict=True):
            rate_cells(catalog, [cell.id], rating)
        return made

    return make


def test_pictures_roles_and_influence_are_counted(catalog: Catalog, mira: Subject) -> None:
    set_role(catalog, mira, "supporting", "name:4 OR name:5")
    found = _look(catalog)
    assert (found.pictures, found.counts["primary"], found.counts["supporting"]) == (6, 4, 2)
    assert found.ratio == 4 * 5 / (2 * 2)
    assert (found.runs, found.last_run, found.best) == (0, None, None)


def test_subjects_come_by_name_and_one_without_anything_is_among_them(catalog: Catalog, mira: Subject) -> None:
    add_subject(catalog, "ada", "adavok")
    assert [item.subject.name for item in overview(catalog)] == ["ada", "Mira"]
    assert _look(catalog, "ada").pictures == 0 and _look(catalog, "ada").ratio is None


def test_the_newest_run_and_the_best_liked_epoch_are_named(catalog: Catalog, rate: Callable[..., Run]) -> None:
    run = rate([3, 0, 0], [4, 5], [4, 5, 0], [5, 1])
    found = _look(catalog, "Mira noravok")
    assert found.last_run is not None and found.best is not None
    assert (found.runs, found.last_run.name, found.last_run.state) == (1, run.name, "queued")
    assert (found.best.run, found.best.epoch, found.best.mean, found.best.rated) == (run.name, 2, 4.5, 2)


def test_nothing_is_best_while_nothing_is_rated(catalog: Catalog, rate: Callable[..., Run]) -> None:
    rate([0, 0], [0])
    assert _look(catalog, "Mira noravok").best is None


def test_what_was_never_measured_is_not_known_and_stale(catalog: Catalog, mira: Subject) -> None:
    found = _look(catalog)
    assert (found.duplicates, found.gaps, found.stale) == (None, None, {"duplicates", "gaps"})


def test_measuring_makes_it_known_and_is_done_once(catalog: Catalog, mira: Subject) -> None:
    add_tags(catalog, mira, "", ["portrait", "from side"])
    assert refresh_measures(catalog) == 2
    found = _look(catalog)
    assert found.duplicates == len(find_groups(catalog, mira)) == 2
    assert found.gaps == len(coverage_of(catalog, mira).missing) > 0
    assert not found.stale
    assert refresh_measures(catalog) == 0


def test_gaps_among_pictures_without_tags_are_not_known_but_not_stale(catalog: Catalog, mira: Subject) -> None:
    refresh_measures(catalog)
    found = _look(catalog)
    assert (found.gaps, found.stale) == (None, frozenset())


CHANGES: dict[str, tuple[Callable[[Catalog, Subject], object], set[str]]] = {
    "reject": (lambda catalog, mira: set_role(catalog, mira, "rejected", "name:0"), {"duplicates", "gaps"}),
    "remove": (lambda catalog, mira: remove_pictures(catalog, mira, "name:0"), {"duplicates", "gaps"}),
    "role": (lambda catalog, mira: set_role(catalog, mira, "supporting", "name:0"), {"gaps"}),
    "tag": (lambda catalog, mira: add_tags(catalog, mira, "name:0", ["portrait"]), {"gaps"}),
    "verdict": (
        lambda catalog, mira: record_verdict(
            catalog, [tuple(row.picture_id for row in select_memberships(catalog, mira)[:2])], "not_duplicates"
        ),
        {"duplicates"},
    ),
    "rating": (lambda catalog, mira: set_rating(catalog, mira, 3, ""), set()),
    "repeats": (lambda catalog, mira: set_repeats(catalog, mira, 3, ""), set()),
    "crop": (lambda catalog, mira: set_crop(catalog, mira, "", (0, 0, 32, 32)), set()),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_makes_stale_what_it_touches_until_it_is_undone(catalog: Catalog, mira: Subject, what: str) -> None:
    refresh_measures(catalog)
    before = _look(catalog)
    change, touched = CHANGES[what]
    change(catalog, mira)
    after = _look(catalog)
    assert after.stale == touched
    assert (after.duplicates, after.gaps) == (before.duplicates, before.gaps), "as it was before the change"
    undo(catalog)
    assert not _look(catalog).stale
    redo(catalog)
    assert _look(catalog).stale == touched
    refresh_measures(catalog)
    assert not _look(catalog).stale
    assert _look(catalog).duplicates == len(find_groups(catalog, mira))


def test_pictures_that_swap_places_with_others_are_noticed(catalog: Catalog, mira: Subject) -> None:
    """Their ids add up to the same; their number is the same too."""
    ids = [row.id for row in select_memberships(catalog, mira)]
    set_role(catalog, mira, "rejected", [ids[0], ids[3]])
    refresh_measures(catalog)
    assert _look(catalog).duplicates == 0
    set_role(catalog, mira, "primary", [ids[0], ids[3]])
    set_role(catalog, mira, "rejected", [ids[1], ids[2]])
    assert "duplicates" in _look(catalog).stale


def test_a_change_of_one_subject_leaves_the_duplicates_of_others_fresh(catalog: Catalog, mira: Subject) -> None:
    other, _ = add_subject(catalog, "Nora", "noravok")
    _fill(catalog, other, "aab")
    refresh_measures(catalog)
    set_role(catalog, other, "rejected", "name:0")
    record_verdict(catalog, [tuple(row.picture_id for row in select_memberships(catalog, other)[:2])], "alternates")
    assert not _look(catalog).stale
    assert _look(catalog, "Nora").stale == {"duplicates", "gaps"}


def test_only_the_subjects_that_are_named_are_measured(catalog: Catalog, mira: Subject) -> None:
    add_subject(catalog, "Nora", "noravok")
    assert refresh_measures(catalog, ["Nora", "nobody"]) == 2
    assert not _look(catalog, "Nora").stale and _look(catalog).stale


def test_a_removed_subject_takes_its_measures_along_and_undo_brings_them_back(catalog: Catalog, mira: Subject) -> None:
    refresh_measures(catalog)
    remove_subject(catalog, mira)
    with catalog.read() as connection:
        assert connection.execute(tables.measure.select()).all() == []
    undo(catalog)
    assert _look(catalog).duplicates == 2 and "duplicates" not in _look(catalog).stale


def test_measuring_that_is_stopped_keeps_what_it_has(catalog: Catalog, mira: Subject) -> None:
    add_subject(catalog, "Nora", "noravok")
    cancel = threading.Event()
    with pytest.raises(Cancelled):
        refresh_measures(catalog, report=lambda progress: cancel.set(), cancel=cancel)
    assert _look(catalog).duplicates == 2
    assert refresh_measures(catalog) == 3


def test_a_measure_that_fails_leaves_the_others_known(
    catalog: Catalog, mira: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    from loratui.errors import RefusedError
    from loratui.review.overview import MEASURES

    def fail(catalog: Catalog, subject: Subject, cancel: object) -> int:
        raise RefusedError("no", hint="no")

    monkeypatch.setitem(MEASURES, "gaps", fail)
    refresh_measures(catalog)
    assert _look(catalog).duplicates == 2 and _look(catalog).gaps is None
