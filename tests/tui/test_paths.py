"""Paths typed in a form: read as a shell would, completed on tab."""

from __future__ import annotations

from pathlib import Path

import pytest

from loratui.tui.paths import check_paths, complete_folder, complete_paths, read_paths


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("photos", "photos of mira", "drafts", ".hidden", "it's"):
        (tmp_path / name).mkdir()
    (tmp_path / "photos" / "a.png").touch()
    (tmp_path / "plan.txt").touch()
    return tmp_path


def test_several_paths_are_read_with_their_quotes(folder: Path) -> None:
    assert read_paths(f"{folder}/photos '{folder}/photos of mira'") == [folder / "photos", folder / "photos of mira"]
    assert read_paths("~/x") == [Path("~/x").expanduser()]


def test_one_path_that_exists_needs_no_quotes(folder: Path) -> None:
    assert read_paths(f" {folder}/photos of mira ") == [folder / "photos of mira"]


def test_what_can_not_be_read_as_paths_is_told() -> None:
    assert check_paths("  ") == "name a folder or a file"
    assert check_paths("'abc") == "no closing quotation"
    assert check_paths("a b") == ""


def test_a_path_is_completed_as_far_as_it_is_sure(folder: Path) -> None:
    assert complete_paths(f"{folder}/p") == (f"{folder}/p", ("photos of mira/", "photos/", "plan.txt"))
    assert complete_paths(f"{folder}/ph") == (f"{folder}/photos", ("photos of mira/", "photos/"))
    assert complete_paths(f"{folder}/pl") == (f"{folder}/plan.txt", ())
    assert complete_paths(f"{folder}/photos/") == (f"{folder}/photos/a.png", ())
    assert complete_paths(f"{folder}/dr")[0] == f"{folder}/drafts/"


def test_only_the_last_path_is_completed_and_quoted_when_it_must(folder: Path) -> None:
    assert complete_paths(f"/first {folder}/photos\\ o")[0] == f"/first '{folder}/photos of mira/'"
    assert complete_paths(f"/first '{folder}/photos o")[0] == f"/first '{folder}/photos of mira/'"
    text = complete_paths(f"{folder}/it")[0]
    assert read_paths(text) == [folder / "it's"]


def test_hidden_names_are_offered_when_a_dot_is_typed(folder: Path) -> None:
    assert ".hidden/" not in complete_paths(f"{folder}/")[1]
    assert complete_paths(f"{folder}/.h")[0] == f"{folder}/.hidden/"


def test_a_line_for_one_folder_takes_no_files_and_no_quotes(folder: Path) -> None:
    assert complete_folder(f"{folder}/photos o")[0] == f"{folder}/photos of mira/"
    assert complete_folder(f"{folder}/pl") == (f"{folder}/pl", ())


def test_a_folder_that_is_not_there_completes_to_nothing(folder: Path) -> None:
    assert complete_paths(f"{folder}/nowhere/x") == (f"{folder}/nowhere/x", ())
    assert complete_paths("")[1] == complete_paths("./")[1]
