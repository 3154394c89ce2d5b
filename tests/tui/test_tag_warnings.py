"""What the app says against words the moment they are written: those that keep pictures from use, and near misses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pressing import press
from tags_driving import show_tags, tags_of, text_of
from textual.widgets import Input

from loratui.catalog.query import select_memberships
from loratui.catalog.subjects import edit_subject
from loratui.tui.caption_editor import CaptionEditor, CaptionLine
from loratui.tui.chrome import MessageLine
from loratui.tui.tag_editor import TagEditor

from .conftest import settle

if TYPE_CHECKING:
    from loratui.catalog.store import Catalog
    from loratui.tui.app import LoratuiApp

    from .conftest import MakeApp

NEVER_USED = "The captions of Mira can't say nude, and Mira is a person. Pictures that say it are never trained"


def message_of(app: LoratuiApp) -> MessageLine:
    assert app.top is not None
    return app.top.query_one("#message", MessageLine)


@pytest.fixture
def person(catalog: Catalog) -> Catalog:
    """The library of the tags screen, Mira in it a person."""
    edit_subject(catalog, "Mira", kind="person")
    return catalog


async def test_a_sexual_tag_of_a_person_is_warned_of_as_soon_as_pictures_get_it(
    person: Catalog, make_app: MakeApp
) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "m")
        assert isinstance(app.screen, TagEditor)
        app.screen.query_one(Input).value = "nude"
        await press(pilot, "enter")
        line = message_of(app)
        assert "tags nude. u undoes." in line.text and NEVER_USED in line.text
        assert line.has_class("-warning")
        await press(pilot, "u")
    assert "nude" not in tags_of(person)


async def test_a_sexual_tag_is_warned_of_on_the_tags_screen_too(person: Catalog, make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await show_tags(pilot)
        await press(pilot, "a")
        app.screen.query_one(Input).value = "nud3"
        await press(pilot, "enter")
        assert "12 pictures changed: got nud3. u undoes." in message_of(app).text
        assert NEVER_USED in message_of(app).text
        await press(pilot, "a")
        app.screen.query_one(Input).value = "smile"
        await press(pilot, "enter")
        assert message_of(app).text == "12 pictures changed: got smile. u undoes."


async def test_a_sexual_caption_of_a_person_is_warned_of_while_it_is_typed_and_when_it_is_written(
    person: Catalog, make_app: MakeApp
) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "e")
        assert isinstance(app.screen, CaptionEditor)
        app.screen.query_one(CaptionLine).load_text("Mirvok, nude in the rain")
        await settle(pilot)
        assert NEVER_USED in text_of(app.screen, "#judged")
        await press(pilot, "enter")
        assert "caption written. u undoes." in message_of(app).text and NEVER_USED in message_of(app).text
    assert "Mirvok, nude in the rain" in {picture.caption for picture in select_memberships(person, "Mira")}


async def test_removing_a_tag_that_no_picture_has_says_what_may_have_been_meant(
    catalog: Catalog, make_app: MakeApp
) -> None:
    app = make_app(subject="Mira")
    meant = "No picture here has 'freckels'; did you mean 'freckles'?"
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "m")
        app.screen.query_one(Input).value = "-freckels"
        await press(pilot, "enter")
        assert meant in message_of(app).text
        await show_tags(pilot)
        await press(pilot, "x")
        app.screen.query_one(Input).value = "freckels"
        await press(pilot, "enter")
        assert message_of(app).text == meant
        assert tags_of(catalog)["freckles"] == 12
