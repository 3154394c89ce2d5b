"""What a tagging says of pictures that may not be used: right away, through the model itself."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from loratui.captions.importing import import_with_captions
from loratui.captions.ratings import find_refused, flag_refused, warn_of_refused
from loratui.captions.tagging import tag_pictures
from loratui.catalog.importer import import_pictures
from loratui.catalog.query import select_memberships
from loratui.catalog.ratings import list_reasons
from loratui.catalog.roles import assign_roles, set_role
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject, get_subject
from loratui.cli.root import run
from loratui.config import Settings
from loratui.errors import RefusedError

from .tagger_models import COLOURS, write_colour_tagger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loratui.catalog.store import Catalog
    from loratui.config import Home

pytest.importorskip("onnxruntime")


@pytest.fixture
def tagger(tmp_path: Path) -> Path:
    """A model that calls a picture explicit when its middle is red, and sees a child in a blue corner."""
    folder = write_colour_tagger(tmp_path / "rater")
    names = {"explicit": "nothing", "red": "explicit", "corner_blue": "child"}
    with (folder / "selected_tags.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    for row in rows:
        row[1] = names.get(row[1], row[1])
        row[2] = "9" if row[1] in ("general", "sensitive", "questionable", "explicit") else "0"
    with (folder / "selected_tags.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return folder


@pytest.fixture
def catalog(home: Home) -> Iterator[Catalog]:
    with open_catalog(home) as opened:
        yield opened


def draw(folder: Path, name: str, middle: str, corner: str) -> Path:
    folder.mkdir(exist_ok=True)
    picture = Image.new("RGB", (64, 64), COLOURS[middle])
    picture.paste(COLOURS[corner], (0, 0, 12, 12))
    picture.save(folder / name)
    return folder / name


@pytest.fixture
def mira(catalog: Catalog, tmp_path: Path) -> str:
    """Four training pictures: plain, explicit, with a child, and explicit with a child."""
    folder = tmp_path / "pictures"
    for name, middle, corner in (
        ("plain.png", "green", "grey"),
        ("explicit.png", "red", "grey"),
        ("child.png", "green", "blue"),
        ("both.png", "red", "blue"),
    ):
        draw(folder, name, middle, corner)
    add_subject(catalog, "Mira", "miratok")
    import_pictures(catalog, "Mira", [folder])
    set_role(catalog, "Mira", "primary", "all")
    return "Mira"


def test_tagging_flags_what_may_not_be_used_and_warns(catalog: Catalog, mira: str, tagger: Path) -> None:
    result = tag_pictures(catalog, mira, "", tagger)
    assert [(each.name, each.reason) for each in result.unfit] == [
        ("both.png", "rated explicit, with signs of youth (child)")
    ]
    assert "such as both.png" in result.warning
    assert "role set Mira rejected sha:" in result.warning
    assert [each.name for each in select_memberships(catalog, mira, "flag:unfit")] == ["both.png"]
    assert [each.name for each in select_memberships(catalog, mira, "rated:explicit")] == ["both.png", "explicit.png"]
    assert {each.role for each in select_memberships(catalog, mira)} == {"primary"}, "nothing is rejected by itself"
    set_role(catalog, mira, "rejected", "flag:unfit")
    again = tag_pictures(catalog, mira, "", tagger)
    assert (again.unfit, again.warning) == ([], "")


def test_of_a_person_every_explicit_picture_is_flagged(catalog: Catalog, tmp_path: Path, tagger: Path) -> None:
    ada = add_subject(catalog, "Ada", "adatok", kind="person")[0]
    import_pictures(
        catalog, ada, [draw(tmp_path / "p", "a.png", "red", "grey"), draw(tmp_path / "p", "b.png", "green", "blue")]
    )
    result = tag_pictures(catalog, ada, "", tagger)
    assert [(each.name, each.reason) for each in result.unfit] == [("a.png", "rated explicit, and Ada is a person")]
    with pytest.raises(RefusedError, match=r"a\.png"):
        set_role(catalog, ada, "primary", "all")
    # What another subject brings in later is known by then.
    other = add_subject(catalog, "Nora", "noratok", kind="person")[0]
    assert import_pictures(catalog, other, [tmp_path / "p"]).imported == 1


def test_flags_follow_and_decide_nothing(catalog: Catalog, mira: str, tagger: Path) -> None:
    tag_pictures(catalog, mira, "", tagger)
    owner = get_subject(catalog, mira)
    with catalog.write() as connection:
        connection.exec_driver_sql("DELETE FROM finding")
    assert [each.membership.name for each in find_refused(catalog, owner)] == ["both.png"]
    assert [each.membership.name for each in flag_refused(catalog, owner)] == ["both.png"]
    assert [each.name for each in select_memberships(catalog, mira, "flag:unfit")] == ["both.png"]
    assert warn_of_refused(owner, []) == ""


def test_the_command_line_warns_too(
    catalog: Catalog, mira: str, tagger: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LORATUI_HOME", str(catalog.home.data))
    assert run(["tag", mira, "--tagger", str(tagger)]) == 0
    assert "warning: 1 picture of Mira can't be used, such as both.png" in capsys.readouterr().err
    assert run(["tag", mira, "--tagger", str(tagger), "--json"]) == 0
    assert [each["name"] for each in json.loads(capsys.readouterr().out)["unfit"]] == ["both.png"]


def test_captions_that_are_imported_are_looked_at(catalog: Catalog, tmp_path: Path) -> None:
    ada = add_subject(catalog, "Ada", "adatok", kind="person")[0]
    picture = draw(tmp_path / "p", "a.png", "green", "grey")
    picture.with_suffix(".txt").write_text("rating:explicit, smile", encoding="utf-8")
    draw(tmp_path / "p", "b.png", "red", "grey")
    done = import_with_captions(catalog, ada, [tmp_path / "p"], Settings())
    (warning,) = (each for each in done.warnings if "consent" not in each)
    assert [(each["name"], each["why"]) for each in list_reasons(done.unfit)] == [
        ("a.png", "its caption says rating explicit, and Ada is a person")
    ]
    assert warning.startswith("1 picture of Ada can't be used, such as a.png (its caption says rating explicit")
    assert [each.name for each in select_memberships(catalog, ada, "flag:unfit")] == ["a.png"]


def test_proposed_roles_are_refused_like_others(catalog: Catalog, mira: str, tagger: Path) -> None:
    set_role(catalog, mira, "inbox", "all")
    tag_pictures(catalog, mira, "", tagger)
    ids = {each.name: each.id for each in select_memberships(catalog, mira)}
    with pytest.raises(RefusedError, match=r"both\.png"):
        assign_roles(catalog, mira, {id_: ("inbox", "primary") for id_ in ids.values()})
    assert assign_roles(catalog, mira, {ids["both.png"]: ("inbox", "rejected")}) == 1
    assert assign_roles(catalog, mira, {ids["explicit.png"]: ("inbox", "primary")}) == 1
