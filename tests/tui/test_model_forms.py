"""Having models look at pictures, from the tags and from the wall: a real tagger, and a real server that answers."""

from __future__ import annotations

import shutil
import threading
from typing import TYPE_CHECKING, Any

import pytest
from chat_server import ChatServer, completion, question_of
from textual import events
from textual.widgets import Input, Static
from waiting import until

from loratui.captions.counts import count_tags
from loratui.captions.tagging import TaggingResult
from loratui.catalog.importer import import_pictures
from loratui.catalog.query import select_memberships
from loratui.catalog.roles import set_role
from loratui.catalog.scores import list_tagged_by
from loratui.catalog.sentences import sentences_of
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject, edit_subject, get_subject
from loratui.demo import world
from loratui.errors import Cancelled, NotFoundError
from loratui.events import Progress
from loratui.tui.dialogs import Form
from loratui.tui.model_forms import _name_lines
from loratui.tui.pictures import PicturesScreen
from loratui.tui.tags import TagsScreen

from .conftest import settle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from textual.pilot import Pilot

    from loratui.catalog.store import Catalog
    from loratui.config import Home
    from loratui.events import Report

    from .conftest import MakeApp

LOOK = world.Look("tan", "red hair", "bob cut", "blue eyes", "none")


@pytest.fixture
def catalog(home: Home, tmp_path: Path) -> Iterator[Catalog]:
    """Four drawn pictures of one character, two smiling."""
    with open_catalog(home) as opened:
        add_subject(opened, "Mira", "Mirvok", class_word="woman")
        for number, expression in enumerate(("smile", "frown", "smile", "open mouth")):
            scene = world.Scene(expression, "facing viewer", "portrait", "blue shirt", "none", "grass")
            world.draw(LOOK, scene, number, 128).save(tmp_path / f"{number}.png")
            import_pictures(opened, "Mira", [tmp_path / f"{number}.png"])
        yield opened


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(lambda _: completion("Mirvok stands on grass.")).running() as running:
        yield running


async def press(pilot: Pilot[None], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


async def open_tags(pilot: Pilot[None]) -> TagsScreen:
    await settle(pilot)
    await press(pilot, "t")
    assert isinstance(pilot.app.screen, TagsScreen)
    return pilot.app.screen


def line(app: Any, name: str) -> Input:
    """The line of the form that is open, by the name of its field."""
    assert isinstance(app.screen, Form)
    return next(one for one in app.screen.query("FormLine") if one.item.name == name)


def wrong(app: Any) -> str:
    """What the form says against the last answer."""
    return str(app.screen.query_one("#wrong", Static).render())


def tags_of(catalog: Catalog) -> dict[str, int]:
    return {count.tag: count.pictures for count in count_tags(catalog, "Mira")}


async def test_a_key_tags_all_pictures_with_the_tagger_that_ships(catalog: Catalog, make_app: MakeApp) -> None:
    pytest.importorskip("onnxruntime")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_tags(pilot)
        assert "W has a model tag pictures" in str(screen.query_one("#empty", Static).render())
        await press(pilot, "W", "ctrl+s")
        assert wrong(app).startswith("The line Tagger is empty.") and "cast for the one that ships" in wrong(app)
        assert app.focused is line(app, "tagger")
        await press(pilot, *"cast", "ctrl+s")
        assert tags_of(catalog)["blue eyes"] == 4
        assert tags_of(catalog)["smile"] == 2
        said = app.messages[-1].text
        assert said.startswith("4 pictures tagged by cast. It knows the drawn cast only")
        assert "u passes over taggings: scores are kept" in said
        assert list(app.last_command) == ["tag", "Mira", "--tagger", "cast"]
        assert app.bridge.tasks[-1].state == "done"
        assert "blue eyes" in [row.key for row in screen.table.rows], "shown as soon as they are there"
        await press(pilot, "W", "backspace", "ctrl+s")
        assert app.messages[-1].text == "0 pictures tagged by cast, 4 had been before.", "empty will do from now on"


async def test_the_tagger_used_last_is_offered_after_a_restart(
    catalog: Catalog, make_app: MakeApp, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    from loratui.config import find_assets

    folder = tmp_path / "own"
    shutil.copytree(find_assets() / "cast" / "tagger", folder)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await open_tags(pilot)
        await press(pilot, "W", *str(folder), "ctrl+s")
        assert tags_of(catalog)["blue eyes"] == 4
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await open_tags(pilot)
        await press(pilot, "W")
        assert line(app, "tagger").value == str(folder)


def test_refusals_name_the_line_of_the_form() -> None:
    said = "Name a tagger with --tagger: that folder. Put files into a folder and name that: --tagger FOLDER."
    assert (
        _name_lines(said)
        == "Name a tagger in the line Tagger: that folder. Put files into a folder and name that as Tagger."
    )
    assert _name_lines("`loratui tag Mira --tagger a/b` tags them all.") == "W with a/b as Tagger tags them all."


async def test_on_the_wall_only_what_is_marked_is_tagged(catalog: Catalog, make_app: MakeApp) -> None:
    pytest.importorskip("onnxruntime")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "space", "W")
        assert line(app, "pictures").value == "marked"
        await press(pilot, *"cast", "ctrl+s")
        assert isinstance(app.screen, PicturesScreen)
        pictures = [one.picture_id for one in select_memberships(catalog, "Mira")]
        assert len(list_tagged_by(catalog, _tagger_of(catalog), pictures)) == 1
        assert app.last_command[:2] == ["tag", "Mira"]
        assert app.last_command[2].startswith("sha:")


async def test_on_a_filtered_wall_the_filter_says_which(catalog: Catalog, make_app: MakeApp) -> None:
    pytest.importorskip("onnxruntime")
    set_role(catalog, "Mira", "primary", "name:0*")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "slash", *"role:primary", "enter", "W", *"cast", "ctrl+s")
        assert list(app.last_command) == ["tag", "Mira", "role:primary", "--tagger", "cast"]
        assert sum(tags_of(catalog).values()) > 0
        assert tags_of(catalog)["blue eyes"] == 1


