"""Proposed roles: clear, typical primaries and varied supporting pictures, with reasons, and nothing done unasked."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from loratui.captions.coverage import coverage_of
from loratui.captions.importing import import_with_captions
from loratui.captions.proposals import Proposal, accept_proposal, propose_roles
from loratui.captions.samey import samey_of
from loratui.captions.survey import CANDIDATES
from loratui.catalog.dedupe import find_groups
from loratui.catalog.edits import add_tags, store_tag_scores
from loratui.catalog.findings import Measured, store_findings
from loratui.catalog.importer import import_pictures
from loratui.catalog.journal import history, redo, undo
from loratui.catalog.query import select_memberships
from loratui.catalog.roles import remove_pictures, set_rating, set_role
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject
from loratui.config import Settings
from loratui.demo import world
from loratui.demo.subject import NAME, draw_demo_pictures
from loratui.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loratui.catalog.store import Catalog
    from loratui.config import Home
    from loratui.demo.subject import DemoManifest

LOOK = world.Look("pale skin", "red hair", "long hair", "blue eyes", "freckles")
FACE = world.Scene("smile", "facing viewer", "portrait", "red shirt", "none", "white background")


@pytest.fixture
def catalog(home: Home) -> Iterator[Catalog]:
    with open_catalog(home) as opened:
        add_subject(opened, "Mira", "Mirvok")
        yield opened


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DemoManifest]:
    folder = tmp_path_factory.mktemp("demo")
    return folder, draw_demo_pictures(folder)


@pytest.fixture
def demo(catalog: Catalog, demo_folder: tuple[Path, DemoManifest]) -> DemoManifest:
    """The demo's subject, imported with its captions."""
    folder, manifest = demo_folder
    add_subject(catalog, NAME, NAME)
    import_with_captions(catalog, NAME, [folder], Settings())
    return manifest


def bring(catalog: Catalog, folder: Path, pictures: dict[str, world.Scene], size: int = 256) -> dict[str, int]:
    """Draw pictures of these names, import them into Mira's inbox and tag them truly; ids by name."""
    for number, (name, scene) in enumerate(pictures.items()):
        world.draw(LOOK, scene, number, size).save(folder / f"{name}.png")
    import_pictures(catalog, "Mira", sorted(folder.glob("*.png")))
    ids = {member.name.removesuffix(".png"): member.id for member in select_memberships(catalog, "Mira")}
    for name, scene in pictures.items():
        add_tags(catalog, "Mira", [ids[name]], world.caption_tags(LOOK, scene))
    return ids


def names(proposal: Proposal, role: str) -> set[str]:
    return {pick.name.split(".")[0] for pick in (proposal.primary if role == "primary" else proposal.supporting)}


def roles(catalog: Catalog, subject: str = "Mira") -> dict[str, str]:
    return {member.name: member.role for member in select_memberships(catalog, subject)}


def reason_of(proposal: Proposal, name: str) -> str:
    return next(skip.reason for skip in proposal.skipped if skip.name.startswith(name))


def test_the_demo_gets_the_numbers_asked_for_and_no_copy_beside_its_original(
    catalog: Catalog, demo: DemoManifest
) -> None:
    proposal = propose_roles(catalog, NAME, 12, 16)
    picked = [pick.name for pick in (*proposal.primary, *proposal.supporting)]
    assert (len(proposal.primary), len(proposal.supporting), len(set(picked))) == (12, 16, 28)
    for copy in demo.pictures:
        assert not {copy.file, copy.copy_of} <= set(picked)
    for group in find_groups(catalog, NAME):
        assert len({member.name for member in group.pictures} & set(picked)) <= 1
    assert all(pick.reasons for pick in (*proposal.primary, *proposal.supporting))
    assert all(skip.reason for skip in proposal.skipped)
    assert len(picked) + len(proposal.skipped) == len(select_memberships(catalog, NAME))


def test_primaries_show_the_face_and_supporting_pictures_all_there_is(catalog: Catalog, demo: DemoManifest) -> None:
    accept_proposal(catalog, propose_roles(catalog, NAME, 12, 16))
    by_file = {picture.file: set(picture.tags) for picture in demo.pictures}
    primary = [by_file[member.name] for member in select_memberships(catalog, NAME, "role:primary")]
    trained = [by_file[member.name] for member in select_memberships(catalog, NAME, "role:primary OR role:supporting")]
    assert not any("from behind" in tags for tags in primary)
    assert sum({"portrait", "facing viewer"} <= tags for tags in primary) > len(primary) / 2
    flexible = [*world.VIEWS, *world.FRAMINGS, *world.EXPRESSIONS, *world.SHIRTS, *world.BACKGROUNDS]
    assert set(flexible) <= set().union(*trained)


