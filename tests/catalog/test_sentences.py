"""What captioners write: kept in the course of a job, and taken back as one action."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loratui.catalog.journal import history, redo, undo
from loratui.catalog.sentences import SentenceKeeper, sentences_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog

    Fill = Callable[..., list[int]]


def texts(catalog: Catalog) -> dict[int, str]:
    return {id_: sentence.text for id_, sentence in sentences_of(catalog, "Mira").items()}


def test_all_that_a_job_writes_is_one_action(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    one, two, three = fill(mira, {}, {}, {})
    SentenceKeeper(catalog, "Mira", "seer@here", "q").keep({one: "old"})
    keeper = SentenceKeeper(catalog, "Mira", "seer@there", "q")
    keeper.keep({one: "new"})
    keeper.keep({two: "new"})
    keeper.keep({three: "new", 99_999: "of a picture that is gone"})
    assert history(catalog, 1)[0].label == "Mira: 3 sentences by seer@there"
    undo(catalog)
    assert texts(catalog) == {one: "old"}
    redo(catalog)
    assert texts(catalog) == {one: "new", two: "new", three: "new"}


def test_a_job_that_is_undone_while_it_goes_on_begins_anew(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    one, two = fill(mira, {}, {})
    keeper = SentenceKeeper(catalog, "Mira", "seer@here", "q")
    keeper.keep({one: "first"})
    undo(catalog)
    keeper.keep({two: "second"})
    assert texts(catalog) == {two: "second"}
    assert history(catalog, 1)[0].label == "Mira: 1 sentence by seer@here"
    undo(catalog)
    assert texts(catalog) == {}


def test_a_job_that_wrote_nothing_leaves_no_action(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    fill(mira, {})
    before = history(catalog)
    keeper = SentenceKeeper(catalog, "Mira", "seer@here", "q")
    keeper.keep({99_999: "of a picture that is gone"})
    assert history(catalog) == before
