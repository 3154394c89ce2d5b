"""The library as it was shown last, and the order and filter of its lines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from library_driving import cell, shown, status

from loratui.tui.subject_lines import (
    LastView,
    SubjectLine,
    SubjectOrder,
    filter_lines,
    read_last_view,
    write_last_view,
)

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from loratui.config import Home

    from .conftest import MakeApp, Settle


async def test_the_first_frame_shows_what_was_shown_last(
    make_app: MakeApp, mira: Home, monkeypatch: pytest.MonkeyPatch, settle: Settle
) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
    monkeypatch.setattr("loratui.tui.library.LibraryScreen.library_changed", lambda screen: None)
    async with make_app().run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert shown(pilot) == ["Mira"]
        assert cell(pilot, "pictures") == "12"
        assert status(pilot) == "1 subject, reading..."
        assert pilot.app.subject == "Mira"


def test_a_damaged_copy_of_the_last_view_is_no_view(tmp_path: Path) -> None:
    file = tmp_path / "ui.json"
    view = LastView((SubjectLine(1, "Mira", pictures=60),), 1, SubjectOrder("pictures", True), "Mira")
    write_last_view(file, view)
    assert read_last_view(file) == view
    text = file.read_text(encoding="utf-8")
    for damaged in ("", "[]", "{}", text[:-20], text.replace('"Mira"', "5"), text.replace("60", '"sixty"')):
        file.write_text(damaged, encoding="utf-8")
        assert read_last_view(file) == LastView()
    assert read_last_view(tmp_path / "none.json") == LastView()
    assert [other.name for other in tmp_path.iterdir()] == ["ui.json"]


def test_the_last_view_keeps_no_more_than_a_screen_can_show(tmp_path: Path) -> None:
    lines = tuple(SubjectLine(number, f"subject {number}") for number in range(1000))
    write_last_view(tmp_path / "ui.json", LastView(lines, 1000))
    assert len(json.loads((tmp_path / "ui.json").read_text())["library"]["lines"]) == 100
    assert read_last_view(tmp_path / "ui.json").total == 1000


def test_lines_without_a_value_come_last_in_both_directions() -> None:
    lines = [SubjectLine(1, "b", ratio=None), SubjectLine(2, "a", ratio=1.0), SubjectLine(3, "c", ratio=2.0)]
    assert [line.name for line in SubjectOrder("ratio").sort(lines)] == ["c", "a", "b"]
    assert [line.name for line in SubjectOrder("ratio", reverse=True).sort(lines)] == ["a", "c", "b"]


def test_every_word_of_a_filter_counts_and_a_minus_takes_away() -> None:
    lines = [SubjectLine(1, "Mira", "person", "Mirvok"), SubjectLine(2, "Teapot", "object", "Zantavo")]
    assert [line.id for line in filter_lines(lines, "MIR per")] == [1]
    assert [line.id for line in filter_lines(lines, "-object")] == [1]
    assert [line.id for line in filter_lines(lines, " - ")] == [1, 2]
