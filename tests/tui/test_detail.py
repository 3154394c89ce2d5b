"""The detail pane: everything about the picture under the cursor, a moment after it rests there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from pressing import press
from rich.console import Console
from rich.text import Text
from textual.widgets import Input
from waiting import until

from loratui.captions.service import change_rules
from loratui.catalog import edits, importer, roles, subjects
from loratui.catalog.bases import add_base, list_bases
from loratui.catalog.importer import import_pictures
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject
from loratui.config import Settings
from loratui.dataset.buckets import BucketSettings
from loratui.dataset.inspection import place_picture
from loratui.tui.caption_editor import CaptionEditor
from loratui.tui.completion import Completion
from loratui.tui.detail import FactsView
from loratui.tui.facts import lay_out_facts, read_inspection, tell_placing
from loratui.tui.pictures import PicturesScreen
from loratui.tui.tag_editor import TagEditor, TagEdits, complete_tag, parse_edits

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.pilot import Pilot

    from loratui.config import Home
    from loratui.tui.app import LoratuiApp
    from loratui.tui.detail import DetailPane

    Settle = Callable[[Pilot[None]], Awaitable[None]]
    MakeApp = Callable[..., LoratuiApp]


def _detail(app: LoratuiApp) -> DetailPane:
    assert isinstance(app.top, PicturesScreen)
    return app.top.detail


def _text(app: LoratuiApp) -> str:
    """What the pane says."""
    facts = _detail(app).query_one(FactsView).facts
    return "\n".join(f"{label} {value.plain}" for label, value in facts)


async def test_everything_about_a_picture_is_told(mira: Home, make_app: MakeApp) -> None:
    with open_catalog(mira) as catalog:
        row = select_memberships(catalog, "Mira")[0]
        edits.store_tag_scores(catalog, row.picture_id, "wd", [("smile", "general", 0.91), ("hat", "general", 0.6)])
        edits.write_tag_edits(catalog, "Mira", [row.id], add=["scarf"], remove=["hat"])
        change_rules(catalog, "Mira", {"imbued": ["smile"]})
        roles.set_role(catalog, "Mira", "rejected", [row.id], reason="blurry")
        subjects.add_subject(catalog, "Oda", "Odavex")
        importer.import_pictures(catalog, "Oda", [_path(row.source_path)])
    app = make_app(subject="Mira")
    async with app.run_test(size=(140, 50)) as pilot:
        await until(pilot, lambda: _detail(app).inspection is not None)
        text = _text(app)
    for said in ("picture_00.png", "rejected", "blurry", "96x128 PNG", " of base cast", "photo of Mirvok, scarf"):
        assert said in text
    for said in ("+scarf", "(smile 0.91)", "-hat 0.60", "Oda", row.sha256[:16], f"{row.phash & (2**64 - 1):016x}"):
        assert said in text


def _first_caption(home: Home) -> str | None:
    """What a person wrote of the first picture."""
    with open_catalog(home) as catalog:
        return select_memberships(catalog, "Mira")[0].caption


def _path(raw: bytes) -> Path:
    return Path(os.fsdecode(raw))


async def test_the_pane_follows_the_cursor_and_the_library(mira: Home, make_app: MakeApp, settle: Settle) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(140, 50)) as pilot:
        await settle(pilot)
        await pilot.press("l", "l", "l")
        await until(pilot, lambda: "picture_03.png" in _text(app))
        with open_catalog(mira) as catalog:
            edits.set_caption(catalog, "Mira", "name:*_03*", "a lighthouse")
        await until(pilot, lambda: "a lighthouse" in _text(app))
        assert "the trigger Mirvok is missing" in _text(app)


@pytest.mark.parametrize(("width", "shown"), [(80, False), (120, True)])
async def test_tab_shows_and_hides_the_pane(
    mira: Home, make_app: MakeApp, settle: Settle, width: int, shown: bool
) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(width, 30)) as pilot:
        await settle(pilot)
        assert _detail(app).display is shown
        await press(pilot, "tab")
        assert _detail(app).display is not shown
        await press(pilot, "tab")
        assert _detail(app).display is shown


async def test_a_caption_is_written_and_computed_again(mira: Home, make_app: MakeApp, settle: Settle) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, CaptionEditor))
        judged = app.screen.query_one("#judged")
        await until(pilot, lambda: "Empty" in str(judged.render()))
        await pilot.press(*"photo of Mirvok, rain")
        await until(pilot, lambda: "/75 tokens" in str(judged.render()) and not judged.has_class("-doubtful"))
        await press(pilot, "enter")
        assert _first_caption(mira) == "photo of Mirvok, rain"
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, CaptionEditor))
        await pilot.press("ctrl+t")
        assert app.screen.text == "photo of Mirvok"  # type: ignore[attr-defined]
        await pilot.press(*["backspace"] * 6)
        await until(pilot, lambda: "trigger" in str(app.screen.query_one("#judged").render()))
        await press(pilot, *["backspace"] * 20, "enter")
        assert _first_caption(mira) is None
        assert "--computed" in app.last_command
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, CaptionEditor))
        await press(pilot, "x", "escape")
        assert _first_caption(mira) is None


async def test_a_caption_that_someone_else_wrote_meanwhile_is_shown_before_it_is_written_over(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await press(pilot, "e")
        with open_catalog(mira) as catalog:
            first = select_memberships(catalog, "Mira")[0]
            edits.set_caption(catalog, "Mira", f"sha:{first.sha256}", "theirs")
        await press(pilot, *"mine", "ctrl+s")
        editor = app.screen
        assert isinstance(editor, CaptionEditor)
        assert "changed since this was opened, and is now:\ntheirs" in str(editor.query_one("#theirs").render())
        assert editor.text == "mine"
        assert _first_caption(mira) == "theirs"
        await press(pilot, "enter")
        assert _first_caption(mira) == "mine"


async def test_an_editor_that_changes_nothing_leaves_what_someone_else_wrote(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await press(pilot, "e")
        with open_catalog(mira) as catalog:
            edits.set_caption(catalog, "Mira", "", "theirs")
        await press(pilot, "enter")
        assert not isinstance(app.screen, CaptionEditor)
        assert _first_caption(mira) == "theirs"


async def test_one_caption_for_many_says_what_it_replaces(mira: Home, make_app: MakeApp, settle: Settle) -> None:
    with open_catalog(mira) as catalog:
        edits.set_caption(catalog, "Mira", "name:*_02*", "a lighthouse")
    app = make_app(subject="Mira")
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+a", "e")
        await until(pilot, lambda: isinstance(app.screen, CaptionEditor))
        told = str(app.screen.query_one("#computed").render())
        assert "1 caption written by hand will be replaced" in told and "and 9 more" in told
        await press(pilot, "enter")
    with open_catalog(mira) as catalog:
        assert {row.caption for row in select_memberships(catalog, "Mira")} == {None}


async def test_tags_are_edited_with_completion(mira: Home, make_app: MakeApp, settle: Settle) -> None:
    with open_catalog(mira) as catalog:
        edits.add_tags(catalog, "Mira", "name:*_0*", ["red hair", "smile"])
    app = make_app(subject="Mira")
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("end", "m")
        await until(pilot, lambda: isinstance(app.screen, TagEditor))
        await press(pilot, *"re", "tab", *", -sm", "tab", "enter")
    with open_catalog(mira) as catalog:
        last = select_memberships(catalog, "Mira")[-1]
        found = edits.tag_edits_of(catalog, "Mira", ids=[last.id])[last.id]
    assert [(edit.tag, edit.present) for edit in found] == [("red hair", True), ("smile", False)]


async def test_commas_without_a_tag_keep_the_line_open(mira: Home, make_app: MakeApp, settle: Settle) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, TagEditor))
        await press(pilot, ",", ",", "enter")
        assert isinstance(app.screen, TagEditor)
        assert "There is no tag here" in str(app.screen.query_one("#next").render())


async def test_what_is_no_tag_is_told_and_stays_to_be_put_right(mira: Home, make_app: MakeApp, settle: Settle) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, TagEditor))
        editor = app.screen
        editor.query_one(Input).value = "smi\u200ele"
        await press(pilot, "enter")
        assert app.screen is editor
        assert "is no tag" in str(editor.query_one("#next").render())
        editor.query_one(Input).value = "smile, -smile"
        await press(pilot, "enter")
        assert "smile can't be added and removed at once" in str(editor.query_one("#next").render())


@pytest.mark.parametrize(
    ("text", "edits_"),
    [
        ("smile, -hat", TagEdits(("smile",), ("hat",))),
        (" red  hair ,, - , -a-b", TagEdits(("red hair",), ("a-b",))),
        ("", TagEdits()),
    ],
)
def test_tag_edits_are_read_as_they_are_written(text: str, edits_: TagEdits) -> None:
    assert parse_edits(text) == edits_


def test_a_tag_is_completed_from_its_first_word_on() -> None:
    known = ("red hair", "red_shirt", "smile")
    assert complete_tag("smile, -red", 11, known) == Completion(8, ("red hair", "red_shirt"))
    assert complete_tag("red h", 5, known) == Completion(0, ("red hair",))
    assert complete_tag("smile", 5, known).words == ()


def test_a_placing_is_told_in_words() -> None:
    settings = BucketSettings(resolution=64, step=16, min_side=32, max_side=128)
    words = "of base cast"
    assert tell_placing(place_picture(64, 64, settings), words) == "64x64 of base cast, cuts nothing"
    assert tell_placing(place_picture(32, 32, settings), words) == "64x64 of base cast, enlarged 2.0x, cuts nothing"
    assert "cuts top" in tell_placing(place_picture(300, 200, settings), words)
    assert tell_placing(None, words) == "none of base cast takes it: too narrow"


def test_looking_at_a_picture_registers_no_base_and_shows_buckets_of_the_one_that_ships(
    home: Home, tmp_path: Path
) -> None:
    Image.linear_gradient("L").resize((900, 600)).save(tmp_path / "photo.png")
    with open_catalog(home) as catalog:
        add_subject(catalog, "Mira", "Mirvok")
        import_pictures(catalog, "Mira", [tmp_path / "photo.png"])
        (picture,) = select_memberships(catalog, "Mira")
        looked = read_inspection(catalog, "Mira", picture.id, Settings())
        assert looked is not None and looked[0].placing is not None
        bucket = looked[0].placing.bucket
        assert (bucket.width, bucket.height) == (80, 48)
        assert looked[1] == "of base cast"
        lost = read_inspection(catalog, "Mira", picture.id, Settings(default_base="gone"))
        assert lost is not None and lost[1] == "at 512 px: the default base 'gone' is not registered"
        add_base(catalog, "sd", tmp_path / "sd", family="sd1", layout="folder", resolution=768)
        own = read_inspection(catalog, "Mira", picture.id, Settings())
        assert own is not None and own[1] == "of base sd"
        assert [base.name for base in list_bases(catalog)] == ["sd"]


def test_values_wrap_beside_their_labels() -> None:
    facts = [("", Text("name.png", style="bold")), ("size", Text("many words that do not fit")), ("", Text())]
    lines = lay_out_facts(facts, 24, Console(width=80))
    assert [line.plain.rstrip() for line in lines] == [
        "name.png",
        "size      many words",
        "          that do not",
        "          fit",
        "",
    ]
    assert max(line.cell_len for line in lines) <= 24
