"""Renaming a tag in a whole subject, its rules included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from loratui.captions import replacing
from loratui.captions.replacing import ReplacedTag, rename_in_rule, rename_tag, replace_tag
from loratui.captions.service import captions_of, change_rules, rules_of
from loratui.catalog.edits import add_tags, get_rules, tag_edits_of
from loratui.catalog.importer import import_pictures
from loratui.catalog.journal import history, undo
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject
from loratui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loratui.captions.rules import CaptionRules
    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog
    from loratui.config import Home


@pytest.fixture
def catalog(home: Home, tmp_path: Path) -> Iterator[Catalog]:
    """Mira smiling in a boater, on one picture."""
    with open_catalog(home) as opened:
        add_subject(opened, "Mira", "Mirvok")
        Image.linear_gradient("L").save(tmp_path / "0.png")
        import_pictures(opened, "Mira", [tmp_path / "0.png"])
        add_tags(opened, "Mira", "", ["smiling", "boater", "hat"])
        yield opened


def test_rules_that_say_the_tag_go_along_and_are_told(catalog: Catalog) -> None:
    rules: dict[str, Any] = {
        "always_first": ["Smile"],
        "renames": {"grin": "smile", "hat": "cap"},
        "aliases": {"smile": ["smiling"]},
        "implications": {"boater": ["hat"], "broad smile": ["smile"]},
        "suffix": "smile",
    }
    change_rules(catalog, "Mira", rules)
    renamed = rename_tag(catalog, "Mira", "smile", "happy")
    rules_told = ("always_first", "renames", "aliases", "implications")
    assert renamed == ReplacedTag("smile", "happy", 1, captions=1, rules=rules_told)
    assert get_rules(catalog, "Mira") == {
        "always_first": ["happy"],
        "renames": {"grin": "happy", "hat": "cap"},
        "aliases": {"happy": ["smiling"]},
        "implications": {"boater": ["hat"], "broad smile": ["happy"]},
        "suffix": "smile",
    }
    assert next(iter(captions_of(catalog, "Mira").values())).startswith("photo of Mirvok, happy, boater")
    undo(catalog)
    assert get_rules(catalog, "Mira") == rules


def test_a_tag_that_becomes_its_own_other_name_needs_none() -> None:
    assert rename_in_rule("renames", {"hat": "cap", "lid": "cap"}, "cap", "hat") == {"lid": "hat"}
    assert rename_in_rule("aliases", {"smile": ["smiling", "grin"]}, "smile", "smiling") == {"smiling": ["grin"]}
    assert rename_in_rule("implications", {"boater": ["hat"], "cap": ["lid"]}, "boater", "cap") == {
        "cap": ["hat", "lid"]
    }


def test_a_rename_that_would_lead_in_a_circle_changes_nothing(catalog: Catalog) -> None:
    change_rules(catalog, "Mira", {"renames": {"hat": "cap", "lid": "hat"}})
    before, steps = captions_of(catalog, "Mira"), len(history(catalog, 100))
    with pytest.raises(UsageError, match="circle"):
        rename_tag(catalog, "Mira", "cap", "lid")
    assert captions_of(catalog, "Mira") == before and len(history(catalog, 100)) == steps


def test_a_tag_that_nothing_says_changes_nothing(catalog: Catalog) -> None:
    steps = len(history(catalog, 100))
    assert rename_tag(catalog, "Mira", "umbrella", "parasol") == ReplacedTag("umbrella", "parasol", 0)
    assert len(history(catalog, 100)) == steps


def test_a_rule_that_another_writer_sets_meanwhile_stays(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_while_another_writes(catalog: Catalog, subject: Subject) -> CaptionRules:
        rules = rules_of(catalog, subject)
        change_rules(catalog, subject, {"suffix": "grain"})
        return rules

    change_rules(catalog, "Mira", {"imbued": ["smiling"]})
    monkeypatch.setattr(replacing, "rules_of", read_while_another_writes)
    rename_tag(catalog, "Mira", "smiling", "smile")
    assert get_rules(catalog, "Mira") == {"imbued": ["smile"], "suffix": "grain"}


def test_a_tag_put_in_place_of_another_is_spelled_as_captions_spell_tags(catalog: Catalog) -> None:
    replace_tag(catalog, "Mira", "", "boater", "straw_hat")
    assert "straw hat" in next(iter(captions_of(catalog, "Mira").values()))
    change_rules(catalog, "Mira", {"underscores_to_spaces": False})
    replace_tag(catalog, "Mira", "", "smiling", "big_smile")
    assert "big_smile" in next(iter(captions_of(catalog, "Mira").values()))


@pytest.fixture
def five(catalog: Catalog, tmp_path: Path) -> dict[str, int]:
    """Five pictures of Can that show a red scarf by hand, the first two a hat as well; a tagger spells with a line."""
    add_subject(catalog, "Can", "Canvok")
    for number in range(5):
        Image.linear_gradient("L").resize((70 + number, 64)).save(tmp_path / f"can{number}.png")
    import_pictures(catalog, "Can", sorted(tmp_path.glob("can*.png")))
    add_tags(catalog, "Can", "", ["red scarf"])
    add_tags(catalog, "Can", "name:can0 OR name:can1", ["hat"])
    return {one.name: one.id for one in select_memberships(catalog, "Can")}


def test_a_query_that_leaves_out_pictures_with_the_new_tag_leaves_the_rules_alone_and_says_so(
    catalog: Catalog, five: dict[str, int]
) -> None:
    change_rules(catalog, "Can", {"imbued": ["hat"]})
    before = captions_of(catalog, "Can")
    done = replace_tag(catalog, "Can", "name:can0", "hat", "red scarf")
    assert (done.pictures, done.captions, done.rules, done.left_out) == (1, 0, (), 4)
    assert rules_of(catalog, "Can").imbued == ("hat",) and captions_of(catalog, "Can") == before
    (told,) = done.tell_rules("Can")
    assert "The rules stay as they are" in told and "`loratui rules set Can --imbue 'red scarf'`" in told


def test_a_query_that_leaves_out_pictures_with_the_old_tag_leaves_the_rules_alone(
    catalog: Catalog, five: dict[str, int]
) -> None:
    change_rules(catalog, "Can", {"imbued": ["hat"]})
    done = replace_tag(catalog, "Can", [five["can0.png"]], "hat", "cap")
    assert (done.captions, done.rules, done.left_out) == (1, (), 1)
    assert "cap" in captions_of(catalog, "Can")[five["can0.png"]]
    undo(catalog)
    # The same pictures, chosen as those of all that need the change: nothing is left out.
    having = [five["can0.png"], five["can1.png"]]
    done = replace_tag(catalog, "Can", having, "hat", "red scarf", scope=[*five.values()])
    assert (done.pictures, done.rules, done.left_out) == (2, ("imbued",), 0)


def test_a_tag_that_comes_to_be_imbued_in_all_pictures_tells_how_many_captions_leave_it_out(
    catalog: Catalog, five: dict[str, int]
) -> None:
    change_rules(catalog, "Can", {"imbued": ["hat"]})
    for done in (
        replace_tag(catalog, "Can", "", "hat", "red scarf"),
        undo(catalog) and rename_tag(catalog, "Can", "hat", "red scarf"),
    ):
        assert isinstance(done, ReplacedTag)
        assert (done.pictures, done.captions, done.rules, done.silenced) == (2, 5, ("imbued",), 5)
        (told,) = done.tell_rules("Can")
        assert "5 captions that said it leave it out" in told and "--keep 'red scarf'" in told


def test_a_tag_with_a_star_takes_no_tags_place_for_rules_read_it_as_any_text(
    catalog: Catalog, five: dict[str, int]
) -> None:
    change_rules(catalog, "Can", {"imbued": ["hat"]})
    before = captions_of(catalog, "Can")
    with pytest.raises(UsageError, match="any text"):
        rename_tag(catalog, "Can", "hat", "red*")
    with pytest.raises(UsageError, match="any text"):
        replace_tag(catalog, "Can", "", "hat", "red*")
    assert captions_of(catalog, "Can") == before and rules_of(catalog, "Can").imbued == ("hat",)


@pytest.mark.parametrize("typed", ["red_scarf", "Red Scarf", " RED_scarf "])
def test_a_new_tag_takes_the_spelling_in_which_the_subject_has_it(
    catalog: Catalog, five: dict[str, int], typed: str
) -> None:
    for put in (rename_tag, lambda *names: replace_tag(*names[:2], "", *names[2:])):
        assert put(catalog, "Can", "hat", typed).new == "red scarf"
        assert {edit.tag for edits in tag_edits_of(catalog, "Can").values() for edit in edits} == {"red scarf"}
        undo(catalog)


def test_a_tag_is_respelled_when_its_other_spelling_is_asked_for(catalog: Catalog, five: dict[str, int]) -> None:
    assert rename_tag(catalog, "Can", "red scarf", "Red Scarf").pictures == 5
    assert {edit.tag for edits in tag_edits_of(catalog, "Can").values() for edit in edits} == {"Red Scarf", "hat"}


def test_a_tag_put_in_place_of_an_imbued_one_is_imbued_in_the_same_step(catalog: Catalog) -> None:
    change_rules(catalog, "Mira", {"imbued": ["boater"]})
    replace_tag(catalog, "Mira", "", "umbrella", "parasol")
    assert rules_of(catalog, "Mira").imbued == ("boater",), "nothing was replaced"
    replace_tag(catalog, "Mira", "", "boater", "straw_hat")
    assert rules_of(catalog, "Mira").imbued == ("boater", "straw hat")
    assert "straw" not in next(iter(captions_of(catalog, "Mira").values()))
    undo(catalog)
    assert rules_of(catalog, "Mira").imbued == ("boater",)
