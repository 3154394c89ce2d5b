"""Ratings and consent: what may never be used, at each door of the catalog, and that there is no way around."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from loratui.catalog import subjects
from loratui.catalog.edits import add_tags, remove_tags, set_caption, store_tag_scores
from loratui.catalog.importer import import_pictures, list_refused
from loratui.catalog.journal import redo, undo
from loratui.catalog.query import get_memberships, select_memberships
from loratui.catalog.ratings import (
    YOUTH_FROM,
    find_unfit_hashes,
    list_unfit,
    rating_of,
    refuse_if_unfit,
    tell_remedy,
)
from loratui.catalog.roles import remove_pictures, set_role
from loratui.catalog.sentences import SentenceKeeper
from loratui.catalog.vocabulary import KINDS, RATINGS, SEXUAL
from loratui.catalog.youth_words import find_youth_words, youth_tags
from loratui.errors import NotFoundError, RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loratui.catalog.edits import ScoredTag
    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog


def rate(catalog: Catalog, id_: int, rating: str, *tags: tuple[str, float], tagger: str = "wd@1/p1") -> None:
    """Have a tagger say a rating of a membership's picture, and tags with their scores."""
    (member,) = get_memberships(catalog, [id_])
    scores: list[ScoredTag] = [(name, "rating", 0.9 if name == rating else 0.03) for name in RATINGS]
    store_tag_scores(catalog, member.picture_id, tagger, [*scores, *((tag, "general", score) for tag, score in tags)])


@pytest.fixture
def ada(catalog: Catalog) -> Subject:
    """A person who has consented."""
    person = subjects.add_subject(catalog, "Ada", "adatok", kind="person")[0]
    return subjects.record_consent(catalog, person, who="Ada Lovelace", scope="training and publishing")


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    """A folder with three pictures."""
    for index in range(3):
        picture = Image.linear_gradient("L").rotate(90 * index).resize((96, 64 + 16 * index)).convert("RGB")
        (tmp_path / "drawn").mkdir(exist_ok=True)
        picture.save(tmp_path / "drawn" / f"{'abc'[index]}.png")
    return tmp_path / "drawn"


@given(st.dictionaries(st.sampled_from(RATINGS), st.floats(0, 1), min_size=1))
def test_the_rating_is_the_highest_score_and_of_equals_the_gravest(scores: dict[str, float]) -> None:
    chosen = rating_of(scores)
    assert scores[chosen] == max(scores.values())
    assert not any(
        score == scores[chosen] and RATINGS.index(name) > RATINGS.index(chosen) for name, score in scores.items()
    )


def test_without_scores_there_is_no_rating() -> None:
    assert rating_of({}) == ""
    assert rating_of({"smile": 1.0}) == ""


@pytest.mark.parametrize("rating", SEXUAL)
def test_a_person_has_no_picture_with_a_sexual_rating(
    catalog: Catalog, ada: Subject, fill: Callable[..., list[int]], rating: str
) -> None:
    first, second = fill(ada, {}, {})
    rate(catalog, first, rating)
    rate(catalog, second, "sensitive", ("child", 0.9))
    (found,) = list_unfit(catalog, ada)
    assert (found.membership.id, found.rating, found.words) == (first, rating, ())
    assert "Ada is a person" in found.why


def test_of_several_taggers_any_is_enough(catalog: Catalog, ada: Subject, fill: Callable[..., list[int]]) -> None:
    (one,) = fill(ada, {})
    rate(catalog, one, "explicit", tagger="wd@1/p1")
    rate(catalog, one, "general", tagger="other@1/p1")
    rate(catalog, one, "questionable", tagger="third@1/p1")
    (found,) = list_unfit(catalog, ada)
    assert found.rating == "explicit"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "person"])
def test_with_signs_of_youth_a_sexual_picture_is_refused_for_every_kind(
    catalog: Catalog, fill: Callable[..., list[int]], kind: str
) -> None:
    subject = subjects.add_subject(catalog, "Mira", "miravel", kind=kind)[0]
    young, old, unsure = fill(subject, {}, {}, {})
    rate(catalog, young, "questionable", ("loli", YOUTH_FROM), ("school_swimsuit", 0.3))
    rate(catalog, old, "explicit", ("smile", 0.9))
    rate(catalog, unsure, "explicit", ("loli", YOUTH_FROM - 0.01))
    (found,) = list_unfit(catalog, subject)
    assert (found.membership.id, found.words) == (young, ("loli", "school swimsuit"))
    with pytest.raises(RefusedError, match=r"001\.png \(rated questionable, with signs of youth \(loli, school"):
        set_role(catalog, subject, "primary", "all")
    assert set_role(catalog, subject, "rejected", [young]) == 1
    assert set_role(catalog, subject, "primary", "-role:rejected") == 2


