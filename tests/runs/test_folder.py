"""The run folder: events read back whatever a kill left, and files that are old or new but never half."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loratui.errors import ConflictError, RefusedError
from loratui.events import RunEvent
from loratui.runs import folder as folder_module
from loratui.runs.folder import RunFolder

if TYPE_CHECKING:
    from pathlib import Path


def make_events(count: int, size: int = 0) -> list[RunEvent]:
    return [RunEvent(seq=n, type="log", data={"message": "é" * size}, at="") for n in range(1, count + 1)]


@given(
    count=st.integers(0, 30),
    size=st.integers(0, 60),
    after=st.integers(0, 31),
    block=st.integers(1, 200),
    torn=st.integers(0, 80),
)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_events_are_read_back_in_order_whatever_the_block_size_and_wherever_the_last_line_was_torn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, size: int, after: int, block: int, torn: int
) -> None:
    monkeypatch.setattr(folder_module, "_BLOCK", block)
    run = RunFolder(tmp_path)
    events = make_events(count, size)
    half = RunEvent(seq=count + 1, type="log", at="").to_line().encode()[: min(torn, 60)]
    run.events_file.write_bytes("".join(event.to_line() for event in events).encode() + half)
    assert run.read_events(after) == [event for event in events if event.seq > after]


def test_a_run_without_events_has_none(tmp_path: Path) -> None:
    assert RunFolder(tmp_path).read_events() == []
    (tmp_path / "events.jsonl").touch()
    assert RunFolder(tmp_path).read_events() == []


def test_a_torn_line_is_cut_off_before_the_next_attempt_appends(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "mira-0001")
    run.create({"run": "mira-0001", "nonce": ""}, {})
    first, second = make_events(2)
    run.events_file.write_text(first.to_line() + second.to_line()[:20])
    run.prepare_attempt("abc", [])
    assert run.events_file.read_text() == first.to_line()


def test_events_that_a_power_cut_took_are_put_back_so_that_their_numbers_are_not_used_again(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "mira-0001")
    run.create({"run": "mira-0001", "nonce": ""}, {})
    events = make_events(4)
    run.events_file.write_text(events[0].to_line() + events[1].to_line())
    run.prepare_attempt("abc", events)
    assert run.read_events() == events


def test_an_attempt_gets_its_nonce_and_no_stop_file_of_the_one_before(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "mira-0001")
    run.create({"run": "mira-0001", "nonce": ""}, {"pictures": []})
    run.ask_to_stop()
    run.prepare_attempt("abc", [])
    assert run.read_run() == {"run": "mira-0001", "nonce": "abc"}
    assert not run.stop_file.exists()
    assert json.loads(run.dataset_file.read_text()) == {"pictures": []}


def test_a_run_folder_is_never_made_over_another(tmp_path: Path) -> None:
    RunFolder(tmp_path / "mira-0001").create({"run": "first"}, {})
    with pytest.raises(ConflictError):
        RunFolder(tmp_path / "mira-0001").create({"run": "second"}, {})
    assert RunFolder(tmp_path / "mira-0001").read_run() == {"run": "first"}


def test_a_damaged_run_file_is_refused_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"run": ')
    with pytest.raises(RefusedError, match=r"run\.json"):
        RunFolder(tmp_path).read_run()


def test_the_last_lines_of_a_log_are_read_even_if_they_are_not_text(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_bytes(b"one\ntwo\n\xff\xfe\n")
    assert RunFolder(tmp_path).read_log(2) == ["two", "��"]
    assert RunFolder(tmp_path / "none").read_log() == []
