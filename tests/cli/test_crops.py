"""Crops on the command line: set as a box or a shape, listed, taken off, and undone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from loratui.cli.root import run

if TYPE_CHECKING:
    from pathlib import Path

Verb = Callable[..., Any]


@pytest.fixture
def verb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Verb:
    """Run a verb in a library with two pictures in Mira; returns its JSON document, or the error's."""
    monkeypatch.setenv("LORATUI_HOME", str(tmp_path / "home"))

    def call(*arguments: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert run([*arguments, "--json"]) == code, capsys.readouterr()
        shown = capsys.readouterr()
        return json.loads(shown.err if code else shown.out)

    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.radial_gradient("L").resize((400, 200)).save(folder / "wide.png")
    Image.linear_gradient("L").resize((200, 300)).save(folder / "tall.png")
    call("subject", "add", "Mira", "--trigger", "Mirvok")
    call("import", "Mira", str(folder))
    return call


def test_a_shape_is_set_listed_taken_off_and_undone(verb: Verb) -> None:
    assert verb("crop", "set", "Mira", "--aspect", "1:1", "--at", "0.25,0.5")["changed"] == 2
    listed = {item["name"]: item for item in verb("crop", "list", "Mira")}
    assert listed["wide.png"]["crop"] == [0, 0, 200, 200] and listed["wide.png"]["cut_share"] == 0.5
    assert listed["tall.png"]["crop"] == [0, 50, 200, 200]
    assert listed["tall.png"]["cut"] == {"left": 0, "top": 50, "right": 0, "bottom": 50}
    assert verb("crop", "clear", "Mira", "name:wide.png")["changed"] == 1
    assert [item["name"] for item in verb("crop", "list", "Mira")] == ["tall.png"]
    verb("undo")
    assert len(verb("crop", "list", "Mira", "crop:yes")) == 2


def test_a_box_changes_what_the_plan_counts(verb: Verb) -> None:
    verb("role", "set", "Mira", "primary", "all")
    before = verb("plan", "Mira", "--resolution", "64", "--base", "cast")["buckets"]
    assert verb("crop", "set", "Mira", "--box", "100,0,200,200", "name:wide.png")["changed"] == 1
    after = verb("plan", "Mira", "--resolution", "64", "--base", "cast")["buckets"]
    sizes = [{(bucket["width"], bucket["height"]) for bucket in buckets} for buckets in (before, after)]
    assert any(width > height for width, height in sizes[0])
    assert not any(width > height for width, height in sizes[1])


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--box", "0,0,50,50", "--aspect", "1:1"],
        ["--box", "0,0,50"],
        ["--box", "0,0,5,5"],
        ["--box", "300,0,200,100"],
        ["--box", "0,0,50,50", "--scale", "0.5"],
        ["--aspect", "0:4"],
        ["--aspect", "wide"],
        ["--aspect", "1:1", "--at", "middle"],
        ["--aspect", "1:1", "--at", "0.5,2"],
        ["--aspect", "1:1", "--scale", "3"],
    ],
)
def test_a_crop_that_makes_no_sense_is_told_with_a_hint(verb: Verb, arguments: list[str]) -> None:
    assert verb("crop", "set", "Mira", *arguments, code=2)["error"]["hint"]
    assert verb("crop", "list", "Mira") == []


def test_crops_are_shown_as_a_table(verb: Verb, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["crop", "list", "Mira"]) == 0
    assert capsys.readouterr().out == "No picture has a crop.\n"
    assert run(["crop", "set", "Mira", "wide", "--aspect", "2x2"]) == 0
    assert "1 picture cropped." in capsys.readouterr().out
    assert run(["crop", "list", "Mira"]) == 0
    assert "wide.png  400x200  200x200  100,0  50 %  left 25 %, right 25 %" in capsys.readouterr().out