def test_nobody_can_talk_a_tagger_out_of_it(catalog: Catalog, mira: Subject, fill: Callable[..., list[int]]) -> None:
    (one,) = fill(mira, {"role": "primary"})
    rate(catalog, one, "explicit", ("child", 0.8))
    remove_tags(catalog, mira, [one], ["child"])
    set_caption(catalog, mira, [one], "a grown woman")
    # Another tagger, asked last, that sees nothing.
    rate(catalog, one, "general", tagger="blind@1/p1")
    (found,) = list_unfit(catalog, mira)
    assert found.words == ("child",)


def test_the_word_of_a_person_counts_like_that_of_a_tagger(
    catalog: Catalog, mira: Subject, fill: Callable[..., list[int]]
) -> None:
    tagged, written, harmless = fill(mira, {}, {}, {})
    for id_ in (tagged, written, harmless):
        rate(catalog, id_, "explicit")
    assert list_unfit(catalog, mira) == []
    add_tags(catalog, mira, [tagged], ["Aged Down"])
    set_caption(catalog, mira, [written], "photo of miravel, a young_girl in the rain")
    set_caption(catalog, mira, [harmless], "photo of miravel with a kidney bean")
    assert [each.membership.id for each in list_unfit(catalog, mira)] == [tagged, written]
    undo(catalog)
    undo(catalog)
    assert [each.membership.id for each in list_unfit(catalog, mira)] == [tagged]


@pytest.mark.parametrize(
    "tag",
    [
        *("explicit", "rating:explicit", "Rating:Questionable", "rating:Explicit", "RATING:explicit"),
        *("rating explicit", "rating: explicit", "Rating_explicit", "rating:e", "Rating:Q", "nsfw", "NSFW", "Explicit"),
    ],
)
def test_a_rating_in_a_caption_file_counts(
    catalog: Catalog, ada: Subject, fill: Callable[..., list[int]], tag: str
) -> None:
    (one,) = fill(ada, {})
    add_tags(catalog, ada, [one], [tag])
    assert [each.membership.id for each in list_unfit(catalog, ada)] == [one]
    assert [each.id for each in select_memberships(catalog, ada, "rated:explicit OR rated:questionable")] == [one]


@pytest.mark.parametrize(
    "caption",
    ["photo of adatok, nude, rating:explicit", "adatok, Explicit, bed", "Adatok in bed. NSFW", "adatok rating: e"],
)
@pytest.mark.parametrize("written_by", ["person", "captioner"])
def test_a_rating_in_a_written_caption_counts(
    catalog: Catalog, ada: Subject, fill: Callable[..., list[int]], caption: str, written_by: str
) -> None:
    one, _other = fill(ada, {}, {})
    if written_by == "person":
        set_caption(catalog, ada, [one], caption)
    else:
        SentenceKeeper(catalog, "Mira", "vlm", "").keep({one: caption})
    assert [each.membership.id for each in list_unfit(catalog, ada)] == [one]
    assert [each.id for each in select_memberships(catalog, ada, "rated:explicit OR rated:questionable")] == [one]
    (member,) = get_memberships(catalog, [one])
    assert list(find_unfit_hashes(catalog, ada, {member.sha256: "photo of adatok"})) == [member.sha256]


def test_a_frozen_caption_that_says_a_rating_counts_when_the_picture_says_none(
    catalog: Catalog, ada: Subject, fill: Callable[..., list[int]]
) -> None:
    first, second = get_memberships(catalog, fill(ada, {}, {}))
    captions = {first.sha256: "photo of adatok, rating:questionable", second.sha256: "photo of adatok"}
    assert list(find_unfit_hashes(catalog, ada, captions)) == [first.sha256]


