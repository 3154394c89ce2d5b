"""Following a log that grows, is cut, or is not there yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from loratui.runs.folder import RunFolder
from loratui.runs.logtail import LogTail

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_log_is_read_on_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    tail = LogTail(path)
    assert tail.read_on() == []
    path.write_bytes(b"one\ntw")
    assert tail.read_on() == ["one"]
    with path.open("ab") as file:
        file.write(b"o\nthree\n")
    assert tail.read_on() == ["two", "three"]
    assert tail.read_on() == []


def test_a_long_log_is_read_from_near_its_end_at_the_start_of_a_line(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("".join(f"line {number}\n" for number in range(1000)))
    lines = LogTail(path, first_bytes=100).read_on()
    assert lines[-1] == "line 999"
    assert len(lines) < 12
    assert all(line.startswith("line ") for line in lines)


def test_a_log_that_was_cut_is_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("a long first life\nof two lines\n")
    tail = LogTail(path)
    tail.read_on()
    path.write_text("new\n")
    assert tail.read_on() == ["new"]


def test_progress_bars_become_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"\rsteps 1\rsteps 2\rsteps 3\r\nend\r\n")
    assert [line for line in LogTail(path).read_on() if line] == ["steps 1", "steps 2", "steps 3", "end"]


def test_bytes_that_are_no_text_do_not_stop_it(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"\xff\xfe\nok\n")
    assert LogTail(path).read_on()[-1] == "ok"


@given(
    pieces=st.lists(st.sampled_from([b"a", b"\n", b"\r\n", b"b c", "é".encode()[:1], "é".encode()[1:]]), max_size=30)
)
def test_however_it_is_written_the_same_lines_come_out(
    pieces: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("log")
    whole, grown = folder / "whole.txt", folder / "grown.txt"
    whole.write_bytes(b"".join(pieces))
    tail = LogTail(grown)
    lines: list[str] = []
    for piece in pieces:
        with grown.open("ab") as file:
            file.write(piece)
        lines += tail.read_on()
    assert lines == LogTail(whole).read_on()


def test_lines_have_the_number_of_the_attempt_that_printed_them(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    tail = LogTail(folder.log_file)
    folder.begin_log(1)
    assert not folder.log_file.exists()
    # Killed while it wrote.
    folder.log_file.write_bytes(b"stopped on request\nhalf a li")
    assert tail.read_numbered() == [(0, "stopped on request")]
    folder.begin_log(2)
    assert tail.read_numbered() == [(1, "half a li")]
    with folder.log_file.open("ab") as file:
        file.write(b"goes on\n")
    assert tail.read_numbered() == [(2, "goes on")]
    folder.begin_log(3)
    with folder.log_file.open("ab") as file:
        file.write(b"the end\n")
    whole = LogTail(folder.log_file).read_numbered()
    assert whole == [(1, "stopped on request"), (1, "half a li"), (2, "goes on"), (3, "the end")]
