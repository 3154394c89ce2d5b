"""Fewer bytes, the same screen: checked against Textual's own output on an emulated terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyte
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.color import Color, ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip
from textual.widgets import Static

from loratui.tui.output import CompactOutput, CompactUpdate
from loratui.tui.shown import Move, ShownScreen, split_cells

if TYPE_CHECKING:
    from textual.app import ComposeResult

COLOURS = st.one_of(
    st.none(),
    st.sampled_from(
        [Color.parse(name) for name in ("default", "red", "bright_blue", "color(17)", "#123456", "#fedcba")]
    ),
)
# What the emulator knows; dim, for one, it draws as nothing.
FLAGS = ("bold", "italic", "underline", "reverse", "strike")
STYLES = st.one_of(
    st.none(),
    st.builds(
        lambda colour, background, flags: Style(color=colour, bgcolor=background, **flags),
        COLOURS,
        COLOURS,
        st.dictionaries(st.sampled_from(FLAGS), st.booleans(), max_size=3),
    ),
)
TEXTS = st.one_of(st.text("ab▀ é", min_size=1, max_size=5), st.just("  "))
LINES = st.lists(st.tuples(TEXTS, STYLES).map(lambda pair: Segment(*pair)), min_size=1, max_size=8)
CONSOLE = Console(color_system="truecolor", force_terminal=True, width=80)


def write(line: list[Segment], shown: ShownScreen | None = None) -> str:
    """What is written for one line at the top of the screen."""
    return (shown or ShownScreen()).show({0: [(0, split_cells(Strip(line), ColorSystem.TRUECOLOR))]})


def show(*data: str) -> list[list[object]]:
    """What an emulated terminal of 40x6 shows; a blank's colour is nobody's business unless it is seen."""
    screen = pyte.Screen(40, 6)
    stream = pyte.Stream(screen)
    for each in data:
        stream.feed(each)
    seen: list[list[object]] = []
    for y in range(6):
        row: list[object] = []
        for x in range(40):
            cell = screen.buffer[y][x]
            unseen = cell.data == " " and not (cell.underscore or cell.reverse or cell.strikethrough)
            row.append(cell._replace(fg="", bold=False, italics=False) if unseen else cell)
        seen.append(row)
    return seen


@given(LINES)
@settings(max_examples=200, deadline=None)
def test_a_line_looks_as_textual_draws_it_and_leaves_plain_colours(line: list[Segment]) -> None:
    theirs = Strip(line).render(CONSOLE)
    ours = write(line)
    assert show(theirs, "X") == show(ours, "X")


def test_half_cells_cost_less() -> None:
    line = [
        Segment("▀", Style.from_color(Color.from_rgb(x * 9, 40, 90), Color.from_rgb(x // 4 * 30, 10, 60)))
        for x in range(26)
    ]
    theirs, ours = Strip(line).render(CONSOLE), write(line)
    assert len(ours) < 0.7 * len(theirs)


def test_a_link_keeps_its_frame() -> None:
    written = write([Segment("x", Style(bold=True)), Segment("here", Style(link="https://example.org"))])
    assert "\x1b]8;" in written and written.endswith("\x1b]8;;\x1b\\")


@given(st.lists(LINES, min_size=3, max_size=3), st.data())
@settings(max_examples=60, deadline=None)
def test_a_partial_update_draws_its_spans_and_nothing_else(lines: list[list[Segment]], data: st.DataObject) -> None:
    whole = [Strip(line).adjust_cell_length(30, Style()) for line in lines]
    cut = data.draw(st.integers(1, 29))
    chops = [dict(zip((0, cut), strip.divide([cut, 30]), strict=True)) for strip in whole]
    spans = []
    for y in range(3):
        left = data.draw(st.integers(0, 29))
        spans.append((y, left, data.draw(st.integers(left + 1, 30))))
    update = CompactUpdate(ChopsUpdate(chops, spans, [[cut, 30]] * 3))
    before = "\n\r".join(["." * 40] * 6)
    seen = show(before, update.render_segments(CONSOLE))
    full = show(before, *(f"\x1b[{y + 1};1H{strip.render(CONSOLE)}" for y, strip in enumerate(whole)))
    untouched = show(before)
    for y, left, right in spans:
        assert seen[y] == untouched[y][:left] + full[y][left:right] + untouched[y][right:]


def test_a_full_update_draws_everything() -> None:
    style = Style(bgcolor=Color.parse("#102030"))
    strips = [[Strip([Segment("ab", style)]), Strip([Segment("cd")])], [Strip([Segment("efgh", style)])]]
    update = LayoutUpdate(strips, Region(0, 0, 4, 2))  # type: ignore[arg-type]
    assert show(CompactUpdate(update).render_segments(CONSOLE)) == show(
        update.render_segments(CONSOLE).replace("\n", "\r\n")
    )


@st.composite
def full_or_partial(draw: st.DrawFn) -> tuple[list[list[Segment]], int, list[tuple[int, int, int]]]:
    """Three lines of a screen, where they are cut, and the spans to update; none means all."""
    lines = draw(st.lists(LINES, min_size=3, max_size=3))
    spans = []
    if draw(st.booleans()):
        for y in range(3):
            left = draw(st.integers(0, 29))
            spans.append((y, left, draw(st.integers(left + 1, 30))))
    return lines, draw(st.integers(1, 29)), spans


@given(st.lists(full_or_partial(), min_size=2, max_size=6), st.lists(st.integers(0, 5), max_size=6))
@settings(max_examples=60, deadline=None)
def test_leaving_out_what_is_seen_already_changes_nothing_on_the_screen(
    updates: list[tuple[list[list[Segment]], int, list[tuple[int, int, int]]]], again: list[int]
) -> None:
    seen = ShownScreen()
    ours, theirs = [], []
    for lines, cut, spans in [*updates, *(updates[number % len(updates)] for number in again)]:
        whole = [Strip(line).adjust_cell_length(30, Style()) for line in lines]
        chops = [dict(zip((0, cut), strip.divide([cut, 30]), strict=True)) for strip in whole]
        if spans:
            update: ChopsUpdate | LayoutUpdate = ChopsUpdate(chops, spans, [[cut, 30]] * 3)
        else:
            update = LayoutUpdate([line.values() for line in chops], Region(0, 0, 30, 3))  # type: ignore[arg-type]
        ours.append(CompactUpdate(update, seen).render_segments(CONSOLE))
        theirs.append(CompactUpdate(update).render_segments(CONSOLE))
        if not spans:
            assert CompactUpdate(update, seen).render_segments(CONSOLE) == ""
        assert show(*ours) == show(*theirs)


async def test_a_repaint_of_the_whole_screen_sends_nothing_until_it_is_forgotten() -> None:
    class OneApp(CompactOutput):
        def compose(self) -> ComposeResult:
            yield Static("hello")

        def paint(self) -> int:
            update = self.screen._compositor.render_full_update()
            return len(CompactUpdate(update, self._shown).render_segments(self.console))

    app = OneApp()
    async with app.run_test(size=(40, 6)) as pilot:
        await pilot.pause()
        app.forget_screen()
        assert app.paint() > 60 and app.paint() == 0
        app.query_one(Static).update("goodbye")
        await pilot.pause()
        assert 0 < app.paint() < 50
        await pilot.resize_terminal(50, 6)
        await pilot.resize_terminal(40, 6)
        await pilot.pause()
        assert app.paint() > 60


WIDE = st.one_of(TEXTS, st.sampled_from(["日本", "日 ", "e\u0301", "\u2588\u2584 \u2580", " " * 18]))
SCREENS = st.lists(
    st.lists(st.tuples(WIDE, STYLES).map(lambda pair: Segment(*pair)), min_size=1, max_size=6), min_size=6, max_size=6
)


def show_screen(lines: list[list[Segment]], shown: ShownScreen) -> str:
    cells = [split_cells(Strip(line).adjust_cell_length(30, Style()), ColorSystem.TRUECOLOR) for line in lines]
    written = shown.show({y: [(0, line)] for y, line in enumerate(cells)})
    shown.width = 30
    return written


@given(SCREENS, st.integers(0, 4), st.integers(1, 6), st.integers(-4, 4), st.booleans(), st.data())
@settings(max_examples=100, deadline=None)
def test_a_move_shows_the_same_whether_it_was_foretold_rightly_or_not(
    lines: list[list[Segment]], top: int, height: int, by: int, right: bool, data: st.DataObject
) -> None:
    shown = ShownScreen(erases=data.draw(st.booleans()))
    bottom = min(6, top + height)
    written = [show_screen(lines, shown)]
    after = list(lines)
    for y in range(top, bottom):
        after[y] = lines[y + by] if top <= y + by < bottom else data.draw(SCREENS)[0]
    shown.expect_move(Move(top, bottom, by if right else data.draw(st.integers(-4, 4))))
    written.append(show_screen(after, shown))
    assert show(*written) == show(show_screen(after, ShownScreen()))
    assert show_screen(after, shown) == ""


def picture(width: int, height: int) -> list[list[Segment]]:
    """Lines that cost much, no two the same."""
    return [
        [Segment("▀", Style.from_color(Color.from_rgb(x, y, 7), Color.from_rgb(y, x, 9))) for x in range(width)]
        for y in range(height)
    ]


def test_lines_that_moved_are_moved_by_the_terminal() -> None:
    lines = [*picture(30, 9)]
    shown = ShownScreen()
    whole = show_screen(lines[:6], shown)
    shown.expect_move(Move(1, 6, 2))
    moved = show_screen([lines[0], *lines[3:6], *lines[7:9]], shown)
    assert len(moved) < 0.4 * len(whole)
    shown.expect_move(Move(1, 6, -2))
    back = show_screen([lines[0], *lines[1:6]], shown)
    assert len(back) < 0.4 * len(whole)
    assert show(whole, moved, back) == show(whole)


def test_nothing_is_moved_that_could_not_be_drawn_again() -> None:
    lines = picture(30, 9)
    shown = ShownScreen()
    # Nobody knows what stands right of the picture.
    written = shown.show({y: [(0, split_cells(Strip(lines[y][:10]), ColorSystem.TRUECOLOR))] for y in range(5)})
    shown.expect_move(Move(0, 6, 2))
    pieces = {y: [(0, split_cells(Strip(lines[y + 2][:10]), ColorSystem.TRUECOLOR))] for y in range(6)}
    assert written and "M" not in shown.show(pieces)


def test_long_blanks_are_erased_in_their_colour() -> None:
    night = Style(bgcolor=Color.parse("#102030"))
    lines = [[Segment("ab" + " " * 28, night)], [Segment(" " * 20, night), Segment("c" * 10)]]
    plain, erased = show_screen(lines, ShownScreen()), show_screen(lines, ShownScreen(erases=True))
    assert len(erased) < len(plain) - 20
    assert show("." * 40, erased) == show("." * 40, plain)


def test_only_cells_that_differ_are_written() -> None:
    lines = picture(30, 1)
    shown = ShownScreen()
    whole = show_screen(lines, shown)
    lines[0][20] = Segment("x", Style(bold=True))
    assert len(show_screen(lines, shown)) < 20 < len(whole)
