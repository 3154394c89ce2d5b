"""Frozen datasets and exports of pictures and persons that may not be used."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import pytest

from loratui.captions.service import change_rules
from loratui.captions.traits import load_list
from loratui.catalog import edits, subjects
from loratui.catalog.edits import store_tag_scores
from loratui.catalog.importer import import_pictures
from loratui.catalog.journal import undo
from loratui.catalog.query import select_memberships, tag_key
from loratui.catalog.roles import remove_pictures, set_role
from loratui.catalog.youth_words import youth_tags
from loratui.dataset.kohya import export_kohya
from loratui.dataset.snapshot import freeze, parse_content
from loratui.errors import RefusedError
from loratui.runs.forecast import inspect_subject

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.catalog.store import Catalog


def rate(catalog: Catalog, subject: str, query: str, rating: str, *tags: str) -> None:
    for member in select_memberships(catalog, subject, query):
        scores = [(rating, "rating", 0.9), ("general", "rating", 0.1), *((tag, "general", 0.5) for tag in tags)]
        store_tag_scores(catalog, member.picture_id, "wd@1/p1", scores)


def test_a_dataset_with_a_sexual_picture_of_a_person_is_not_frozen_nor_exported(
    catalog: Catalog, mira: str, tmp_path: Path
) -> None:
    rate(catalog, mira, "name:one.png", "explicit")
    freeze(catalog, mira)
    subjects.edit_subject(catalog, mira, kind="person")
    with pytest.raises(RefusedError, match="no consent is recorded"):
        freeze(catalog, mira)
    with pytest.raises(RefusedError, match="no consent is recorded"):
        export_kohya(catalog, mira, tmp_path / "out")
    subjects.record_consent(catalog, mira, who="Mira", scope="training")
    with pytest.raises(RefusedError, match=r"1 picture of mira can't be trained on: one\.png \(rated explicit"):
        freeze(catalog, mira)
    with pytest.raises(RefusedError) as caught:
        export_kohya(catalog, mira, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    # The hint is a command that helps.
    query = shlex.split(caught.value.hint.split("`")[1])[5]
    assert set_role(catalog, mira, "rejected", query, reason="unfit") == 1
    assert export_kohya(catalog, mira, tmp_path / "out").pictures == 3
    undo(catalog)
    with pytest.raises(RefusedError, match=r"one\.png"):
        export_kohya(catalog, mira, tmp_path / "out")


@pytest.mark.parametrize("tag", ["child", "holding_child"])
def test_a_word_that_only_a_low_threshold_lets_into_the_caption_counts(
    catalog: Catalog, mira: str, tmp_path: Path, tag: str
) -> None:
    (member,) = select_memberships(catalog, mira, "name:one.png")
    store_tag_scores(catalog, member.picture_id, "wd@1/p1", [("explicit", "rating", 0.9), (tag, "general", 0.15)])
    assert freeze(catalog, mira)
    change_rules(catalog, mira, {"general_threshold": 0.1})
    for use in (lambda: freeze(catalog, mira), lambda: export_kohya(catalog, mira, tmp_path / "out")):
        with pytest.raises(RefusedError, match=r"one\.png \(rated explicit, with signs of youth \(child\)\)"):
            use()


def test_an_old_copy_of_a_subject_is_no_way_around(catalog: Catalog, mira: str) -> None:
    before = subjects.get_subject(catalog, mira)
    subjects.edit_subject(catalog, mira, kind="person")
    with pytest.raises(RefusedError, match="consent"):
        freeze(catalog, before)


def test_held_out_pictures_count_and_those_in_the_inbox_do_not(catalog: Catalog, mira: str) -> None:
    set_role(catalog, mira, "holdout", "name:one.png")
    set_role(catalog, mira, "inbox", "name:two.jpg")
    rate(catalog, mira, "name:two.jpg", "questionable", "child")
    assert len(parse_content(freeze(catalog, mira).content).holdout) == 1
    rate(catalog, mira, "name:one.png", "questionable", "child")
    with pytest.raises(RefusedError, match=r"one\.png \(rated questionable, with signs of youth \(child\)\)"):
        freeze(catalog, mira)


def test_words_that_the_caption_rules_add_count_too(catalog: Catalog, mira: str) -> None:
    rate(catalog, mira, "name:one.png", "explicit")
    freeze(catalog, mira)
    change_rules(catalog, mira, {"suffix": "little girl"})
    with pytest.raises(RefusedError, match="little girl"):
        freeze(catalog, mira)


def test_many_pictures_are_counted_and_some_named(catalog: Catalog, mira: str) -> None:
    rate(catalog, mira, "", "explicit", "loli")
    with pytest.raises(RefusedError, match="4 pictures of mira") as caught:
        freeze(catalog, mira)
    assert caught.value.hint.count("sha:") == 4


def test_there_is_one_list_of_words(catalog: Catalog) -> None:
    assert youth_tags() == {tag_key(tag) for tag in load_list("youth")}


@pytest.mark.parametrize(
    "rules",
    [
        {"prefix": "naked 12 year old {trigger},"},
        {"suffix": "having sex, loli"},
        {"prefix": "{trigger} rating:", "always_first": ["explicit"], "renames": {"hat": "explicit"}},
        {"renames": {"hat": "sex"}, "suffix": "12yo"},
        {"aliases": {"nude child": ["hat"]}},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["character", "person"])
def test_words_that_rules_of_an_old_library_say_are_refused_at_every_door(
    catalog: Catalog, mira: str, tmp_path: Path, rules: dict[str, Any], kind: str
) -> None:
    edits.add_tags(catalog, mira, "", ["hat"])
    if kind == "person":
        subjects.edit_subject(catalog, mira, kind=kind)
        subjects.record_consent(catalog, mira, who="Mira", scope="training")
    else:
        edits.add_tags(catalog, mira, "", ["school uniform"])
    freeze(catalog, mira)
    edits.set_rules(catalog, mira, rules)
    for use in (lambda: freeze(catalog, mira), lambda: export_kohya(catalog, mira, tmp_path / "out")):
        with pytest.raises(RefusedError, match=r"4 pictures of mira can't be trained on: .*its caption says") as caught:
            use()
        assert "`loratui rules show mira`" in caught.value.hint and "role set" not in caught.value.hint
    assert not (tmp_path / "out").exists()
    assert "unfit" in {blocker.code for blocker in inspect_subject(catalog, mira).blockers}


def test_a_class_word_of_an_old_library_is_refused_too(catalog: Catalog, mira: str) -> None:
    subjects.edit_subject(catalog, mira, kind="person", class_word="woman")
    subjects.record_consent(catalog, mira, who="Mira", scope="training")
    edits.set_rules(catalog, mira, {"prefix": "photo of {trigger} {class_word},"})
    freeze(catalog, mira)
    with catalog.write() as connection:
        connection.exec_driver_sql("UPDATE subject SET class_word = 'nude girl'")
    with pytest.raises(RefusedError, match="its caption says nude, and mira is a person"):
        freeze(catalog, mira)


def test_a_sexual_tag_of_a_caption_file_is_named_as_a_tag_when_the_caption_leaves_it_out(
    catalog: Catalog, mira: str
) -> None:
    subjects.edit_subject(catalog, mira, kind="person")
    subjects.record_consent(catalog, mira, who="Mira", scope="training")
    edits.add_tags(catalog, mira, "name:one.png", ["nude"])
    with pytest.raises(RefusedError, match=r"one\.png \(its caption says nude, and"):
        freeze(catalog, mira)
    change_rules(catalog, mira, {"imbued": ["nude"]})
    with pytest.raises(RefusedError, match=r"one\.png \(its tags say nude, and") as caught:
        freeze(catalog, mira)
    assert "`loratui tags remove mira TAG` takes out a tag" in caught.value.hint
    edits.remove_tags(catalog, mira, "name:one.png", ["nude"])
    assert freeze(catalog, mira)


def test_a_sexual_tag_that_only_a_tagger_gave_is_found_in_the_caption(catalog: Catalog, mira: str) -> None:
    subjects.edit_subject(catalog, mira, kind="person")
    subjects.record_consent(catalog, mira, who="Mira", scope="training")
    (member,) = select_memberships(catalog, mira, "name:one.png")
    store_tag_scores(catalog, member.picture_id, "wd@1/p1", [("general", "rating", 0.9), ("nude", "general", 0.8)])
    with pytest.raises(RefusedError, match=r"1 picture of mira .*one\.png \(its caption says nude"):
        freeze(catalog, mira)
    change_rules(catalog, mira, {"imbued": ["nude"]})
    assert freeze(catalog, mira)


def test_a_picture_that_a_person_without_consent_has_is_exported_for_nobody(
    catalog: Catalog, mira: str, tmp_path: Path
) -> None:
    subjects.add_subject(catalog, "Ada", "adatok", kind="person")
    subjects.record_consent(catalog, "Ada", who="Ada", scope="training")
    (one,) = (tmp_path / "pictures").glob("one.png")
    import_pictures(catalog, "Ada", [one])
    assert freeze(catalog, mira)
    subjects.withdraw_consent(catalog, "Ada")
    for use in (lambda: freeze(catalog, mira), lambda: export_kohya(catalog, mira, tmp_path / "out")):
        with pytest.raises(
            RefusedError, match=r"1 picture of mira can't be used: one\.png \(Ada is a person"
        ) as caught:
            use()
        assert "the consent was withdrawn" in caught.value.message
        assert "`loratui subject consent Ada --by WHO --scope SCOPE`" in caught.value.hint
        assert [each["name"] for each in caught.value.detail["unfit"]] == ["one.png"]
    assert not (tmp_path / "out").exists()
    assert [blocker.code for blocker in inspect_subject(catalog, mira).blockers][:1] == ["shared_consent"]
    # Either command of the hint helps.
    query = shlex.split(caught.value.hint.split("`")[3])[5]
    assert set_role(catalog, mira, "rejected", query) == 1
    assert export_kohya(catalog, mira, tmp_path / "out").pictures == 3
    undo(catalog)
    subjects.record_consent(catalog, "Ada", who="Ada", scope="training")
    assert export_kohya(catalog, mira, tmp_path / "out").pictures == 4
    assert inspect_subject(catalog, mira).blockers == ()


def test_a_picture_that_a_person_without_consent_rejected_is_withheld_until_it_is_no_longer_theirs(
    catalog: Catalog, mira: str, tmp_path: Path
) -> None:
    subjects.add_subject(catalog, "Ada", "adatok", kind="person")
    import_pictures(catalog, "Ada", [tmp_path / "pictures" / "one.png"])
    set_role(catalog, "Ada", "rejected", "all")
    with pytest.raises(RefusedError, match=r"one\.png \(Ada is a person who has it too, and no consent is recorded\)"):
        freeze(catalog, mira)
    remove_pictures(catalog, "Ada", "all")
    assert freeze(catalog, mira)


def test_a_withdrawal_is_not_forgotten_while_other_subjects_have_the_pictures(
    catalog: Catalog, mira: str, tmp_path: Path
) -> None:
    subjects.add_subject(catalog, "Ada", "adatok", kind="person")
    import_pictures(catalog, "Ada", [tmp_path / "pictures" / "one.png"])
    subjects.record_consent(catalog, "Ada", who="Ada", scope="training")
    subjects.withdraw_consent(catalog, "Ada")
    with pytest.raises(RefusedError, match=r"Ada has withdrawn consent .* in other subjects, too: mira \(1\)"):
        remove_pictures(catalog, "Ada", "all")
    with pytest.raises(RefusedError, match="Removed from Ada, they could be used there again") as caught:
        subjects.remove_subject(catalog, "Ada")
    with pytest.raises(RefusedError, match="the consent was withdrawn"):
        freeze(catalog, mira)
    # The hint is a command that helps.
    query = shlex.split(caught.value.hint.split("`")[1])[4]
    assert remove_pictures(catalog, mira, query) == 1
    assert subjects.remove_subject(catalog, "Ada").name == "Ada"
    assert freeze(catalog, mira)


def test_everybody_without_consent_is_named_once_and_of_many_pictures_some(
    catalog: Catalog, mira: str, tmp_path: Path
) -> None:
    for name, kind in (("Ada", "person"), ("Bea", "person"), ("Hat", "object")):
        subjects.add_subject(catalog, name, f"{name}tok", kind=kind)
        import_pictures(catalog, name, [tmp_path / "pictures"])
    with pytest.raises(RefusedError, match="4 pictures of mira can't be used") as caught:
        freeze(catalog, mira)
    assert caught.value.hint.count("subject consent") == 2
    assert "Hat" not in caught.value.message
    subjects.record_consent(catalog, "Bea", who="Bea", scope="training")
    with pytest.raises(RefusedError) as caught:
        freeze(catalog, mira)
    assert "Bea" not in caught.value.message
    subjects.edit_subject(catalog, mira, kind="person")
    subjects.record_consent(catalog, mira, who="Mira", scope="training")
    with pytest.raises(RefusedError, match="Ada is a person"):
        freeze(catalog, mira)
    set_role(catalog, mira, "inbox", "-name:one.png")
    with pytest.raises(RefusedError, match="1 picture of mira can't be used"):
        freeze(catalog, mira)