def test_what_another_subject_says_of_a_picture_is_told_as_its_word(
    catalog: Catalog, ada: Subject, drawn: Path
) -> None:
    five = subjects.add_subject(catalog, "Five", "fivtok")[0]
    for subject in (ada, five):
        import_pictures(catalog, subject, [drawn / "a.png"])
    (one,), (shared,) = ([each.id for each in select_memberships(catalog, subject)] for subject in (ada, five))
    set_caption(catalog, ada, [one], "adatok, nude")
    (found,) = list_unfit(catalog, five)
    assert found.why == "the caption says nude in Ada, and Ada is a person who has this picture too"
    hint = tell_remedy(five, [found])
    assert "loratui caption set Ada sha:" in hint and "caption set Five" not in hint
    add_tags(catalog, ada, [one], ["n.u.d.e"])
    (found,) = list_unfit(catalog, five)
    # What the caption says is not told twice, but there are two things to change.
    assert found.why.startswith("the caption says nude in Ada, and")
    assert "loratui tags remove Ada" in tell_remedy(five, [found]) and "caption set Ada" in tell_remedy(five, [found])
    set_caption(catalog, ada, [one], None)
    (found,) = list_unfit(catalog, five)
    assert found.why.startswith("the tags say nude in Ada")
    assert "loratui tags remove Ada n.u.d.e sha:" in tell_remedy(five, [found])
    remove_tags(catalog, ada, [one], ["n.u.d.e"])
    add_tags(catalog, five, [shared], ["nude"])
    SentenceKeeper(catalog, "Ada", "vlm", "").keep({one: "A little girl in the rain."})
    (found,) = list_unfit(catalog, five)
    assert found.why == (
        "its tags say nude, with signs of youth (little girl: the sentence kept for it says little girl in Ada)"
    )
    hint = tell_remedy(five, [found])
    assert "loratui tags remove Five" in hint and "loratui describe Ada sha:" in hint
    # A sentence of its own is asked for anew as well.
    (found,) = list_unfit(catalog, ada)
    assert "the tags say nude in Five, with signs of youth (little girl)" in found.why


def test_words_of_a_caption_that_refuse_a_picture_are_named(
    catalog: Catalog, ada: Subject, fill: Callable[..., list[int]]
) -> None:
    written, tagged = fill(ada, {}, {})
    set_caption(catalog, ada, [written], "adatok, n\u200bude at the beach")
    add_tags(catalog, ada, [tagged], ["nip slip"])
    with pytest.raises(RefusedError) as caught:
        set_role(catalog, ada, "primary", "all")
    assert "001.png (its caption says nude, and Ada is a person)" in caught.value.message
    assert "its tags say nip slip" in caught.value.message
    assert "loratui caption set Ada" in caught.value.hint
    set_caption(catalog, ada, [written], "adatok at the beach")
    remove_tags(catalog, ada, [tagged], ["nip slip"])
    assert set_role(catalog, ada, "primary", "all") == 2


def test_a_tag_that_has_a_word_of_youth_in_it_counts(
    catalog: Catalog, mira: Subject, fill: Callable[..., list[int]]
) -> None:
    one, other = fill(mira, {}, {})
    rate(catalog, one, "explicit", ("holding_child", 0.4))
    rate(catalog, other, "explicit", ("holding_cup", 0.4), ("holding_child", 0.1))
    (found,) = list_unfit(catalog, mira)
    assert (found.membership.id, found.words) == (one, ("child",))


def test_what_a_captioner_wrote_counts(catalog: Catalog, mira: Subject, fill: Callable[..., list[int]]) -> None:
    (one,) = fill(mira, {})
    rate(catalog, one, "explicit")
    SentenceKeeper(catalog, "Mira", "vlm", "").keep({one: "A young girl stands in the rain."})
    (found,) = list_unfit(catalog, mira)
    assert found.words == ("young girl",)


@pytest.mark.parametrize(("trigger", "class_word"), [("timtok", "child"), ("toddler_tim", "boy")])
def test_a_trigger_or_class_word_that_says_youth_counts_for_all_pictures(
    catalog: Catalog, fill: Callable[..., list[int]], trigger: str, class_word: str
) -> None:
    subject = subjects.add_subject(catalog, "Tim", trigger, class_word=class_word)[0]
    first, second = fill(subject, {}, {})
    rate(catalog, first, "explicit")
    rate(catalog, second, "general")
    assert [each.membership.id for each in list_unfit(catalog, subject)] == [first]


