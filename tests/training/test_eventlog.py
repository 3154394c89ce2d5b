"""What a trainer appends to events.jsonl."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loratui.events import parse_event
from loratui.training.engine.eventlog import EventLog

if TYPE_CHECKING:
    from pathlib import Path


def sequence(path: Path) -> list[int]:
    events = [parse_event(line) for line in path.read_text().splitlines()]
    return [event.seq for event in events if event]


def test_numbers_go_on_in_the_next_attempt(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    first = EventLog(path, 1)
    first.write("log", message="a")
    first.write("log", message="b")
    first.close()
    second = EventLog(path, 2)
    second.write("end", durable=True, state="done")
    second.close()
    assert sequence(path) == [1, 2, 3]
    assert [event.type for event in second.earlier] == ["log", "log"]


@pytest.mark.parametrize("torn", [b'{"seq": 3, "ty', b"\xff\xfe", b"{"])
def test_a_line_torn_by_a_kill_is_cut_off_first(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path, 1)
    log.write("log", message="a")
    log.close()
    with path.open("ab") as file:
        file.write(torn)
    after = EventLog(path, 2)
    after.write("log", message="b")
    after.close()
    assert sequence(path) == [1, 2]
    assert path.read_bytes().count(b"\n") == 2


def test_steps_are_told_a_few_times_a_second_but_those_that_matter_always(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path, 1)
    for step in range(50):
        log.write_step(step=step)
    log.write_step(always=True, step=50)
    log.close()
    told = path.read_text().splitlines()
    assert len(told) < 30
    assert '"step": 0' in told[0]
    assert '"step": 50' in told[-1]


def test_a_checkpoint_told_before_is_known(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path, 1)
    log.write("checkpoint", epoch=2, autov3="aa")
    log.close()
    again = EventLog(path, 2)
    again.close()
    assert again.has_checkpoint(2, "aa")
    assert not again.has_checkpoint(2, "bb")
    assert not again.has_checkpoint(1, "aa")
