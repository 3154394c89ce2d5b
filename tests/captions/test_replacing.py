"""Renaming a tag in a whole subject, its rules included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from loratui.captions import replacing
from loratui.captions.replacing import RenamedTag, rename_in_rule, rename_tag, replace_tag
from loratui.captions.service import captions_of, change_rules, rules_of
from loratui.catalog.edits import add_tags, get_rules
from loratui.catalog.importer import import_pictures
from loratui.catalog.journal import history, undo
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
    assert renamed == RenamedTag(1, ("always_first", "renames", "aliases", "implications"))
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
    assert rename_tag(catalog, "Mira", "umbrella", "parasol") == RenamedTag(0, ())
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


def test_a_tag_put_in_place_of_an_imbued_one_is_imbued_in_the_same_step(catalog: Catalog) -> None:
    change_rules(catalog, "Mira", {"imbued": ["boater"]})
    replace_tag(catalog, "Mira", "", "umbrella", "parasol")
    assert rules_of(catalog, "Mira").imbued == ("boater",), "nothing was replaced"
    replace_tag(catalog, "Mira", "", "boater", "straw_hat")
    assert rules_of(catalog, "Mira").imbued == ("boater", "straw hat")
    assert "straw" not in next(iter(captions_of(catalog, "Mira").values()))
    undo(catalog)
    assert rules_of(catalog, "Mira").imbued == ("boater",)