def test_another_kind_another_subject_or_another_name_is_no_way_around(
    catalog: Catalog, ada: Subject, drawn: Path
) -> None:
    import_pictures(catalog, ada, [drawn])
    first = select_memberships(catalog, ada)[0]
    rate(catalog, first.id, "explicit")
    with pytest.raises(RefusedError, match="Ada stays a person"):
        subjects.edit_subject(catalog, ada, kind="character")
    renamed, _ = subjects.edit_subject(catalog, ada, name="Nora")
    assert [each.membership.id for each in list_unfit(catalog, renamed)] == [first.id]
    other = subjects.add_subject(catalog, "Style", "styletok", kind="style")[0]
    result = import_pictures(catalog, other, [drawn])
    assert result.imported == 2
    assert [(each.path.name, each.reason) for each in result.refused] == [
        ("a.png", "it can't be used in Style: rated explicit, and Nora is a person who has this picture too")
    ]
    assert [each.reason for each in list_refused(catalog, other)] == [result.refused[0].reason]
    remove_pictures(catalog, renamed, f"sha:{first.sha256[:12]}")
    with pytest.raises(RefusedError, match="Nora stays a person: it has pictures and a record of consent"):
        subjects.edit_subject(catalog, renamed, kind="character")


def test_a_picture_joins_first_and_is_read_later(catalog: Catalog, ada: Subject, drawn: Path) -> None:
    style = subjects.add_subject(catalog, "Style", "styletok", kind="style")[0]
    import_pictures(catalog, style, [drawn])
    set_role(catalog, style, "primary", "all")
    import_pictures(catalog, ada, [drawn])
    rate(catalog, select_memberships(catalog, style)[0].id, "questionable")
    assert [each.membership.name for each in list_unfit(catalog, style)] == ["a.png"]


def test_an_import_that_is_redone_after_a_tagger_read_it_is_caught(catalog: Catalog, ada: Subject, drawn: Path) -> None:
    import_pictures(catalog, ada, [drawn])
    first = select_memberships(catalog, ada)[0]
    undo(catalog)
    store_tag_scores(catalog, first.picture_id, "wd@1/p1", [("explicit", "rating", 0.9), ("general", "rating", 0.1)])
    redo(catalog)
    assert [each.membership.name for each in list_unfit(catalog, ada)] == ["a.png"]
    with pytest.raises(RefusedError):
        set_role(catalog, ada, "primary", "all")
    undo(catalog)
    assert import_pictures(catalog, ada, [drawn]).imported == 2


@pytest.mark.parametrize("role", ["primary", "supporting", "holdout"])
def test_no_role_of_training_is_given(
    catalog: Catalog, ada: Subject, fill: Callable[..., list[int]], role: str
) -> None:
    bad, good = fill(ada, {}, {})
    rate(catalog, bad, "explicit")
    with pytest.raises(RefusedError) as caught:
        set_role(catalog, ada, role, "all")
    assert "001.png" in caught.value.message
    assert "role set Ada rejected sha:" in caught.value.hint
    assert set_role(catalog, ada, role, [good]) == 1
    assert set_role(catalog, ada, "rejected", [bad], reason="unfit") == 1


def test_undoing_a_rejection_leaves_a_picture_that_is_still_unfit(
    catalog: Catalog, ada: Subject, fill: Callable[..., list[int]]
) -> None:
    (bad,) = fill(ada, {"role": "primary"})
    rate(catalog, bad, "explicit")
    set_role(catalog, ada, "rejected", [bad])
    assert list_unfit(catalog, ada, roles=("primary",)) == []
    undo(catalog)
    assert [each.membership.id for each in list_unfit(catalog, ada, roles=("primary",))] == [bad]


def test_pictures_are_found_by_their_rating(catalog: Catalog, mira: Subject, fill: Callable[..., list[int]]) -> None:
    ids = fill(mira, {}, {}, {}, {}, {}, {})
    for id_, rating in zip(ids, RATINGS, strict=False):
        rate(catalog, id_, rating)
    # Two taggers who differ: the graver counts.
    rate(catalog, ids[0], "sensitive", tagger="other@1/p1")
    rate(catalog, ids[4], "general")
    found = {
        name: [each.id for each in select_memberships(catalog, mira, f"rated:{name}")] for name in (*RATINGS, "none")
    }
    assert found == {
        "general": [ids[4]],
        "sensitive": ids[:2],
        "questionable": [ids[2]],
        "explicit": [ids[3]],
        "none": [ids[5]],
    }


