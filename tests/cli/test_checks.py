"""`check` on the command line: pictures worth a look, with who says so, and what was not checked."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from loratui.catalog.bases import add_base
from loratui.catalog.store import open_catalog
from loratui.cli.root import run
from loratui.config import find_home

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A library with a base of 512 px, and a large and a tiny picture in Mira; returns the folder of its files."""
    monkeypatch.setenv("LORATUI_HOME", str(tmp_path / "home"))
    made = tmp_path / "pictures"
    made.mkdir()
    Image.effect_noise((600, 600), 90).convert("RGB").save(made / "large.png")
    Image.effect_noise((90, 90), 90).convert("RGB").save(made / "tiny.png")
    assert run(["subject", "add", "Mira", "--trigger", "Mirvok"]) == 0
    assert run(["import", "Mira", str(made)]) == 0
    with open_catalog(find_home()) as catalog:
        add_base(catalog, "sd", made / "sd", family="sd1", layout="folder", resolution=512)
    capsys.readouterr()
    return made


def read(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_suspects_are_listed_with_a_query_that_finds_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "Mira", "--only", "tiny, blur", "--json"]) == 0
    told = read(capsys)
    assert (told["subject"], told["checked"], told["checks"], told["skipped"]) == ("Mira", 2, ["blur", "tiny"], [])
    (suspect,) = told["suspects"]
    assert (suspect["name"], suspect["check"], suspect["model"]) == ("tiny.png", "tiny", "size/512")
    for query in (told["queries"]["tiny"], "flag:tiny"):
        assert run(["picture", "list", "Mira", query, "--json"]) == 0
        assert [item["name"] for item in read(capsys)] == ["tiny.png"]
    assert run(["role", "set", "Mira", "rejected", "flag:tiny", "--json"]) == 0
    assert run(["check", "Mira", "--only", "tiny"]) == 0
    assert "Nothing to look at among 1 picture." in capsys.readouterr().out.split("\n")[-2]


def test_a_picture_is_not_tiny_for_the_base_that_ships_before_anything_was_trained_on_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["base", "remove", "sd"]) == 0
    capsys.readouterr()
    assert run(["check", "Mira", "--only", "tiny"]) == 0
    said = capsys.readouterr()
    assert "Nothing to look at among 2 pictures" in said.out
    assert "tiny: for cast at 64 px" in said.err


def test_what_was_not_checked_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "Mira"]) == 0
    said = capsys.readouterr()
    assert "tiny.png  tiny   90x90, enlarged 5.7 times to train at 512  size/512" in said.out
    assert "loratui picture list Mira flag:tiny" in said.out
    assert "not checked: faces: it needs YuNet" in said.err
    assert run(["check", "Mira", "--only", "nose"]) == 2
    assert "Checks: unfit, faces" in capsys.readouterr().err


def test_commands_in_hints_can_be_pasted_whatever_a_subject_is_called(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "Mira's cat"
    assert run(["subject", "add", name, "--trigger", "zedcat"]) == 0
    assert run(["import", name, str(folder)]) == 0
    capsys.readouterr()
    assert run(["check", name, "--only", "tiny,people"]) == 0
    said = capsys.readouterr()
    assert "tiny: for sd at 512 px" in said.err
    commands = [shlex.split(part) for part in (said.out + said.err).split("`")[1::2]]
    assert sorted(words[:3] for words in commands) == [
        ["loratui", "picture", "list"],
        ["loratui", "role", "set"],
        ["loratui", "tag", name],
    ]
    assert all(name in words for words in commands)
    (listing,) = [words for words in commands if words[1] == "picture"]
    assert run([*listing[1:], "--json"]) == 0
    assert [item["name"] for item in read(capsys)] == ["tiny.png"]
    for arguments in (["rules", "import", name], ["overrule", name, "all"], ["import", name]):
        assert run([*arguments, "--json"]) == 2
        hint = json.loads(capsys.readouterr().err)["error"]["hint"]
        words = shlex.split(hint.removesuffix("."))
        assert words[words.index("loratui") :][: len(arguments) + 1 - (arguments[-1] == "all")] == [
            "loratui",
            *(word for word in arguments if word != "all"),
        ]


def test_the_face_model_comes_from_the_settings(
    folder: Path, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home" / "config.toml").write_text(f"face_model = '{shared / 'models/yunet'}'\n", encoding="utf-8")
    assert run(["check", "Mira", "--only", "faces", "--json"]) == 0
    told = read(capsys)
    assert (told["checks"], told["suspects"]) == (["faces"], [])
    assert run(["check", "Mira", "--only", "faces", "--face-model", str(tmp_path), "--json"]) == 3


@pytest.mark.parametrize("verb", ["check", "propose"])
@pytest.mark.parametrize("resolution", ["0", "7", "8193", "10000000000", "9" * 400])
def test_a_resolution_that_no_training_can_have_is_refused_at_once(
    folder: Path, capsys: pytest.CaptureFixture[str], verb: str, resolution: str
) -> None:
    assert run([verb, "Mira", "--resolution", resolution]) == 2
    assert f"resolution is {resolution}; it must lie between 8 and 8192." in capsys.readouterr().err


def test_pictures_whose_files_are_gone_or_damaged_are_counted_and_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.effect_noise((700, 600), 90).convert("RGB").save(folder / "third.png")
    assert run(["import", "Mira", str(folder), "--in-place"]) == 0
    assert run(["role", "set", "Mira", "rejected", "name:tiny*"]) == 0
    capsys.readouterr()
    (folder / "third.png").write_bytes(b"cut")
    assert run(["check", "Mira", "--only", "tiny"]) == 0
    said = capsys.readouterr()
    assert "Nothing to look at among 2 pictures; 1 of them could not be read." in said.out
    assert "1 file is missing or changed: third.png;" in said.err
    (folder / "third.png").unlink()
    assert run(["check", "Mira", "--only", "tiny", "--json"]) == 0
    assert [each["name"] for each in read(capsys)["unread"]] == ["third.png"]
