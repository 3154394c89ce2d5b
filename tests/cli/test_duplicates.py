"""`dupes` on the command line: what is kept, why, and what a kept copy takes over."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageFilter, ImageOps

from loratui.cli.root import run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """Mira with a primary picture of 5 stars, and a sharper mirrored copy that supports it."""
    monkeypatch.setenv("LORATUI_HOME", str(tmp_path / "home"))
    made = tmp_path / "pictures"
    made.mkdir()
    image = Image.effect_noise((24, 24), 90).resize((600, 600), Image.Resampling.BICUBIC).convert("RGB")
    image.save(made / "a.png")
    ImageOps.mirror(image).filter(ImageFilter.UnsharpMask(2, 300, 0)).save(made / "b.png")
    commands = [
        ["subject", "add", "Mira", "--trigger", "Mirvok"],
        ["import", "Mira", str(made)],
        ["role", "set", "Mira", "primary", "name:a.png"],
        ["role", "set", "Mira", "supporting", "name:b.png"],
        ["picture", "rate", "Mira", "5", "name:a.png"],
        ["repeats", "set", "Mira", "6", "name:a.png"],
    ]
    for command in commands:
        assert run(command) == 0
    capsys.readouterr()
    return made


def read(capsys: pytest.CaptureFixture[str], *command: str) -> Any:
    assert run([*command, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_what_was_made_primary_is_suggested_and_kept(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (group,) = read(capsys, "dupes", "list", "Mira")
    assert group["reasons"][:2] == ["primary", "5 stars"]
    assert [(one["name"], one["rating"]) for one in group["pictures"]] == [("a.png", 5), ("b.png", 0)]
    assert run(["dupes", "list", "Mira"]) == 0
    said = capsys.readouterr().out
    assert "best: a.png (primary, 5 stars" in said
    assert "* a.png  600x600  primary *****" in said
    assert read(capsys, "dupes", "resolve", "Mira") == {"changed": 1, "handed_over": []}
    assert [one["name"] for one in read(capsys, "picture", "list", "Mira", "role:rejected")] == ["b.png"]


def test_a_copy_that_is_kept_instead_takes_over_and_it_is_said(
    library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["dupes", "resolve", "Mira", "--keep", "name:b.png"]) == 0
    said = capsys.readouterr().out
    assert "b.png takes over: primary, 5 stars, x6" in said
    assert "1 picture rejected as duplicates." in said
    assert run(["undo"]) == 0
    capsys.readouterr()
    done = read(capsys, "dupes", "resolve", "Mira", "--keep", "name:b.png")
    (taken,) = done["handed_over"]
    assert (done["changed"], taken["name"], taken["role"], taken["rating"], taken["repeats"]) == (
        1,
        "b.png",
        "primary",
        5,
        6,
    )
