"""Subjects: names, summaries, consent, and what removing one means."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from loratui.catalog import journal, roles, subjects, tables
from loratui.catalog.store import Catalog, now
from loratui.errors import ConflictError, NotFoundError, RefusedError, UsageError

if TYPE_CHECKING:
    from loratui.catalog.rows import Subject

Fill = Callable[..., list[int]]


def test_a_new_subject_has_the_usual_repeats(catalog: Catalog, mira: Subject) -> None:
    assert (mira.kind, mira.primary_repeats, mira.supporting_repeats) == ("character", 5, 2)
    assert subjects.get_subject(catalog, "Mira") == mira


def test_names_are_found_in_any_case_and_taken_in_any_case(catalog: Catalog, mira: Subject) -> None:
    assert subjects.get_subject(catalog, " mira ") == mira
    with pytest.raises(ConflictError, match="'Mira'"):
        subjects.add_subject(catalog, "MIRA", "zelvara")


def test_missing_names_are_those_that_no_subject_has_in_any_case(catalog: Catalog, mira: Subject) -> None:
    assert subjects.find_missing(catalog, ["Mira", " mira", "Miro"]) == {"Miro"}


def test_the_case_of_every_script_counts_the_same(catalog: Catalog) -> None:
    eva, _ = subjects.add_subject(catalog, "Éva", "evalune")
    assert subjects.get_subject(catalog, "ÉVA") == subjects.get_subject(catalog, "E\u0301va") == eva
    with pytest.raises(ConflictError, match="'Éva'"):
        subjects.add_subject(catalog, "éva", "zelvara")


@pytest.mark.parametrize(("asked", "hint"), [("Mirra", "'Mira'"), ("Zoltan", "subject list")])
def test_an_unknown_name_comes_with_the_nearest_ones(catalog: Catalog, mira: Subject, asked: str, hint: str) -> None:
    with pytest.raises(NotFoundError, match=asked) as caught:
        subjects.get_subject(catalog, asked)
    assert hint in caught.value.hint


def test_the_first_subject_is_proposed_in_an_empty_library(catalog: Catalog) -> None:
    with pytest.raises(NotFoundError) as caught:
        subjects.get_subject(catalog, "Mira")
    assert "subject add" in caught.value.hint


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 101, "\x1b[2J"])
def test_a_name_that_is_no_name_is_refused(catalog: Catalog, name: str) -> None:
    with pytest.raises(UsageError):
        subjects.add_subject(catalog, name, "miravel")


def test_an_unknown_kind_is_refused_with_the_nearest(catalog: Catalog) -> None:
    with pytest.raises(UsageError) as caught:
        subjects.add_subject(catalog, "Mira", "miravel", kind="charakter")
    assert "'character'" in caught.value.hint


def test_summaries_count_pictures_by_role_and_weigh_them(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    subjects.add_subject(catalog, "ada", "adalove")
    fill(mira, *({"role": "primary"} for _ in range(4)), {"role": "primary", "repeats": 10})
    fill(mira, {"role": "supporting"}, {"role": "supporting"}, {"role": "holdout"}, {"role": "rejected"}, {})
    empty, full = subjects.list_subjects(catalog)
    assert (empty.subject.name, empty.pictures, empty.ratio) == ("ada", 0, None)
    assert full.counts == {"inbox": 1, "primary": 5, "supporting": 2, "holdout": 1, "rejected": 1}
    assert (full.pictures, full.primary, full.supporting, full.ratio, full.runs) == (10, 30, 4, 7.5, 0)
    assert subjects.summarize_subject(catalog, "mira") == full
    assert subjects.summarize_subject(catalog, "ada") == empty


def test_many_of_still_more_subjects_are_summarized(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    fill(mira, {}, {})
    names = [subjects.add_subject(catalog, f"Other {number}", f"othervok{number}")[0].name for number in range(51)]
    assert {item.pictures for item in subjects.list_subjects(catalog, names)} == {0}


def test_only_what_is_given_is_edited(catalog: Catalog, mira: Subject) -> None:
    changed, _ = subjects.edit_subject(catalog, "mira", name="Mira V", primary_repeats=7)
    assert (changed.name, changed.primary_repeats) == ("Mira V", 7)
    assert (changed.trigger, changed.supporting_repeats, changed.id) == ("miravel", 2, mira.id)


def test_history_says_what_was_changed_about_a_subject(catalog: Catalog, mira: Subject) -> None:
    subjects.edit_subject(catalog, mira, primary_repeats=6, supporting_repeats=mira.supporting_repeats)
    subjects.edit_subject(catalog, mira, trigger="zelvara", class_word="dog", kind="object")
    subjects.edit_subject(catalog, mira, class_word="", notes="seen in June")
    subjects.edit_subject(catalog, mira, name="Nova")
    assert [entry.label for entry in journal.history(catalog, 4)] == [
        "Mira: renamed Nova",
        "Mira: no class word, notes",
        "Mira: trigger zelvara, kind object, class word dog",
        "Mira: repeats of primary 6",
    ]


@pytest.mark.parametrize("repeats", [0, -1, 1001])
def test_repeats_out_of_range_are_refused(catalog: Catalog, mira: Subject, repeats: int) -> None:
    with pytest.raises(UsageError, match="Repeats"):
        subjects.edit_subject(catalog, mira, primary_repeats=repeats)


def test_a_subject_with_a_run_in_progress_can_not_be_removed(catalog: Catalog, mira: Subject) -> None:
    with catalog.write() as connection:
        base = {"name": "cast", "path": "/b", "family": "cast", "layout": "folder", "created_at": now()}
        connection.execute(tables.base.insert(), base)
        snapshot = {"hash": "a", "subject_id": mira.id, "content": "{}", "pictures": 0, "created_at": now()}
        connection.execute(tables.snapshot.insert(), snapshot)
        run = {"name": "mira-0001", "subject_id": mira.id, "snapshot_id": 1, "base_id": 1, "recipe": {}, "folder": "/r"}
        connection.execute(tables.run.insert(), run | {"output_name": "m", "state": "running", "queued_at": now()})
    with pytest.raises(ConflictError, match="mira-0001") as caught:
        subjects.remove_subject(catalog, mira)
    assert "run stop" in caught.value.hint


def test_removing_a_subject_keeps_pictures_that_others_use(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    fill(mira, {})
    nora, _ = subjects.add_subject(catalog, "Nora", "zelvara")
    with catalog.write() as connection:
        connection.execute(
            tables.membership.insert(), {"subject_id": nora.id, "picture_id": 1, "name": "shared", "added_at": now()}
        )
    subjects.remove_subject(catalog, mira)
    assert [summary.pictures for summary in subjects.list_subjects(catalog)] == [1]


def test_a_subject_removed_meanwhile_is_not_found(catalog: Catalog, mira: Subject) -> None:
    subjects.remove_subject(catalog, mira)
    with pytest.raises(NotFoundError):
        roles.set_rating(catalog, mira, 3, "")


def test_a_person_is_refused_until_consent_is_recorded_and_again_after_it_is_withdrawn(catalog: Catalog) -> None:
    person, _ = subjects.add_subject(catalog, "Ada", "adalove", kind="person")
    with pytest.raises(RefusedError, match="'Ada'") as caught:
        subjects.require_consent(person)
    assert "consent" in caught.value.hint
    agreed = subjects.record_consent(catalog, person, who="Ada Lovelace", scope="training and publishing")
    subjects.require_consent(agreed)
    assert agreed.consent is not None and agreed.consent["who"] == "Ada Lovelace"
    with pytest.raises(RefusedError):
        subjects.require_consent(subjects.withdraw_consent(catalog, person))


def test_consent_that_was_withdrawn_is_told_when_it_is_withdrawn_again(catalog: Catalog) -> None:
    person, _ = subjects.add_subject(catalog, "Ada", "adalove", kind="person")
    with pytest.raises(NotFoundError, match="There is no consent of Ada"):
        subjects.withdraw_consent(catalog, person)
    subjects.record_consent(catalog, person, who="Ada", scope="training")
    ended = subjects.withdraw_consent(catalog, person).consent
    assert ended is not None
    with pytest.raises(NotFoundError, match=f"already withdrawn on {ended['withdrawn_at'][:10]}"):
        subjects.withdraw_consent(catalog, person)
    assert subjects.get_subject(catalog, "Ada").consent == ended


def test_a_consent_of_another_century_is_refused_with_the_days_that_can_be(catalog: Catalog) -> None:
    person, _ = subjects.add_subject(catalog, "Ada", "adalove", kind="person")
    with pytest.raises(UsageError, match="1500-01-01 can't be the day") as caught:
        subjects.record_consent(catalog, person, who="Ada", scope="training", at=datetime(1500, 1, 1))
    assert "from 1900 on" in caught.value.hint


@pytest.mark.parametrize("kind", ["character", "style", "object"])
def test_other_kinds_need_no_consent(catalog: Catalog, kind: str) -> None:
    thing, _ = subjects.add_subject(catalog, "Thing", "zelvara", kind=kind)
    subjects.require_consent(thing)
    assert thing.consent is None


def test_consent_without_a_name_or_a_scope_is_no_consent(catalog: Catalog) -> None:
    person, _ = subjects.add_subject(catalog, "Ada", "adalove", kind="person")
    with pytest.raises(UsageError):
        subjects.record_consent(catalog, person, who=" ", scope="training")


def test_a_picture_knows_all_the_subjects_it_is_in(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    fill(mira, {})
    other, _ = subjects.add_subject(catalog, "Zoltan", "zoltrane")
    with catalog.read() as connection:
        row = connection.execute(tables.membership.select()).mappings().one()
    with catalog.write() as connection:
        connection.execute(tables.membership.insert(), {**row, "id": None, "subject_id": other.id})
    assert subjects.subjects_of_picture(catalog, row["picture_id"]) == ["Mira", "Zoltan"]
    assert subjects.subjects_of_picture(catalog, 10_000) == []