def test_an_image_that_a_lora_made_is_refused_like_a_picture(catalog: Catalog, ada: Subject, mira: Subject) -> None:
    sexual = [("explicit", "rating", 0.8), ("general", "rating", 0.2), ("smile", "general", 0.9)]
    fine = [("general", "rating", 0.8), ("child", "general", 0.9)]
    refuse_if_unfit(ada, "0001.png", [fine])
    refuse_if_unfit(mira, "0001.png", [sexual], prompt="photo of miravel, woman")
    refuse_if_unfit(ada, "0001.png", [[("smile", "general", 0.9)]])
    refuse_if_unfit(mira, "0001.png", [], must_be_rated=True)
    with pytest.raises(RefusedError, match="never rated"):
        refuse_if_unfit(ada, "0001.png", [[("smile", "general", 0.9)]], must_be_rated=True)
    with pytest.raises(RefusedError, match=r"0001\.png of Ada can't be kept"):
        refuse_if_unfit(ada, "0001.png", [fine, sexual])
    with pytest.raises(RefusedError, match="signs of youth \\(child"):
        refuse_if_unfit(mira, "0001.png", [fine, sexual])
    with pytest.raises(RefusedError, match="signs of youth \\(child"):
        refuse_if_unfit(mira, "0001.png", [[*sexual, ("holding_child", "general", 0.9)]])
    with pytest.raises(RefusedError, match="rated questionable, and Ada is a person"):
        refuse_if_unfit(ada, "0001.png", [fine[:1]], prompt="photo of adatok, naked")
    with pytest.raises(RefusedError, match="signs of youth \\(little girl"):
        refuse_if_unfit(mira, "0001.png", [sexual], prompt="photo of miravel, little_girl, smile")


def test_the_list_of_words_is_made_of_tags_that_taggers_know(shared: Path) -> None:
    known = {
        line.split(",")[1]
        for line in (shared / "models/tags/wd14_selected_tags.csv").read_text(encoding="utf-8").splitlines()
    }
    assert {"child", "loli", "shota", "baby", "aged_down", "kindergarten_uniform", "age_regression"} <= known
    assert {"child", "loli", "shota", "baby", "aged_down", "kindergarten_uniform", "age_regression"} <= youth_tags()
    assert {"toddler", "female_child"} <= youth_tags()
    assert not [tag for tag in youth_tags() if ":" in tag]
    assert len(youth_tags() & known) >= 30


def test_words_are_found_whole_and_in_any_spelling() -> None:
    assert find_youth_words("Photo of a TODDLER, aged_down, old  loli") == ("toddler", "aged down", "old loli")
    assert find_youth_words("a kidnapped minority of schoolgirlish lolita") == ()


@pytest.mark.parametrize("day", [datetime.now(UTC) + timedelta(days=2), datetime(9999, 12, 31), datetime(1, 1, 1)])
def test_nobody_consents_on_a_day_that_has_not_come(catalog: Catalog, ada: Subject, day: datetime) -> None:
    with pytest.raises(UsageError, match="can't be the day"):
        subjects.record_consent(catalog, ada, who="Ada", scope="all", at=day)


