"""Sentences of a real server on this machine, kept beside the tags of a subject's pictures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from chat_server import ChatServer, Reply, completion, image_of, question_of
from PIL import Image

from loratui.captions.captioner import Captioner
from loratui.captions.counts import read_book
from loratui.captions.describing import describe_pictures, fill_question
from loratui.captions.service import captions_of, change_rules
from loratui.catalog.crops import set_crop
from loratui.catalog.edits import add_tags, set_caption
from loratui.catalog.importer import import_pictures
from loratui.catalog.query import select_memberships
from loratui.catalog.roles import set_role
from loratui.catalog.sentences import sentences_of
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject
from loratui.dataset.inspection import inspect_picture
from loratui.errors import Cancelled, LoratuiError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loratui.catalog.store import Catalog
    from loratui.config import Home
    from loratui.events import Progress


@pytest.fixture
def catalog(home: Home, tmp_path: Path) -> Iterator[Catalog]:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(8):
        Image.linear_gradient("L").rotate(40 * number).resize((400 + 10 * number, 300)).save(folder / f"{number}.png")
    with open_catalog(home) as opened:
        add_subject(opened, "Mira", "Mirvok", class_word="woman")
        import_pictures(opened, "Mira", [folder])
        yield opened


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(lambda _: completion("Mirvok stands in the rain.")).running() as running:
        yield running


def texts(catalog: Catalog) -> dict[str, str]:
    names = {member.id: member.name for member in select_memberships(catalog, "Mira")}
    return {names[id_]: sentence.text for id_, sentence in sentences_of(catalog, "Mira").items()}


def test_each_picture_gets_a_sentence_once(catalog: Catalog, server: ChatServer) -> None:
    reports: list[Progress] = []
    result = describe_pictures(catalog, "Mira", "", Captioner(server.endpoint), report=reports.append)
    assert (result.described, result.kept, result.declined) == (8, 0, ())
    assert (result.prompt_tokens, result.answer_tokens) == (800, 96)
    assert set(texts(catalog).values()) == {"Mirvok stands in the rain."} and len(texts(catalog)) == 8
    assert {sentence.captioner for sentence in sentences_of(catalog, "Mira").values()} == {
        f"seer@{server.endpoint.split('/')[2]}"
    }
    assert [progress.done for progress in reports] == list(range(1, 9))
    again = describe_pictures(catalog, "Mira", "", Captioner(server.endpoint))
    assert (again.described, again.kept) == (0, 8) and len(server.requests) == 8
    asked_anew = describe_pictures(catalog, "Mira", "", Captioner(server.endpoint), again=True)
    assert asked_anew.described == 8


def test_another_question_asks_anew_and_rejected_pictures_are_left_out(catalog: Catalog, server: ChatServer) -> None:
    set_role(catalog, "Mira", "rejected", "name:0*", reason="blurred")
    assert describe_pictures(catalog, "Mira", "", Captioner(server.endpoint)).described == 7
    result = describe_pictures(catalog, "Mira", "name:0*", Captioner(server.endpoint), question="What is {who} doing?")
    assert result.described == 1
    assert question_of(server.requests[-1]) == "What is Mirvok, woman doing?"


def test_the_question_names_what_is_imbued_and_nothing_when_nothing_is(catalog: Catalog, server: ChatServer) -> None:
    describe_pictures(catalog, "Mira", "name:1*", Captioner(server.endpoint))
    assert "Mirvok, woman" in question_of(server.requests[0]) and "Do not mention" not in question_of(
        server.requests[0]
    )
    change_rules(catalog, "Mira", {"imbued": ["red eyes", "freckles"]})
    add_tags(catalog, "Mira", "", ["red eyes", "hat"])
    question = "{tags}\nDo not mention {imbued}."
    describe_pictures(catalog, "Mira", "name:1*", Captioner(server.endpoint), question=question)
    assert question_of(server.requests[-1]) == "photo of Mirvok, hat\nDo not mention red eyes, freckles."


def test_pictures_are_sent_as_training_sees_them(catalog: Catalog, server: ChatServer) -> None:
    set_crop(catalog, "Mira", "name:2*", (10, 20, 200, 100))
    describe_pictures(catalog, "Mira", "name:2*", Captioner(server.endpoint), side=150)
    sent = image_of(server.requests[0])
    assert sent.size == (150, 75) and sent.mode == "RGB"


def test_questions_go_out_side_by_side_and_no_more_than_asked(catalog: Catalog, server: ChatServer) -> None:
    together = threading.Barrier(3)

    def answer(_: dict[str, Any]) -> Reply:
        # The last two of eight have no third to wait for.
        together.wait(5) if len(server.requests) <= 6 else None
        return completion("Yes.")

    server.answer = answer
    assert describe_pictures(catalog, "Mira", "", Captioner(server.endpoint), parallel=3).described == 8
    assert server.most_at_once == 3


def test_pictures_without_an_answer_are_told_and_the_others_kept(catalog: Catalog, server: ChatServer) -> None:
    def answer(request: dict[str, Any]) -> Reply:
        width, _ = image_of(request).size
        return completion("I'm sorry, I can't.") if width == 430 else completion("Mirvok sits.")

    server.answer = answer
    result = describe_pictures(catalog, "Mira", "", Captioner(server.endpoint))
    assert result.described == 7
    ((name, reason),) = result.declined
    assert name == "3.png" and "declined" in reason
    assert "3.png" not in texts(catalog)
    server.answer = lambda _: completion("Now it works.")
    assert describe_pictures(catalog, "Mira", "", Captioner(server.endpoint)).described == 1


def test_a_picture_that_always_breaks_the_server_does_not_hold_back_the_others(
    catalog: Catalog, server: ChatServer
) -> None:
    def answer(request: dict[str, Any]) -> Reply:
        width, _ = image_of(request).size
        return (500, {"Retry-After": "0"}, {}) if width == 400 else completion("Mirvok sits.")

    server.answer = answer
    result = describe_pictures(catalog, "Mira", "", Captioner(server.endpoint, retries=1), parallel=1)
    assert result.described == 7
    assert [name for name, _ in result.declined] == ["0.png"] and "answers 500" in result.declined[0][1]


def test_a_model_that_declines_everything_is_given_up_early(catalog: Catalog, server: ChatServer) -> None:
    server.answer = lambda _: (400, {}, {"error": {"message": "this model sees no pictures"}})
    with pytest.raises(LoratuiError, match=r"None of the first 5 pictures got a sentence: .* sees no pictures"):
        describe_pictures(catalog, "Mira", "", Captioner(server.endpoint), parallel=1)
    assert len(server.requests) <= 7


def test_what_was_answered_is_kept_when_the_server_fails_or_the_person_stops(
    catalog: Catalog, server: ChatServer
) -> None:
    server.answer = lambda _: completion("Fine.") if len(server.requests) <= 3 else (401, {}, {})
    with pytest.raises(LoratuiError, match="refuses the key"):
        describe_pictures(catalog, "Mira", "", Captioner(server.endpoint), parallel=1)
    assert len(texts(catalog)) == 3
    cancel = threading.Event()
    over = threading.Event()

    def stall(_: dict[str, Any]) -> Reply:
        if len(server.requests) > 6:
            cancel.set()
            over.wait(10)
        return completion("Fine.")

    server.answer = stall
    with pytest.raises(Cancelled, match="2 of 5 pictures have a new sentence"):
        describe_pictures(catalog, "Mira", "", Captioner(server.endpoint), parallel=1, cancel=cancel)
    over.set()
    assert len(texts(catalog)) == 5
    server.answer = lambda _: completion("Fine.")
    assert describe_pictures(catalog, "Mira", "", Captioner(server.endpoint)).described == 3


def test_a_question_with_an_unknown_word_is_refused_before_anything_is_sent(
    catalog: Catalog, server: ChatServer
) -> None:
    with pytest.raises(UsageError, match=r"unknown placeholder \{subject\}"):
        describe_pictures(catalog, "Mira", "", Captioner(server.endpoint, "seer"), question="Who is {subject}?")
    assert server.requests == []


def test_a_rule_says_whether_captions_are_tags_or_sentences_or_both(catalog: Catalog, server: ChatServer) -> None:
    (one,) = select_memberships(catalog, "Mira", "name:1*")
    (two,) = select_memberships(catalog, "Mira", "name:2*")
    add_tags(catalog, "Mira", "name:1*", ["red dress", "hat"])
    server.answer = lambda _: completion("A woman stands in the rain.")
    describe_pictures(catalog, "Mira", "name:1*", Captioner(server.endpoint))
    expected = {
        "tags": "photo of Mirvok, red dress, hat",
        "sentence": "photo of Mirvok, A woman stands in the rain.",
        "both": "photo of Mirvok, A woman stands in the rain. red dress, hat",
    }
    for say, caption in expected.items():
        change_rules(catalog, "Mira", {"say": say})
        found = captions_of(catalog, "Mira")
        assert (found[one.id], found[two.id]) == (caption, "photo of Mirvok")
        book = read_book(catalog, "Mira")
        assert dict(zip((each.id for each in book.pictures), book.captions(), strict=True)) == found
        assert inspect_picture(catalog, "Mira", one, None).caption == caption
    assert any("7 captions are made of tags alone" in doubt for doubt in read_book(catalog, "Mira").check())
    server.answer = lambda _: completion("Mirvok stands in the rain.")
    describe_pictures(catalog, "Mira", "name:1*", Captioner(server.endpoint), again=True)
    assert captions_of(catalog, "Mira")[one.id] == "Mirvok stands in the rain. red dress, hat"
    set_caption(catalog, "Mira", "name:1*", "my own words")
    assert captions_of(catalog, "Mira")[one.id] == "my own words"
    with pytest.raises(UsageError, match="say can't be 'prose'"):
        change_rules(catalog, "Mira", {"say": "prose"})


def test_a_line_with_an_empty_word_is_left_out() -> None:
    values = {"who": "Mirvok", "imbued": ""}
    assert fill_question("This is {who}.\nNot {imbued}.\nGo.", values) == "This is Mirvok.\nGo."


def test_the_verb_describes_and_tells(catalog: Catalog, server: ChatServer, home: Home) -> None:
    environment = {**os.environ, "LORATUI_HOME": str(home.data), "LORATUI_CAPTIONER_KEY": "s3cret"}
    command = [sys.executable, "-m", "loratui", "describe", "Mira", "name:1*", "--endpoint", server.endpoint, "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    told = json.loads(done.stdout)
    assert (told["described"], told["kept"], told["declined"]) == (1, 0, [])
    assert server.headers[0]["Authorization"] == "Bearer s3cret"
    assert texts(catalog) == {"1.png": "Mirvok stands in the rain."}