def test_supporting_pictures_are_more_varied_than_any_taken_by_chance(catalog: Catalog, demo: DemoManifest) -> None:
    def evenness() -> float:
        return sum(spread.evenness for spread in coverage_of(catalog, NAME).entropy)

    accept_proposal(catalog, propose_roles(catalog, NAME, 0, 12))
    chosen = evenness()
    everyone = [member.id for member in select_memberships(catalog, NAME)]
    for seed in range(5):
        set_role(catalog, NAME, "inbox", "")
        set_role(catalog, NAME, "supporting", random.Random(seed).sample(everyone, 12))
        assert evenness() < chosen


def test_nothing_changes_until_the_proposal_is_accepted_and_undo_takes_it_back_as_one(
    catalog: Catalog, demo: DemoManifest
) -> None:
    before = select_memberships(catalog, NAME)
    entries = len(history(catalog, 100))
    proposal = propose_roles(catalog, NAME, 5, 5)
    assert select_memberships(catalog, NAME) == before
    assert accept_proposal(catalog, proposal) == 10
    assert len(history(catalog, 100)) == entries + 1
    after = select_memberships(catalog, NAME)
    assert sum(member.role == "primary" for member in after) == 5
    undo(catalog)
    assert select_memberships(catalog, NAME) == before
    redo(catalog)
    assert select_memberships(catalog, NAME) == after


def test_a_proposal_that_is_out_of_date_is_refused(catalog: Catalog, demo: DemoManifest) -> None:
    proposal = propose_roles(catalog, NAME, 3, 3)
    set_role(catalog, NAME, "rejected", [proposal.primary[0].id])
    before = roles(catalog, NAME)
    with pytest.raises(ConflictError, match=r"is rejected by now"):
        accept_proposal(catalog, proposal)
    assert roles(catalog, NAME) == before
    remove_pictures(catalog, NAME, [proposal.primary[0].id])
    with pytest.raises(UsageError):
        accept_proposal(catalog, proposal)


def test_a_copy_of_the_library_gives_the_same_proposal(catalog: Catalog, demo: DemoManifest) -> None:
    assert propose_roles(catalog, NAME, 9, 9) == propose_roles(catalog, NAME, 9, 9)


def test_a_picture_from_behind_supports_and_is_never_primary(catalog: Catalog, tmp_path: Path) -> None:
    bring(catalog, tmp_path, {"face": FACE, "back": replace(FACE, view="from behind")})
    proposal = propose_roles(catalog, "Mira", 2, 2)
    assert (names(proposal, "primary"), names(proposal, "supporting")) == ({"face"}, {"back"})
    assert any("instead of 2" in words for words in proposal.remarks)


def test_other_people_keep_a_picture_from_being_primary(catalog: Catalog, tmp_path: Path) -> None:
    ids = bring(catalog, tmp_path, {"alone": FACE, "pair": replace(FACE, clothes="blue shirt", background="grass")})
    add_tags(catalog, "Mira", [ids["pair"]], ["2girls"])
    proposal = propose_roles(catalog, "Mira", 2, 0)
    assert names(proposal, "primary") == {"alone"}
    assert reason_of(proposal, "pair") == "others are in the picture too"


def test_a_small_or_blurred_picture_is_left_for_a_clear_one(catalog: Catalog, tmp_path: Path) -> None:
    rng = random.Random(2)
    scenes = {f"clear{number}": world.random_scene(rng) for number in range(8)}
    for number, scene in enumerate(scenes.values()):
        drawn = world.draw(LOOK, scene, number, 512)
        drawn.save(tmp_path / f"clear{number}.png")
    unlike = replace(FACE, expression="teeth", background="night sky", accessories="scarf")
    world.draw(LOOK, unlike, 90, 64).save(tmp_path / "small.png")
    soft = world.draw(LOOK, replace(unlike, view="from side"), 91, 512)
    soft.filter(ImageFilter.GaussianBlur(12)).save(tmp_path / "soft.png")
    import_pictures(catalog, "Mira", sorted(tmp_path.glob("*.png")))
    proposal = propose_roles(catalog, "Mira", 4, 20)
    picked = names(proposal, "primary") | names(proposal, "supporting")
    assert not picked & {"small", "soft"}
    assert "blown up 8.0 times" in reason_of(proposal, "small")
    assert "blurred" in reason_of(proposal, "soft")