def test_consent_says_what_was_withdrawn_and_no_undo_brings_it_back_in_passing(catalog: Catalog, ada: Subject) -> None:
    known = subjects.record_consent(
        catalog, ada, who=" Ada ", scope="training", at=datetime(2020, 1, 2), note="paper in the blue folder"
    ).consent
    assert known is not None
    assert (known["who"], known["note"]) == ("Ada", "paper in the blue folder")
    assert datetime.fromisoformat(known["at"]).tzinfo is not None
    gone = subjects.withdraw_consent(catalog, ada, note="by mail")
    assert gone.consent is not None
    assert (gone.consent["who"], gone.consent["note"]) == ("Ada", "by mail")
    assert not subjects.has_consent(gone)
    with pytest.raises(RefusedError, match="withdrawn"):
        subjects.require_consent(gone)
    with pytest.raises(NotFoundError):
        subjects.withdraw_consent(catalog, ada)
    with pytest.raises(RefusedError, match="stays a person"):
        subjects.edit_subject(catalog, ada, kind="object")
    with pytest.raises(RefusedError, match="withdraw consent for Ada, is not undone in passing") as caught:
        undo(catalog)
    assert "--consent" in caught.value.hint
    assert not subjects.has_consent(subjects.get_subject(catalog, "Ada"))
    undo(catalog, consent=True)
    assert subjects.has_consent(subjects.get_subject(catalog, "Ada"))
    undo(catalog)
    assert subjects.get_subject(catalog, "Ada").consent != known


def test_a_new_consent_leaves_what_was_agreed_and_withdrawn_on_record(catalog: Catalog, ada: Subject) -> None:
    first = subjects.withdraw_consent(catalog, ada, note="by mail").consent
    again = subjects.record_consent(catalog, ada, who="Ada", scope="training").consent
    assert first is not None and again is not None
    assert (again["scope"], "withdrawn_at" in again) == ("training", False)
    agreed, withdrawn = again["history"]
    assert (agreed["scope"], agreed["note"], "withdrawn_at" in agreed) == ("training and publishing", "", False)
    assert (withdrawn["note"], withdrawn["withdrawn_at"]) == ("by mail", first["withdrawn_at"])
    assert not any("history" in entry for entry in again["history"])
    undo(catalog)
    assert subjects.get_subject(catalog, "Ada").consent == first


def test_a_person_stays_one_with_pictures_or_any_record_of_consent(
    catalog: Catalog, fill: Callable[..., list[int]]
) -> None:
    person = subjects.add_subject(catalog, "Mira's cat", "zedtok", kind="person")[0]
    assert subjects.edit_subject(catalog, person, kind="character")[0].kind == "character"
    assert subjects.edit_subject(catalog, person, kind="person")[0].kind == "person"
    (one,) = fill(person, {})
    with pytest.raises(RefusedError, match=r"stays a person: it has pictures\.") as caught:
        subjects.edit_subject(catalog, person, kind="character")
    assert shlex.split(caught.value.hint.split("`")[1]) == ["loratui", "subject", "remove", "Mira's cat"]
    assert subjects.edit_subject(catalog, person, kind="person", notes="x")[0].notes == "x"
    rate(catalog, one, "explicit")
    subjects.record_consent(catalog, person, who="Mira", scope="training")
    for kind in KINDS:
        if kind != "person":
            with pytest.raises(RefusedError, match="it has pictures and a record of consent"):
                subjects.edit_subject(catalog, person, kind=kind)
    with pytest.raises(RefusedError) as caught:
        set_role(catalog, person, "primary", "all")
    words = shlex.split(caught.value.hint.split("`")[1])
    assert words[:5] == ["loratui", "role", "set", "Mira's cat", "rejected"]
    assert set_role(catalog, words[3], "rejected", words[5]) == 1


def test_undo_and_redo_bring_back_the_kind_of_a_person(catalog: Catalog, fill: Callable[..., list[int]]) -> None:
    thing = subjects.add_subject(catalog, "Cup", "cuptok", kind="object")[0]
    fill(thing, {})
    subjects.edit_subject(catalog, thing, kind="person")
    with pytest.raises(RefusedError) as caught:
        subjects.edit_subject(catalog, thing, kind="object")
    assert "undo what made it one" in caught.value.hint
    undo(catalog)
    assert subjects.get_subject(catalog, "Cup").kind == "object"
    redo(catalog)
    assert subjects.get_subject(catalog, "Cup").kind == "person"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a 12 year old girl", ("12 year old",)),
        ("12yo, aged 9, Sixteen-Years-Old", ("12yo", "aged 9", "sixteen-years-old")),
        ("two lolis and some teens", ("lolis", "teens")),
        ("ｌｏｌｉ", ("loli",)),
        ("18 year old, a 112 year old house, 25yo, aged 40, nineteen years old", ()),
    ],
)
def test_ages_below_eighteen_and_plurals_are_signs_of_youth(text: str, words: tuple[str, ...]) -> None:
    assert find_youth_words(text) == words
