"""The lists of tags that ship: every tag once, spelled as captions compare tags, and known to taggers."""

from __future__ import annotations

import csv
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratui.captions import presets, traits
from loratui.captions.tags import fold_tag
from loratui.demo.world import ALL_TAGS
from loratui.errors import UsageError

LISTS = sorted(path for path in Path(str(files("loratui.captions"))).joinpath("traits").glob("*.txt"))


def test_every_tag_is_in_one_list_and_guards_repeat_tags_of_others() -> None:
    for guarded in (False, True):
        tags = [tag for group in traits.load_groups() if (group.kind == "guard") is guarded for tag in group.tags]
        assert len(tags) == len(set(tags)), sorted(tag for tag in set(tags) if tags.count(tag) > 1)


def test_tags_are_listed_in_the_form_on_which_tags_are_compared() -> None:
    assert [tag for group in traits.load_groups() for tag in group.tags if tag != fold_tag(tag)] == []


def test_a_tag_is_found_however_it_is_spelled() -> None:
    for spelled in ("red_eyes", "Red Eyes", " red  eyes "):
        found = traits.trait_of(spelled)
        assert found and (found.tag, found.group.name, found.group.kind) == ("red eyes", "eye_colour", "intrinsic")
        assert found.value == "red"
    assert traits.trait_of("^_^") is not None
    assert traits.trait_of("mirvok") is None


@pytest.mark.parametrize(
    ("tag", "kind"),
    [
        ("closed eyes", "flexible"),
        ("half-closed eyes", "flexible"),
        ("covering own eyes", "flexible"),
        ("hair between eyes", "flexible"),
        ("hair ribbon", "flexible"),
        ("hair flower", "flexible"),
        ("wet hair", "flexible"),
        ("facing viewer", "flexible"),
        ("smile", "flexible"),
        ("white shirt", "flexible"),
        ("white background", "flexible"),
        ("freckles", "intrinsic"),
        ("dark skin", "intrinsic"),
        ("cat ears", "intrinsic"),
        ("beard", "intrinsic"),
        ("twintails", "borderline"),
        ("glasses", "borderline"),
        ("earrings", "borderline"),
        ("signature", "meta"),
        ("highres", "meta"),
        ("1girl", "meta"),
    ],
)
def test_tags_that_look_alike_are_not_judged_by_how_they_end(tag: str, kind: str) -> None:
    found = traits.trait_of(tag)
    assert found and found.group.kind == kind


def test_everything_that_the_drawn_cast_shows_is_listed() -> None:
    assert [tag for tag in ALL_TAGS if traits.trait_of(tag) is None] == []
    intrinsic = {tag for tag in ALL_TAGS if (found := traits.trait_of(tag)) and found.group.kind == "intrinsic"}
    assert {"green skin", "red eyes", "blonde hair", "freckles", "scar", "mole", "heart", "long hair"} <= intrinsic
    assert not {"smile", "red shirt", "from side", "portrait", "grass"} & intrinsic


def test_words_for_minors_are_known_and_never_count_as_traits_to_imbue() -> None:
    youth = traits.load_list("youth")
    assert {"child", "loli", "shota", "school uniform", "toddler"} <= youth
    kinds = {found.group.kind for tag in youth if (found := traits.trait_of(tag))}
    assert "intrinsic" not in kinds


def test_groups_are_found_by_name_by_title_and_by_first_word() -> None:
    assert [group.name for group in traits.find_groups("eye color")] == ["eye_colour"]
    assert [group.name for group in traits.find_groups("hair-colour")] == ["hair_colour"]
    assert {"hair_colour", "hair_length", "hair_style"} <= {group.name for group in traits.find_groups("hair")}
    assert {group.name for group in traits.find_groups("eyes")} >= {"eye_colour", "eye_shape"}
    with pytest.raises(UsageError) as wrong:
        traits.find_groups("hair_colr")
    assert "hair_colour" in wrong.value.hint


def test_a_list_without_a_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="kinds"):
        traits.read_group("odd", ["title: odd", "", "one, two"])


@given(st.lists(st.from_regex(r"[a-z:;()^]{1,8}( [a-z]{1,5})?", fullmatch=True), min_size=1, unique=True))
def test_a_list_gives_back_the_tags_it_was_written_with(tags: list[str]) -> None:
    lines = ["# remark", "title: some", "kind: flexible", "", *(f"{tag}, " for tag in tags)]
    assert traits.read_group("some", lines).tags == tuple(tag.removeprefix("also:").strip() for tag in tags)


def test_presets_name_groups_that_there_are_and_every_kind_has_its_own() -> None:
    groups = {group.name for group in traits.load_groups()}
    for preset in presets.load_presets():
        named = [*preset.imbue, *preset.ask, *preset.leave_out]
        assert set(named) <= groups
        assert len(named) == len(set(named)), preset.name
    for kind in ("person", "character", "style", "object"):
        assert kind in presets.find_preset(kind).kinds
    assert presets.find_preset("all but hair").name == "all_but_hair"
    with pytest.raises(UsageError, match="no preset"):
        presets.find_preset("everything")


def test_a_preset_leaves_named_groups_to_the_prompt() -> None:
    assert "hair_colour" not in presets.find_preset("character").without(["hair"]).imbue
    assert presets.find_preset("character").without(["hair"]).imbue == presets.find_preset("all_but_hair").imbue


def test_listed_tags_are_in_the_vocabulary_of_the_taggers(shared: Path) -> None:
    with (shared / "models" / "tags" / "wd14_selected_tags.csv").open(encoding="utf-8", newline="") as file:
        vocabulary = {fold_tag(row["name"]) for row in csv.DictReader(file)}
    unknown = []
    for path in LISTS:
        body = path.read_text(encoding="utf-8").split("\n\n", 1)[1]
        lines = [line for line in body.splitlines() if line and not line.startswith(("#", "also:"))]
        unknown += [tag.strip() for line in lines for tag in line.split(",") if tag.strip() not in vocabulary]
    assert unknown == []