def test_one_star_is_a_no_and_five_stars_go_before_equals(catalog: Catalog, tmp_path: Path) -> None:
    shirts = list(world.SHIRTS)[:4]
    ids = bring(catalog, tmp_path, {shirt[0]: replace(FACE, clothes=shirt) for shirt in shirts})
    del ids
    members = select_memberships(catalog, "Mira")
    set_rating(catalog, "Mira", 1, [members[0].id])
    set_rating(catalog, "Mira", 5, [members[-1].id])
    proposal = propose_roles(catalog, "Mira", 1, 9)
    assert [pick.id for pick in proposal.primary] == [members[-1].id]
    assert "you gave it 5 stars" in proposal.primary[0].reasons
    assert members[0].id not in {pick.id for pick in proposal.supporting}


def test_what_a_person_chose_stays_unless_all_is_chosen_again(catalog: Catalog, tmp_path: Path) -> None:
    back = replace(FACE, view="from behind")
    ids = bring(catalog, tmp_path, {"back": back, "face": FACE, "side": replace(FACE, view="from side")})
    set_role(catalog, "Mira", "primary", [ids["back"]])
    proposal = propose_roles(catalog, "Mira", 1, 1)
    (kept,) = proposal.primary
    assert (kept.id, kept.kept) == (ids["back"], True)
    assert ids["back"] not in proposal.changes
    again = propose_roles(catalog, "Mira", 1, 1, again=True)
    assert names(again, "primary") == {"face"}
    accept_proposal(catalog, propose_roles(catalog, "Mira", 1, 0, again=True))
    assert roles(catalog) == {"back.png": "inbox", "face.png": "primary", "side.png": "inbox"}


def test_holdouts_and_rejected_pictures_are_left_alone_and_copies_of_holdouts_are_not_trained(
    catalog: Catalog, tmp_path: Path
) -> None:
    ids = bring(catalog, tmp_path, {"held": FACE, "bad": replace(FACE, view="from side"), "free": replace(
        FACE, framing="full body", background="grass")})  # fmt: skip
    copy = Image.open(tmp_path / "held.png").resize((200, 200))
    (tmp_path / "more").mkdir()
    copy.save(tmp_path / "more" / "copy.jpg", quality=80)
    import_pictures(catalog, "Mira", [tmp_path / "more" / "copy.jpg"])
    set_role(catalog, "Mira", "holdout", [ids["held"]])
    set_role(catalog, "Mira", "rejected", [ids["bad"]])
    proposal = propose_roles(catalog, "Mira", again=True)
    assert names(proposal, "primary") == {"free"}
    assert reason_of(proposal, "copy") == "nearly the same as held.png, which is held out"
    accept_proposal(catalog, proposal)
    assert (roles(catalog)["held.png"], roles(catalog)["bad.png"]) == ("holdout", "rejected")


def test_pictures_without_tags_are_chosen_by_their_clearness_and_it_is_said(
    catalog: Catalog, shared: Path, tmp_path: Path
) -> None:
    import_pictures(catalog, "Mira", sorted((shared / "data" / "photos").glob("*/*.jpg")))
    proposal = propose_roles(catalog, "Mira", 10, 20)
    assert (len(proposal.primary), len(proposal.supporting)) == (10, 20)
    assert any("tag" in words for words in proposal.remarks)
    picked = {pick.id for pick in (*proposal.primary, *proposal.supporting)}
    for group in find_groups(catalog, "Mira"):
        assert len({member.id for member in group.pictures} & picked) <= 1


@pytest.mark.parametrize("numbers", [(0, 0), (5, 0), (0, 5)])
def test_an_empty_subject_or_no_wish_gives_an_empty_proposal(catalog: Catalog, numbers: tuple[int, int]) -> None:
    proposal = propose_roles(catalog, "Mira", *numbers)
    assert (proposal.primary, proposal.supporting, proposal.skipped, proposal.changes) == ((), (), (), {})
    assert accept_proposal(catalog, proposal) == 0


def test_pictures_that_a_tagger_has_read_are_not_to_be_read_again(catalog: Catalog, tmp_path: Path) -> None:
    Image.linear_gradient("L").save(tmp_path / "one.png")
    import_pictures(catalog, "Mira", [tmp_path / "one.png"])
    assert any("`loratui tag` reads" in words for words in propose_roles(catalog, "Mira").remarks)
    (picture,) = select_memberships(catalog, "Mira")
    store_tag_scores(catalog, picture.picture_id, "wd", [("water bottle", "general", 0.9)])
    (remark, *_) = propose_roles(catalog, "Mira").remarks
    assert "`loratui overrule` tells it" in remark
    assert "loratui tag" not in remark


def test_a_negative_number_is_refused(catalog: Catalog) -> None:
    with pytest.raises(UsageError):
        propose_roles(catalog, "Mira", -1, 5)


