"""Sentences of a real server on this machine, kept beside the tags of a subject's pictures."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from chat_server import ChatServer, Reply, completion, image_of, question_of
from PIL import Image

from loratui.captions import describing
from loratui.captions.captioner import Captioner
from loratui.captions.counts import read_book
from loratui.captions.describing import describe_pictures, fill_question
from loratui.captions.service import captions_of, change_rules
from loratui.catalog.crops import set_crop
from loratui.catalog.edits import add_tags, set_caption
from loratui.catalog.importer import import_pictures
from loratui.catalog.journal import history, redo, undo
from loratui.catalog.query import select_memberships
from loratui.catalog.roles import set_role
from loratui.catalog.sentences import sentences_of
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject
from loratui.cli.root import run
from loratui.dataset.inspection import inspect_picture
from loratui.errors import Cancelled, ConflictError, LoratuiError, NotFoundError, RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
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
    assert [progress.done for progress in reports] == [0, 0, *range(1, 9)]
    again = describe_pictures(catalog, "Mira", "", Captioner(server.endpoint))
    assert (again.described, again.kept) == (0, 8) and len(server.requests) == 8
    asked_anew = describe_pictures(catalog, "Mira", "", Captioner(server.endpoint), again=True)
    assert asked_anew.described == 8


def test_sentences_of_another_model_or_question_are_left_alone_unless_asked_for_again(
    catalog: Catalog, server: ChatServer
) -> None:
    describe_pictures(catalog, "Mira", "name:0*", Captioner(server.endpoint))
    server.answer = lambda _: completion("Another sentence.")
    result = describe_pictures(catalog, "Mira", "", Captioner(server.endpoint, "m2"), question="What is this?")
    assert (result.described, result.kept, result.replaced) == (7, 1, 0)
    assert texts(catalog)["0.png"] == "Mirvok stands in the rain."
    result = describe_pictures(catalog, "Mira", "", Captioner(server.endpoint, "m3"), again=True)
    assert (result.described, result.kept, result.replaced) == (8, 0, 8)


def test_the_command_counts_the_sentences_that_it_left_alone_and_says_how_to_have_them_anew(
    catalog: Catalog, server: ChatServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LORATUI_HOME", str(catalog.home.data))
    describe_pictures(catalog, "Mira", "", Captioner(server.endpoint))
    assert run(["describe", "Mira", "--endpoint", server.endpoint, "--model", "m2"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("0 pictures described by m2@")
    assert told.endswith("; 8 had a sentence already, which --again would ask for anew.\n")


def test_rejected_pictures_are_described_where_they_are_asked_for(catalog: Catalog, server: ChatServer) -> None:
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
    describe_pictures(catalog, "Mira", "name:1*", Captioner(server.endpoint), question=question, again=True)
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


def test_answers_that_came_before_the_stop_are_kept_although_nobody_had_taken_them_yet(
    catalog: Catalog, server: ChatServer
) -> None:
    cancel, over = threading.Event(), threading.Event()

    def answer(_: dict[str, Any]) -> Reply:
        if len(server.requests) > 3:
            over.wait(10)
        return completion("Fine.")

    def stop_late(progress: Progress) -> None:
        # The first answer was taken: the fourth question is asked when the second and third are there.
        if progress.done == 1:
            while len(server.requests) < 4:
                time.sleep(0.01)
            cancel.set()

    server.answer = answer
    captioner = Captioner(server.endpoint, "seer")
    with pytest.raises(Cancelled, match="3 of 8 pictures have a new sentence"):
        describe_pictures(catalog, "Mira", "", captioner, parallel=1, cancel=cancel, report=stop_late)
    over.set()
    assert len(texts(catalog)) == 3


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


def test_a_sentence_that_may_not_be_said_of_a_person_is_told_at_once(
    catalog: Catalog,
    server: ChatServer,
    home: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LORATUI_HOME", str(home.data))
    add_subject(catalog, "Ada", "adatok", kind="person")
    import_pictures(catalog, "Ada", [tmp_path / "pictures" / "1.png"])
    server.answer = lambda _: completion("A naked woman on a bed.")
    assert run(["describe", "Ada", "--endpoint", server.endpoint, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    (unfit,) = told["unfit"]
    assert (unfit["name"], unfit["why"]) == ("1.png", "the sentence kept for it says naked, and Ada is a person")
    assert told["warnings"][0].startswith("1 picture of Ada can't be used, such as 1.png (the sentence kept")
    assert run(["describe", "Ada", "--endpoint", server.endpoint]) == 0
    assert "warning: 1 picture of Ada can't be used" in capsys.readouterr().err
    assert [each.name for each in select_memberships(catalog, "Ada", "flag:unfit")] == ["1.png"]


def test_what_is_waited_for_is_told_from_the_start(catalog: Catalog, server: ChatServer) -> None:
    cancel, over = threading.Event(), threading.Event()
    server.answer = lambda _: completion("too late") if over.wait(20) else completion("")
    reports: list[Progress] = []

    def report(progress: Progress) -> None:
        reports.append(progress)
        if len(reports) == 3:
            cancel.set()

    with pytest.raises(Cancelled):
        describe_pictures(catalog, "Mira", "", Captioner(server.endpoint), report=report, cancel=cancel)
    over.set()
    host = server.endpoint.split("/")[2]
    assert [(each.done, each.total) for each in reports] == [(0, 8)] * 3
    assert [each.note for each in reports] == [*[f"waiting for {host}"] * 2, f"waiting for {host}, 1 s of 120"]


def test_a_server_in_trouble_is_told_with_what_is_kept(catalog: Catalog, server: ChatServer) -> None:
    server.answer = lambda _: (
        completion("Fine.") if len(server.requests) <= 3 else (429, {"Retry-After": "3600"}, {"error": "no credit"})
    )
    with pytest.raises(LoratuiError, match="no credit, and asks to be left alone for 60 min") as caught:
        describe_pictures(catalog, "Mira", "", Captioner(server.endpoint), parallel=1)
    assert "3 of 8 pictures have a new sentence, which is kept." in caught.value.hint
    assert len(texts(catalog)) == 3 and len(server.requests) == 4


def test_asking_anew_goes_on_where_it_was_stopped(catalog: Catalog, server: ChatServer) -> None:
    describe_pictures(catalog, "Mira", "", Captioner(server.endpoint))
    cancel, over = threading.Event(), threading.Event()

    def answer(_: dict[str, Any]) -> Reply:
        if len(server.requests) > 8 + 3:
            cancel.set()
            over.wait(10)
        return completion("Anew.")

    server.answer = answer
    with pytest.raises(Cancelled, match="3 of 8") as caught:
        describe_pictures(catalog, "Mira", "", Captioner(server.endpoint), again=True, parallel=1, cancel=cancel)
    over.set()
    assert sorted(texts(catalog).values()) == ["Anew."] * 3 + ["Mirvok stands in the rain."] * 5
    moment = re.search(r"--before=(\S+) ", caught.value.hint)
    assert moment is not None
    server.requests.clear()
    server.answer = lambda _: completion("Anew, too.")
    before = datetime.fromisoformat(moment[1])
    result = describe_pictures(catalog, "Mira", "", Captioner(server.endpoint), again=True, before=before)
    assert (result.described, result.replaced, result.kept, len(server.requests)) == (5, 5, 3, 5)
    result = describe_pictures(catalog, "Mira", "", Captioner(server.endpoint), before=before)
    assert (result.described, result.kept) == (0, 8)


def test_undo_takes_the_sentences_of_a_job_back_in_one_step(
    catalog: Catalog, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Stored after each answer: what undo takes back is the job, not what was stored last.
    monkeypatch.setattr(describing, "_SAVE_EVERY_S", 0.0)
    describe_pictures(catalog, "Mira", "name:0* OR name:1*", Captioner(server.endpoint))
    before = texts(catalog)
    server.answer = lambda _: completion("Anew.")
    describe_pictures(catalog, "Mira", "", Captioner(server.endpoint), again=True)
    assert set(texts(catalog).values()) == {"Anew."}
    assert history(catalog)[0].label.startswith("Mira: 8 sentences by seer@")
    undo(catalog)
    assert texts(catalog) == before and len(before) == 2
    redo(catalog)
    assert list(texts(catalog).values()) == ["Anew."] * 8
    undo(catalog)
    undo(catalog)
    assert texts(catalog) == {}


def test_what_was_done_meanwhile_is_a_step_of_its_own(
    catalog: Catalog, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(describing, "_SAVE_EVERY_S", 0.0)

    def report(progress: Progress) -> None:
        if progress.done == 4:
            add_tags(catalog, "Mira", "name:0*", ["hat"])

    describe_pictures(catalog, "Mira", "", Captioner(server.endpoint), report=report)
    assert [entry.action for entry in history(catalog, 3)] == ["describe", "tags.add", "describe"]
    assert [entry.label.split(" by")[0] for entry in history(catalog, 3)][::2] == ["Mira: 4 sentences"] * 2
    undo(catalog)
    assert len(texts(catalog)) == 4


@pytest.fixture
def verb(home: Home, server: ChatServer) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `describe` in a process of its own; what is still at work in the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "loratui", "describe", *arguments, "--endpoint", server.endpoint]
        environment = {**os.environ, "LORATUI_HOME": str(home.data)}
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_same_work_is_not_done_twice_at_once_and_a_kill_frees_it(
    catalog: Catalog, server: ChatServer, verb: Callable[..., subprocess.Popen[str]]
) -> None:
    asked, over = threading.Event(), threading.Event()

    def answer(_: dict[str, Any]) -> Reply:
        asked.set()
        over.wait(60)
        return completion("Mira sits.")

    server.answer = answer
    first = verb("Mira")
    assert asked.wait(60)
    second = verb("Mira")
    _, said = second.communicate(timeout=60)
    assert second.returncode == 4
    assert f"Process {first.pid} has pictures of Mira described already" in said
    assert f"kill -INT {first.pid}" in said
    with pytest.raises(ConflictError):
        describe_pictures(catalog, "Mira", "name:1*", Captioner(server.endpoint, "seer"))
    first.kill()
    first.wait()
    over.set()
    assert describe_pictures(catalog, "Mira", "", Captioner(server.endpoint)).described == 8


def test_ctrl_c_is_answered_while_the_server_says_nothing(
    catalog: Catalog, server: ChatServer, verb: Callable[..., subprocess.Popen[str]]
) -> None:
    asked, over = threading.Event(), threading.Event()

    def stall() -> None:
        asked.set()
        over.wait(60)

    server.before_listing = stall
    process = verb("Mira")
    assert asked.wait(60)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    over.set()
    assert process.returncode == 130
    assert "stopped before 127.0.0.1" in said and "nothing was changed" in said


def test_the_verb_says_why_it_had_nothing_to_do(
    catalog: Catalog, server: ChatServer, verb: Callable[..., subprocess.Popen[str]]
) -> None:
    said, _ = verb("Mira", "name:nothing").communicate(timeout=60)
    assert said.startswith("No picture of Mira matches name:nothing")
    add_subject(catalog, "Kai", "Kaivok")
    said, _ = verb("Kai").communicate(timeout=60)
    assert said.startswith("Kai has no pictures") and "loratui import Kai" in said
    assert server.requests == []


def test_a_terminal_shows_from_the_start_what_is_waited_for_on_one_line(
    catalog: Catalog, server: ChatServer, home: Home
) -> None:
    over = threading.Event()
    server.answer = lambda _: completion("late") if over.wait(60) else completion("")
    terminal, line = pty.openpty()
    fcntl.ioctl(line, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    command = [sys.executable, "-m", "loratui", "describe", "Mira", "--endpoint", server.endpoint]
    environment = {**os.environ, "LORATUI_HOME": str(home.data)}
    shown = b""
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=line) as process:
        os.close(line)
        # The model is asked for, a picture is, and a second has gone by.
        while shown.count(b"waiting for") < 2:
            shown += os.read(terminal, 4096)
        process.send_signal(signal.SIGINT)
        process.wait(60)
    over.set()
    os.close(terminal)
    drawn = [part.decode() for part in shown.split(b"\r\x1b[K") if b"describe" in part]
    assert len(drawn) >= 2 and all(part.startswith("describe   0 %  0/8  waiting for") for part in drawn)
    assert max(map(len, drawn)) < 40


def test_a_web_page_at_the_address_is_called_no_captioner(catalog: Catalog, server: ChatServer) -> None:
    server.answer = lambda _: (200, {"Content-Type": "text/html"}, b"<html>hello</html>")
    with pytest.raises(RefusedError, match=r"What answers at .* is no captioner: its answer is not JSON"):
        describe_pictures(catalog, "Mira", "", Captioner(server.endpoint, retries=0), parallel=1)


def test_pictures_whose_files_are_gone_are_refused(
    catalog: Catalog, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(*_: object) -> bytes:
        raise NotFoundError("the file is gone", hint="")

    monkeypatch.setattr("loratui.captions.describing.encode_picture", lose)
    with pytest.raises(RefusedError, match="it can't be read: the file is gone"):
        describe_pictures(catalog, "Mira", "", Captioner(server.endpoint), parallel=1)
