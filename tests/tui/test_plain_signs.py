"""What --ascii puts in place of signs: something that still reads as a sign."""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color

from loratui.tui.labels import say_status
from loratui.tui.plain_lines import PlainLines
from loratui.tui.theme import ASCII


def test_yes_and_no_are_signs_and_no_words() -> None:
    assert (ASCII.yes, ASCII.no) == ("+", "x")
    states = [ASCII.yes, ASCII.no, ASCII.warn, ASCII.running, ASCII.queued, ASCII.stopped]
    assert len(set(states)) == len(states), "told apart in the list of trainings"


def test_a_name_that_was_cut_off_does_not_look_whole() -> None:
    (drawn,) = PlainLines().apply([Segment("0d63-…22a.jpg")], Color(0, 0, 0))
    assert drawn.text == "0d63-~22a.jpg"


def test_a_wall_names_the_roles_in_full_wherever_they_fit() -> None:
    counts = {"primary": 24, "supporting": 25, "inbox": 0, "rejected": 3}
    full = "primary 24  supporting 25  rejected 3   added"
    assert say_status(counts, None, ["added"], len(full)) == full
    assert say_status(counts, None, ["added"], len(full) - 1) == "P 24  S 25  x 3   added"
    assert say_status(counts, 9, ["added"], 12) == "9/52  added"