@given(st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_there_counts_are_kept_and_what_repeats_is_picked_once(
    catalog: Catalog, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    remove_pictures(catalog, "Mira", "")
    folder = tmp_path_factory.mktemp("any")
    rng = random.Random(data.draw(st.integers(0, 10_000), label="seed"))
    scenes = [world.random_scene(rng) for _ in range(data.draw(st.integers(1, 6), label="scenes"))]
    shown = data.draw(st.lists(st.sampled_from(scenes), min_size=1, max_size=14), label="pictures")
    ids = bring(catalog, folder, {f"{number:02}": scene for number, scene in enumerate(shown)}, size=96)
    before = {}
    for id_ in ids.values():
        before[id_] = data.draw(st.sampled_from(["inbox"] * 4 + ["primary", "supporting", "holdout", "rejected"]))
        set_role(catalog, "Mira", before[id_], [id_])
    primary, supporting = (data.draw(st.integers(0, 6), label=role) for role in ("primary", "supporting"))
    again = data.draw(st.booleans(), label="again")
    proposal = propose_roles(catalog, "Mira", primary, supporting, again=again)
    assert proposal == propose_roles(catalog, "Mira", primary, supporting, again=again)
    for picks, role, most in ((proposal.primary, "primary", primary), (proposal.supporting, "supporting", supporting)):
        kept = 0 if again else sum(old == role for old in before.values())
        assert len(picks) <= max(most, kept)
        assert sum(pick.kept for pick in picks) == kept
    fresh = [pick.id for pick in (*proposal.primary, *proposal.supporting) if not pick.kept]
    picked = [pick.id for pick in (*proposal.primary, *proposal.supporting)]
    assert len(set(picked)) == len(picked)
    alike = [{member.id for member in group.pictures} for group in find_groups(catalog, "Mira")]
    alike += [set(cluster.ids) for cluster in samey_of(catalog, "Mira", CANDIDATES).clusters]
    for group in alike:
        # A person may have chosen two of them; a proposal adds none.
        assert not (group & set(fresh)) or len(group & set(picked)) == 1
    content = select_memberships(catalog, "Mira")
    changed = accept_proposal(catalog, proposal)
    now = {member.id: member.role for member in select_memberships(catalog, "Mira")}
    assert {id_ for id_ in now if now[id_] != before[id_]} == set(proposal.changes)
    assert all(now[id_] == before[id_] for id_ in now if before[id_] in ("holdout", "rejected"))
    if changed:
        undo(catalog)
    assert select_memberships(catalog, "Mira") == content


def test_what_checks_found_is_heeded(catalog: Catalog, tmp_path: Path) -> None:
    scenes = {
        "red": FACE,
        "blue": replace(FACE, background="night sky", clothes="blue shirt"),
        "green": replace(FACE, view="from side", background="grass", clothes="green shirt"),
    }
    ids = bring(catalog, tmp_path, scenes)
    pictures = {member.id: member.picture_id for member in select_memberships(catalog, "Mira")}
    found = {"red": "faces", "blue": "other", "green": "dark"}
    store_findings(catalog, [Measured(pictures[ids[name]], kind, "a check", 1.5) for name, kind in found.items()])
    proposal = propose_roles(catalog, "Mira", 9, 0)
    assert names(proposal, "primary") == {"green"}
    assert reason_of(proposal, "red") == "others are in the picture too"
    assert reason_of(proposal, "blue") == "it looks like another subject's"


def test_what_may_not_be_trained_on_is_never_proposed(catalog: Catalog, tmp_path: Path) -> None:
    ids = bring(catalog, tmp_path, {"fine": FACE, "unfit": replace(FACE, background="grass", clothes="blue shirt")})
    add_tags(catalog, "Mira", [ids["unfit"]], ["child"])
    (picture,) = select_memberships(catalog, "Mira", "name:unfit*")
    store_tag_scores(catalog, picture.picture_id, "wd", [("explicit", "rating", 0.9), ("general", "rating", 0.05)])
    proposal = propose_roles(catalog, "Mira", 5, 5)
    assert names(proposal, "primary") | names(proposal, "supporting") == {"fine"}
    assert reason_of(proposal, "unfit").startswith("may not be used")


def test_without_tags_the_clearer_pictures_are_chosen(catalog: Catalog, tmp_path: Path) -> None:
    rng = random.Random(4)
    for number, side in enumerate((200, 400, 300, 100)):
        small = Image.frombytes("RGB", (side // 10, side // 10), rng.randbytes(3 * (side // 10) ** 2))
        small.resize((side, side), Image.Resampling.NEAREST).save(tmp_path / f"{number}.png")
    import_pictures(catalog, "Mira", sorted(tmp_path.glob("*.png")))
    assert names(propose_roles(catalog, "Mira", 1, 1), "primary") == {"1"}
    assert names(propose_roles(catalog, "Mira", 0, 2), "supporting") == {"1", "2"}
