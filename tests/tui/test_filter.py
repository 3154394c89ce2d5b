"""The filter line: completion, filtering while typing, wrong queries in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from textual.app import App
from textual.widgets import Input, Static

from loratui.tui.completion import complete_query, complete_words
from loratui.tui.filter import PAUSE_S, FilterBar

if TYPE_CHECKING:
    from textual.app import ComposeResult

TAGS = ("smile", "long hair", "hair_(loose)", "red hair", 'quo"te')


def complete(text: str) -> tuple[str, ...]:
    """What the text with the suggestions put in would be."""
    found = complete_query(text, len(text), lambda: TAGS)
    return tuple(text[: found.start] + word for word in found.words)


def test_an_empty_query_offers_keys() -> None:
    assert complete("")[:2] == ("role:", "tag:")


def test_keys_and_values_are_completed_behind_minus_and_parenthesis() -> None:
    assert complete("ro") == ("role:",)
    assert complete("-(ro") == ("-(role:",)
    assert complete("role:pr") == ("role:primary",)
    assert complete("size:<512 -role:re") == ("size:<512 -role:rejected",)
    assert complete("dup:") == ("dup:yes", "dup:no")
    assert complete("flag:b") == ("flag:blur", "flag:bright")
    assert complete("rated:") == (
        "rated:general",
        "rated:sensitive",
        "rated:questionable",
        "rated:explicit",
        "rated:none",
    )


def test_tags_with_spaces_are_quoted_and_found_from_within() -> None:
    assert complete("tag:ha") == ('tag:"hair_(loose)"', 'tag:"long hair"', 'tag:"red hair"')
    assert complete('tag:"long h') == ('tag:"long hair"',)
    assert complete("tag:long_h") == ('tag:"long hair"',)
    assert complete("tag:quo") == (r'tag:"quo\"te"',)


@pytest.mark.parametrize("text", ["", "r", "tag:", "tag:h", "role:", "rating:", "format:", "-st", "(si", "kind:"])
def test_every_suggested_value_is_a_query(text: str) -> None:
    from loratui.catalog.grammar import parse_query

    for suggested in complete(text):
        if not suggested.endswith(":"):
            parse_query(suggested + ")" * suggested.count("(si"))


def test_plain_words_are_completed_from_what_they_are_given() -> None:
    assert complete_words("done mi", 7, lambda: ["Mira", "Teapot"]).words == ("Mira",)
    assert complete_words("done ", 5, lambda: ["Mira"]).words == ()


class Bench(App[None]):
    """A filter bar beside a line that had the focus."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[str, str]] = []

    def compose(self) -> ComposeResult:
        yield Input(id="other")
        yield FilterBar(complete=lambda text, cursor: complete_query(text, cursor, lambda: TAGS))

    def on_filter_bar_changed(self, event: FilterBar.Changed) -> None:
        self.said.append(("changed", event.text))

    def on_filter_bar_closed(self, event: FilterBar.Closed) -> None:
        self.said.append(("closed", event.text))

    @property
    def line(self) -> str:
        return str(self.query_one("#next", Static).content)


async def test_typing_filters_after_a_pause_and_only_the_last_counts() -> None:
    async with Bench().run_test() as pilot:
        app = pilot.app
        assert isinstance(app, Bench)
        app.query_one(FilterBar).open()
        for text in ("s", "sm", "smile"):
            app.query_one(FilterBar).query_one(Input).value = text
        await pilot.pause()
        assert app.said == []
        while not app.said:
            await pilot.pause(PAUSE_S / 4)
        assert app.said == [("changed", "smile")]


async def test_enter_sends_what_is_typed_at_once_and_gives_the_focus_back() -> None:
    async with Bench().run_test() as pilot:
        app = pilot.app
        assert isinstance(app, Bench)
        app.query_one("#other").focus()
        await pilot.pause()
        app.query_one(FilterBar).open("role:primary")
        await pilot.press("space", *"red", "enter")
        await pilot.pause()
        assert app.said[-2:] == [("changed", "role:primary red"), ("closed", "role:primary red")]
        assert app.focused is app.query_one("#other")
        assert not app.query_one(FilterBar).display


async def test_a_wrong_query_is_told_in_place_and_not_sent() -> None:
    async with Bench().run_test(size=(120, 20)) as pilot:
        app = pilot.app
        assert isinstance(app, Bench)
        app.query_one(FilterBar).open()
        await pilot.press(*"rule:x", "enter")
        await pilot.pause()
        assert "there is no key 'rule'" in app.line
        assert "Did you mean 'role'?" in app.line
        assert {text for _, text in app.said} <= {"r", "ru", "rul", "rule"}
        assert app.query_one(FilterBar).is_open


async def test_esc_takes_the_filter_away() -> None:
    async with Bench().run_test() as pilot:
        app = pilot.app
        assert isinstance(app, Bench)
        app.query_one(FilterBar).open("role:primary")
        await pilot.press("escape")
        await pilot.pause()
        assert app.said == [("changed", ""), ("closed", "")]


async def test_tab_takes_the_suggestion_and_again_the_next() -> None:
    async with Bench().run_test() as pilot:
        app = pilot.app
        assert isinstance(app, Bench)
        bar = app.query_one(FilterBar)
        bar.open()
        await pilot.press(*"-ta", "tab")
        assert bar.query_one(Input).value == "-tag:"
        assert "smile" in app.line
        await pilot.press(*"ha", "tab", "tab")
        assert bar.query_one(Input).value == '-tag:"long hair"'
        await pilot.press("enter")
        await pilot.pause()
        assert app.said[-1] == ("closed", '-tag:"long hair"')


async def test_each_term_of_a_filter_is_completed_by_itself() -> None:
    async with Bench().run_test() as pilot:
        app = pilot.app
        assert isinstance(app, Bench)
        bar = app.query_one(FilterBar)
        bar.open()
        await pilot.press(*"tag:ha", "tab", "space", *"role:pri", "tab")
        assert bar.query_one(Input).value == 'tag:"hair_(loose)" role:primary'