async def test_a_tagger_that_is_not_there_is_told_in_the_form_which_stays(catalog: Catalog, make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await open_tags(pilot)
        await press(pilot, "W")
        form = app.screen
        assert "for the drawn cast only" in str(form.query_one(".judged", Static).render())
        await press(pilot, *"/no/tagger/here", "down", "ctrl+s")
        assert app.screen is form
        assert not str(form.query_one(".judged", Static).render()), "another tagger was named"
        assert app.focused is line(app, "tagger"), "the line at fault, to type in at once"
        assert line(app, "tagger").value == "/no/tagger/here"
        assert "/no/tagger/here" in wrong(app)
        assert "asks again" not in wrong(app), "the form is there"
        assert not any("/no/tagger/here" in told.text for told in app.messages), "it is said once"
        assert tags_of(catalog) == {}
        await press(pilot, "escape", "W")
        assert line(app, "tagger").value == "/no/tagger/here", "kept for the next time too"
        await press(pilot, *"other")
        assert line(app, "tagger").value == "other", "what was there is selected"


async def test_what_fails_after_a_while_opens_no_form_but_tells_the_key_that_does(
    catalog: Catalog, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_fail = threading.Event()

    def fail_late(home: Home, wanted: str, hub: object, *, report: Report, **_: object) -> None:
        report(Progress("download", 1, 2))
        may_fail.wait(10)
        raise NotFoundError(f"The hub has no {wanted}.", hint="Check the name.")

    monkeypatch.setattr("loratui.captions.hub.choose_tagger", fail_late)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_tags(pilot)
        await pilot.press("W", *"nobody/model", "ctrl+s")
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("j", "j")
        may_fail.set()
        await settle(pilot)
        assert app.screen is screen
        assert app.messages[-1].text == ("The hub has no nobody/model. Check the name. W asks again, as it was typed.")
        await press(pilot, "W")
        assert wrong(app) == "The hub has no nobody/model. Check the name."
        assert line(app, "tagger").value == "nobody/model" and line(app, "tagger").has_focus
        await press(pilot, "s")
        assert line(app, "tagger").value == "nobody/models", "to be mended at its end"
        assert wrong(app) == "", "it is about what stood there"
        await press(pilot, "escape", "W")
        assert wrong(app) == "", "it was told"


async def test_keys_for_the_screen_below_do_not_land_in_a_form_that_is_refused(
    catalog: Catalog, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_fail = threading.Event()

    def fail(*_: object, **about: object) -> None:
        may_fail.wait(10)
        raise NotFoundError("There is no folder nowhere.", hint="Check it.")

    monkeypatch.setattr("loratui.captions.hub.choose_tagger", fail)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await open_tags(pilot)
        await pilot.press("W", *"nowhere", "ctrl+s")
        for key in "jjE":
            app.post_message(events.Key(key, key))
        await pilot.pause()
        may_fail.set()
        await settle(pilot)
        assert line(app, "tagger").value == "nowhere"
        assert "There is no folder nowhere." in wrong(app)


async def test_a_letter_chooses_and_what_is_no_choice_says_how_to(catalog: Catalog, make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await open_tags(pilot)
        await press(pilot, "W", "down", "a")
        assert line(app, "again").value == "all again"
        await press(pilot, "S")
        assert line(app, "again").value == "only those it has not seen", "a word in it begins so"
        await press(pilot, "backspace", "x")
        assert line(app, "again").value == "only those it has not seen"
        assert wrong(app).startswith("Score: left and right go through only")
        app.post_message(events.Paste("/a/path"))
        await settle(pilot)
        assert line(app, "again").value == "only those it has not seen"
        await press(pilot, "left")
        assert wrong(app) == ""


async def test_another_key_has_a_model_write_a_sentence_about_each_picture(
    catalog: Catalog, make_app: MakeApp, server: ChatServer
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await open_tags(pilot)
        await press(pilot, "M")
        line(app, "endpoint").value = server.endpoint
        line(app, "question").value = "What does {trigger} do?"
        await press(pilot, "ctrl+s")
        found = sentences_of(catalog, "Mira")
        assert [one.text for one in found.values()] == ["Mirvok stands on grass."] * 4
        assert {question_of(request) for request in server.requests} == {"What does Mirvok do?"}
        assert app.messages[-1].text == "4 pictures described. u undoes."
        assert list(app.last_command) == [
            *["describe", "Mira"],
            *[f"--endpoint={server.endpoint}", "--question=What does {trigger} do?"],
        ]
        await press(pilot, "M")
        assert line(app, "endpoint").value == server.endpoint
        await press(pilot, "ctrl+s")
        assert app.messages[-1].text == "0 pictures described, 4 had a sentence before."


async def test_sentences_that_keep_a_person_from_being_used_are_warned_of(catalog: Catalog, make_app: MakeApp) -> None:
    edit_subject(catalog, "Mira", kind="person")
    app = make_app()
    with ChatServer(lambda _: completion("A naked woman on a bed.")).running() as server:
        async with app.run_test(size=(120, 40)) as pilot:
            await open_tags(pilot)
            await press(pilot, "M")
            line(app, "endpoint").value = server.endpoint
            await press(pilot, "ctrl+s")
            told = app.messages[-1].text
    assert told.startswith("4 pictures described. ") and told.endswith(" u undoes.")
    assert "naked" in told


async def test_a_server_that_does_not_answer_is_said_plainly_and_asked_again(
    catalog: Catalog, make_app: MakeApp, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It is tried again with growing pauses, which take seconds.
    monkeypatch.setattr("loratui.captions.captioner._waiter", lambda cancel: lambda seconds: None)
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_tags(pilot)
        await press(pilot, "M")
        line(app, "endpoint").value = "http://127.0.0.1:9/v1"
        await press(pilot, "ctrl+s")
        assert app.messages[-1].text.endswith("M asks again, as it was typed.")
        await press(pilot, "M")
        assert line(app, "endpoint").value == "http://127.0.0.1:9/v1"
        assert "No captioner answers at http://127.0.0.1:9" in wrong(app)
        line(app, "endpoint").value = "http://8.8.8.8/v1"
        await press(pilot, "ctrl+s")
        assert "every picture would be sent there" in wrong(app)
        line(app, "endpoint").value = server.endpoint
        await press(pilot, "ctrl+s")
        assert len(sentences_of(catalog, "Mira")) == 4


async def test_an_address_that_is_refused_is_typed_anew_in_the_line_of_the_server(
    catalog: Catalog, make_app: MakeApp
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await open_tags(pilot)
        await press(pilot, "M")
        line(app, "endpoint").value = "http://example.com/v1"
        await press(pilot, "ctrl+s")
        assert "run a model here, or allow it in the line Send pictures." in wrong(app)
        assert app.focused is line(app, "endpoint"), "the hint speaks of a model, but that is not what is wrong"


async def test_with_several_models_on_a_server_the_line_of_the_model_gets_the_keys(
    catalog: Catalog, make_app: MakeApp, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = {"data": [{"id": "llava"}, {"id": "qwen"}]}
    monkeypatch.setattr("loratui.captions.captioner.Captioner._call", lambda *asked: served)
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await open_tags(pilot)
        await press(pilot, "M")
        line(app, "endpoint").value = server.endpoint
        await press(pilot, "ctrl+s")
        assert "asks again" in app.messages[-1].text, app.messages[-1].text
        await press(pilot, "M")
        assert wrong(app).endswith("Choose one that can see pictures in the line Model.")
        assert app.focused is line(app, "model")


async def test_describing_is_stopped_from_the_list_of_jobs_and_keeps_what_is_done(
    catalog: Catalog, make_app: MakeApp, server: ChatServer
) -> None:
    first, go_on = threading.Semaphore(1), threading.Event()

    def answer(request: Any) -> Any:
        if not first.acquire(blocking=False):
            go_on.wait(20)
        return completion("Mirvok stands on grass.")

    server.answer = answer
    app = make_app()
    try:
        async with app.run_test(size=(100, 30)) as pilot:
            await open_tags(pilot)
            await press(pilot, "M")
            line(app, "endpoint").value = server.endpoint
            await pilot.press("ctrl+s")
            await until(pilot, lambda: (task := app.bridge.tasks[-1]).progress is not None and task.progress.done)
            await pilot.press("w", "x")
            await until(pilot, lambda: app.bridge.tasks[-1].state == "cancelled")
            outcome = "stopped by you. Describing was stopped; 1 of 4 pictures have a new sentence."
            assert app.bridge.tasks[-1].outcome == f"{outcome} M goes on with the rest."
            assert len(sentences_of(catalog, "Mira")) == 1
    finally:
        go_on.set()


async def test_tagging_all_again_that_was_stopped_is_offered_to_go_on_with(
    catalog: Catalog, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[datetime | None] = []
    stops = True

    def tag(*_: object, before: datetime | None, report: Report, **about: object) -> TaggingResult:
        asked.append(before)
        report(Progress("tag", 1, 4))
        if stops:
            raise Cancelled("Tagging was stopped; 1 of 4 pictures are tagged.")
        return TaggingResult("cast@1", "cpu", {}, pictures=4, skipped=1, tagged=3)

    monkeypatch.setattr("loratui.captions.tagging.tag_pictures", tag)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await open_tags(pilot)
        await press(pilot, "W")
        assert "the rest" not in " ".join(line(app, "again").item.choices), "nothing was stopped"
        line(app, "tagger").value, line(app, "again").value = "cast", "all again"
        await press(pilot, "ctrl+s")
        assert app.bridge.tasks[-1].outcome.endswith("1 of 4 pictures are tagged. W goes on with the rest.")
        stops = False
        await press(pilot, "W")
        assert line(app, "again").value == "the rest of all again, which was stopped"
        await press(pilot, "ctrl+s")
        assert asked[0] is not None and asked == [asked[0]] * 2
        assert app.last_command[-1].startswith(f"--before={asked[0]:%Y-%m-%dT%H:%M:%S}")
        await press(pilot, "W")
        assert line(app, "again").value == "only those it has not seen"


async def test_describing_all_again_is_gone_on_with_after_the_program_was_killed(
    catalog: Catalog, make_app: MakeApp, server: ChatServer
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await open_tags(pilot)
        await press(pilot, "M")
        line(app, "endpoint").value = server.endpoint
        await press(pilot, "ctrl+s")
        first = sentences_of(catalog, "Mira")
        moment = sorted(one.at for one in first.values())[1]
        lock = catalog.home.data / "locks" / f"describe-{get_subject(catalog, 'Mira').id}.lock"
        lock.write_text(f"\n{moment.isoformat()}\tsomeone\n", encoding="utf-8")
        await press(pilot, "M")
        assert line(app, "again").value == "the rest of all again, which was stopped"
        await press(pilot, "ctrl+s")
        again = sentences_of(catalog, "Mira")
        assert sum(again[id_].at != one.at for id_, one in first.items()) == sum(
            one.at < moment for one in first.values()
        )


async def test_without_pictures_no_model_is_asked_for(home: Home, make_app: MakeApp) -> None:
    with open_catalog(home) as opened:
        add_subject(opened, "Empty", "emptvok")
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_tags(pilot)
        for key in ("W", "M"):
            await press(pilot, key)
            assert app.screen is screen
            assert app.messages[-1].text.startswith("The subject has no pictures")


def _tagger_of(catalog: Catalog) -> str:
    from loratui.captions.tagger import open_tagger
    from loratui.config import find_assets

    return open_tagger(find_assets() / "cast" / "tagger").id
