"""Verbs called with what they don't understand: told in words, and nothing is done."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from loratui.cli.root import run
from loratui.config import find_home

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@pytest.fixture(autouse=True)
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A library with a picture in Mira; verbs run in a folder with another."""
    monkeypatch.setenv("LORATUI_HOME", str(tmp_path / "home"))
    (tmp_path / "here").mkdir()
    for name in ("one.png", "here/two.png"):
        Image.effect_noise((300, 200 + len(name)), 90).save(tmp_path / name)
    assert run(["subject", "add", "Mira", "--trigger", "Mirvok"]) == 0
    assert run(["import", "Mira", str(tmp_path / "one.png")]) == 0
    capsys.readouterr()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def refused(words: Sequence[str], capsys: pytest.CaptureFixture[str], code: int = 2) -> str:
    assert run([*words]) == code
    said = capsys.readouterr()
    assert not said.out
    return said.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("relink a b", "'b' is one argument too many for `loratui relink`."),
        ("where a b", "'a' and 'b' are more arguments than fit `loratui where`."),
        ("history --limit", "--limit needs a value."),
        ("plan", "`loratui plan` needs SUBJECT."),
        ("subject add", "`loratui subject add` needs NAME."),
        ("propose Mira --primary zz", "--primary can't be 'zz'.\n  hint: Give a whole number."),
        ("describe Mira --before noon", "--before can't be 'noon'.\n  hint: Give a day or a moment"),
        ("propose Mira --primary 1 --primary 2", "--primary was given more than once."),
    ],
)
def test_arguments_that_do_not_fit_are_told_in_words(words: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(words.split(), capsys)
    assert said.startswith(f"loratui: {told}") and "--help`" in said


@pytest.mark.parametrize(
    ("verb", "option", "values"),
    [
        ("import Mira .", "--max-megapixels", "nan 0 -5 inf 1e300"),
        ("import Mira .", "--workers", "0 -3 1000000000"),
        ("tag Mira", "--workers", "0 -1"),
        ("tag Mira", "--batch", "0 -1"),
        ("describe Mira", "--parallel", "0 -1 1000000000"),
        ("history", "--limit", "0 -1 999999999999999999999"),
        ("picture list Mira", "--limit", "0 -1 999999999999999999999"),
        ("picture show Mira", "--limit", "0 999999999999999999999"),
        ("run list", "--limit", "-1 999999999999999999999"),
        ("plan Mira", "--processes", "0 999999999999999999999"),
    ],
)
def test_a_number_that_makes_no_sense_is_refused(
    verb: str, option: str, values: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for value in values.split():
        said = refused([*verb.split(), option, value], capsys)
        assert said.startswith(f"loratui: {option} can't be ") and "hint: Give a number from " in said


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["tag", "Mira", "--tagger", ""], "--tagger is empty."),
        (["tag", "Mira", "--tagger="], "--tagger is empty."),
        (["plan", "Mira", "--base", ""], "--base is empty."),
        (["train", "Mira", "--continue-from", ""], "--continue-from is empty."),
        (["describe", "Mira", "--again", "--model", ""], "--model is empty."),
        (["describe", "Mira", "--question-file", ""], "--question-file is empty."),
        (["check", "Mira", "--face-model", ""], "--face-model is empty."),
        (["import", "Mira", ""], "PATHS is empty."),
        (["import", "Mira", "--workers", "2", "two.png", ""], "PATHS is empty."),
        (["relink", ""], "FOLDER is empty."),
        (["export", "Mira", ""], "FOLDER is empty."),
    ],
)
def test_an_empty_variable_in_place_of_a_name_or_a_path_is_refused(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refused(words, capsys).startswith(f"loratui: {told}\n  hint: ")


@pytest.mark.parametrize("words", [["picture", "list", "Mira", ""], ["check", "Mira", "--only", ""]])
def test_an_empty_query_or_list_means_everything(words: list[str]) -> None:
    assert run(words) == 0


@pytest.mark.parametrize("closed", ["2>&-", ">&-", "<&-", "<&- >&- 2>&-"])
def test_a_verb_does_its_work_where_streams_are_closed(
    closed: str, library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m loratui tags add Mira hat {closed}"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) in ((0, ""), (0, "`loratui undo` takes it back.\n"))
    assert run(["tags", "list", "Mira"]) == 0
    assert "hat" in capsys.readouterr().out
    assert not (find_home().data / "errors.log").exists()


def test_a_folder_that_was_deleted_is_told_as_such(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (library / "here" / "two.png").unlink()
    (library / "here").rmdir()
    try:
        said = refused(["import", "Mira", "."], capsys, code=3)
    finally:
        os.chdir(library)
    assert said.startswith("loratui: The folder this was called in does not exist any more.\n  hint: ")
