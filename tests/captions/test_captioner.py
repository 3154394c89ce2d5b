"""Asking a vision model over HTTP: retries, the rate limit, where pictures may go, and what of an answer is used."""

from __future__ import annotations

import json
import re
import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING, Any

import pytest
from chat_server import ChatServer, Reply, completion
from hypothesis import given
from hypothesis import strategies as st

from loratui.captions.answers import DeclinedError, clean_sentence, read_answer
from loratui.captions.captioner import Captioner, TroubledError
from loratui.errors import Cancelled, LoratuiError, MissingFeatureError, NotFoundError, RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

BUSY: Reply = (503, {"Retry-After": "0"}, {"error": {"message": "loading the model"}})


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(lambda _: completion("Mira stands in the rain.")).running() as running:
        yield running


class Gate(threading.Event):
    """Keeps what waits are asked of it, and takes none of that time; with `stops` the person stops the first one."""

    def __init__(self, *, stops: bool = False) -> None:
        super().__init__()
        self.waits: list[float] = []
        self.stops = stops

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits.append(timeout)
        if self.stops:
            self.set()
        return self.is_set()


def ask(server: ChatServer, **settings: Any) -> str:
    return Captioner(server.endpoint, "seer", **settings).describe(b"jpeg", "What is this?").text


def test_a_busy_server_is_asked_again_and_its_wish_to_wait_is_heeded(server: ChatServer) -> None:
    replies = iter([BUSY, (429, {"Retry-After": "20"}, {}), completion("At last.")])
    server.answer = lambda _: next(replies)
    gate = Gate()
    assert Captioner(server.endpoint, "seer").describe(b"jpeg", "What is this?", gate).text == "At last."
    assert len(server.requests) == 3 and gate.waits == pytest.approx([20.0], abs=1)


def test_a_server_that_stays_busy_is_given_up_with_its_own_words(server: ChatServer) -> None:
    server.answer = lambda _: BUSY
    with pytest.raises(LoratuiError, match="answers 503: loading the model"):
        ask(server, retries=2)
    assert len(server.requests) == 3


def test_an_answer_that_is_not_json_is_asked_for_again(server: ChatServer) -> None:
    replies: Iterator[Reply] = iter([(200, {"Retry-After": "0"}, b"<html>gateway</html>"), completion("Fine.")])
    server.answer = lambda _: next(replies)
    assert ask(server) == "Fine."


@pytest.mark.parametrize("promise", [{}, {"Content-Length": "9999"}, {"Transfer-Encoding": "chunked"}])
def test_an_answer_whose_connection_was_lost_is_asked_for_again_and_told(
    server: ChatServer, promise: dict[str, str]
) -> None:
    half = b"400\r\n" * ("Transfer-Encoding" in promise) + json.dumps(completion("Mira stands")[2]).encode()[:60]
    replies: Iterator[Reply] = iter([(200, promise, half), completion("Fine.")])
    server.answer = lambda _: next(replies)
    assert ask(server) == "Fine."
    server.answer = lambda _: (200, promise, half)
    with pytest.raises(TroubledError, match=r"broke off after \d+ bytes, asked 2 times"):
        ask(server, retries=1)


def test_an_answer_of_megabytes_is_told_as_such_and_is_the_fault_of_one_picture(server: ChatServer) -> None:
    server.answer = lambda _: completion("Mira " * 400_000)
    with pytest.raises(DeclinedError, match="answers with more than 1 MiB"):
        ask(server)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (401, RefusedError, "refuses the key: no such key"),
        (404, NotFoundError, "knows no model 'seer'"),
        (400, DeclinedError, "does not take this picture: no such key"),
    ],
)
def test_what_asking_again_cannot_mend_is_told_at_once(
    server: ChatServer, status: int, error: type[LoratuiError], words: str
) -> None:
    server.answer = lambda _: (status, {}, {"error": {"message": "no such key"}})
    with pytest.raises(error, match=words):
        ask(server)
    assert len(server.requests) == 1


def test_a_picture_does_not_follow_a_redirect(server: ChatServer) -> None:
    server.answer = lambda _: (307, {"Location": "http://elsewhere.example/v1"}, {})
    with pytest.raises(RefusedError, match=r"sends its callers on to 'http://elsewhere\.example/v1'"):
        ask(server)
    assert len(server.requests) == 1


def test_nobody_listening_is_told_with_what_to_do(server: ChatServer) -> None:
    with pytest.raises(MissingFeatureError, match="No captioner answers") as caught:
        Captioner("http://127.0.0.1:9/v1", "seer", retries=0).describe(b"jpeg", "What?")
    assert "Ollama" in caught.value.hint


def test_a_server_that_never_answers_is_left_after_the_time_limit(server: ChatServer) -> None:
    over = threading.Event()

    def stall(_: dict[str, Any]) -> Reply:
        over.wait(10)
        return completion("too late")

    server.answer = stall
    with pytest.raises(LoratuiError, match=r"did not answer within 0\.2 s"):
        ask(server, timeout_s=0.2, retries=0)
    over.set()


def test_a_wish_to_be_left_alone_for_long_is_told_and_not_waited_for(server: ChatServer) -> None:
    server.answer = lambda _: (429, {"Retry-After": "3600"}, {"error": {"message": "quota exceeded"}})
    with pytest.raises(LoratuiError, match=r"429.*quota exceeded, and asks to be left alone for 60 min; .* 2 min at"):
        ask(server)
    assert len(server.requests) == 1


def test_what_is_waited_for_is_told(server: ChatServer) -> None:
    replies = iter([(429, {"Retry-After": "20"}, {}), completion("At last.")])
    server.answer = lambda _: next(replies)
    told: list[str] = []
    Captioner(server.endpoint, "seer").describe(b"jpeg", "What is this?", Gate(), told.append)
    host = server.endpoint.split("/")[2]
    assert told == [f"{host} answers 429, asked again in 20 s", f"{host} answers 429, asked again"]


def test_a_question_without_an_answer_is_asked_once_more_and_no_oftener(server: ChatServer) -> None:
    over = threading.Event()
    server.answer = lambda _: completion("too late") if over.wait(10) else completion("")
    with pytest.raises(LoratuiError, match=r"did not answer within 0\.2 s, asked 2 times") as caught:
        Captioner(server.endpoint, "seer", timeout_s=0.2).describe(b"jpeg", "What?", Gate())
    over.set()
    assert len(server.requests) == 2 and "--timeout" in caught.value.hint


def test_a_server_that_dribbles_its_answer_is_left_after_the_time_limit() -> None:
    over = threading.Event()

    class Dribble(BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65_536)
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            with suppress(OSError):
                while not over.wait(0.05):
                    self.request.sendall(b" ")

    with ThreadingTCPServer(("127.0.0.1", 0), Dribble) as slow:
        threading.Thread(target=slow.serve_forever, args=(0.02,), daemon=True).start()
        captioner = Captioner(f"http://127.0.0.1:{slow.server_address[1]}/v1", "seer", timeout_s=0.3, retries=0)
        with pytest.raises(LoratuiError, match=r"did not answer within 0\.3 s"):
            captioner.describe(b"jpeg", "What?")
        over.set()
        slow.shutdown()


def test_an_address_that_lists_no_models_is_told_as_such() -> None:
    class Nothing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            """Tests read what the client says, not this."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Nothing) as http:
        threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
        with pytest.raises(NotFoundError, match="/models does not exist") as caught:
            Captioner(f"http://127.0.0.1:{http.server_port}").choose_model()
        http.shutdown()
    assert "/v1" in caught.value.hint and "''" not in caught.value.message


def test_no_time_at_all_is_no_time_limit() -> None:
    with pytest.raises(UsageError, match="--timeout can't be 0"):
        Captioner(timeout_s=0)


def test_the_rate_limit_holds_for_all_threads_together(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        monotonic = staticmethod(lambda: 1000.0)

    monkeypatch.setattr("loratui.captions.captioner.time", Clock)
    captioner = Captioner(server.endpoint, "seer", per_minute=600)
    gate = Gate()
    threads = [threading.Thread(target=captioner.describe, args=(b"jpeg", "What?", gate)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # 600 a minute is one each 0.1 s: of five that ask at one moment the first goes, and each other is a turn later.
    assert sorted(gate.waits) == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert len(server.requests) == 5


def test_waiting_ends_when_the_person_stops_it(server: ChatServer) -> None:
    server.answer = lambda _: (503, {"Retry-After": "60"}, {})
    gate = Gate(stops=True)
    with pytest.raises(Cancelled):
        Captioner(server.endpoint, "seer").describe(b"jpeg", "What?", gate)
    assert gate.waits == pytest.approx([60.0], abs=1) and len(server.requests) == 1


def test_a_wish_to_wait_holds_for_every_question(server: ChatServer) -> None:
    replies = iter([(429, {"Retry-After": "50"}, {}), completion("Yes."), completion("Yes.")])
    server.answer = lambda _: next(replies)
    captioner, gates = Captioner(server.endpoint, "seer"), [Gate(), Gate()]
    for gate in gates:
        captioner.describe(b"jpeg", "What is this?", gate)
    assert [gate.waits for gate in gates] == [pytest.approx([50.0], abs=1)] * 2


def test_the_only_model_is_chosen_and_several_are_named(server: ChatServer) -> None:
    assert Captioner(server.endpoint).choose_model() == "seer"
    server.models = ["painter", "seer"]
    with pytest.raises(UsageError, match="serves 2 models: painter, seer"):
        Captioner(server.endpoint).choose_model()
    server.models = []
    with pytest.raises(NotFoundError, match="serves no model"):
        Captioner(server.endpoint).choose_model()


def test_the_key_is_sent_and_shown_nowhere(server: ChatServer) -> None:
    ask(server, key="s3cret")
    assert server.headers[0]["Authorization"] == "Bearer s3cret"
    server.answer = lambda _: (401, {}, {})
    with pytest.raises(RefusedError) as caught:
        ask(server, key="s3cret")
    assert "s3cret" not in f"{caught.value.message} {caught.value.hint} {Captioner(server.endpoint, key='s3cret').name}"


def test_pictures_leave_the_house_only_when_it_is_allowed() -> None:
    with pytest.raises(RefusedError, match=r"every picture would be sent there") as caught:
        Captioner("https://8.8.8.8/v1", "seer")
    assert "--upload" in caught.value.hint
    assert Captioner("https://8.8.8.8/v1", "seer", upload=True).host == "8.8.8.8"
    for endpoint in ("http://localhost:1/v1", "http://127.0.0.1/v1", "http://[::1]:1/v1", "http://192.168.3.4:8000/v1"):
        Captioner(endpoint, "seer")


def test_a_name_that_leads_nowhere_is_not_taken_for_one_in_the_house() -> None:
    with pytest.raises(RefusedError, match="not known to be on this machine"):
        Captioner("https://no-such-host.invalid/v1", "seer")


def test_a_password_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        Captioner("http://ada:s3cret@localhost/v1", "seer")
    assert "s3cret" not in caught.value.message and "LORATUI_CAPTIONER_KEY" in caught.value.hint


@pytest.mark.parametrize("number", ["max_tokens", "per_minute", "retries"])
def test_a_negative_number_is_refused(number: str) -> None:
    with pytest.raises(UsageError, match="can't be -3"):
        Captioner(model="seer", **{number: -3})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("option", "number"),
    [
        *[("timeout_s", number) for number in (float("nan"), float("inf"), 1e300, 0.0)],
        *[("per_minute", number) for number in (float("nan"), float("inf"), 1e-300)],
        ("max_tokens", 10**400),
    ],
)
def test_a_number_that_nothing_can_be_done_with_is_refused(option: str, number: float) -> None:
    name = option.removesuffix("_s").replace("_", "-")
    with pytest.raises(UsageError, match=re.escape(f"--{name} can't be {number}.")):
        Captioner(model="seer", **{option: number})  # type: ignore[arg-type]


def test_an_answer_that_is_not_http_is_asked_for_again_and_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def chatter() -> None:
            for _ in range(2):
                peer, _ = listener.accept()
                peer.recv(65_536)
                peer.sendall(b"220 mail.example ready\r\n")
                peer.close()

        thread = threading.Thread(target=chatter, daemon=True)
        thread.start()
        captioner = Captioner(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", "seer", retries=1)
        with pytest.raises(MissingFeatureError, match="No captioner answers"):
            captioner.describe(b"jpeg", "What?")
        thread.join(5)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    "endpoint", ["", "localhost:11434", "http://localhost:9/v 1", "ftp://localhost/v1", "http://", "http://a:b/v1"]
)
def test_what_is_no_address_is_refused(endpoint: str) -> None:
    with pytest.raises(UsageError, match="not the address of a captioner"):
        Captioner(endpoint)


def test_the_full_path_of_the_endpoint_is_understood_too(server: ChatServer) -> None:
    captioner = Captioner(server.endpoint + "/chat/completions/", "seer")
    assert captioner.describe(b"jpeg", "What?").text == "Mira stands in the rain."


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("<think>A woman? Yes.</think>\n\nMira smiles.", "Mira smiles."),
        ("so it is Mira</think>Mira smiles.", "Mira smiles."),
        ("```text\nMira smiles.\n```", "Mira smiles."),
        ('"Mira smiles."', "Mira smiles."),
        ('"Hi" she says, "there"', '"Hi" she says, "there"'),
        ("**Caption:** Mira smiles.", "Mira smiles."),
        ('```json\n{"caption": "A cat."}\n```', "A cat."),
        ('{"description": "A  cat.", "tags": ["cat"]}', "A cat."),
        ('{"text": "\\"A cat.\\""}', "A cat."),
        ('{"caption": "A cat.", "text": "A dog."}', '{"caption": "A cat.", "text": "A dog."}'),
        ('{"mood": "A cat."}', '{"mood": "A cat."}'),
        ("{a cat}", "{a cat}"),
        ("Mira\n  smiles,\tat \x1b[31mlast.", "Mira smiles, at [31mlast."),
    ],
)
def test_wrapping_is_taken_off_an_answer(answer: str, text: str) -> None:
    assert clean_sentence(answer) == text


@given(st.text())
def test_a_clean_sentence_is_one_printable_line_and_stays_as_it_is(text: str) -> None:
    cleaned = clean_sentence(text)
    assert cleaned.isprintable() and cleaned == cleaned.strip() and "  " not in cleaned


@pytest.mark.parametrize("text", ["I'm sorry, I can't help with that.", "I cannot describe people.", "As an AI model"])
def test_a_refusal_is_not_a_caption(text: str) -> None:
    with pytest.raises(DeclinedError, match="the model declined"):
        read_answer(completion(text)[2])


@pytest.mark.parametrize("answer", [{}, {"choices": []}, {"choices": [{"message": None}]}, {"choices": "none"}])
def test_an_answer_without_text_is_declined(answer: dict[str, Any]) -> None:
    with pytest.raises(DeclinedError):
        read_answer(answer)


def test_an_answer_cut_at_the_token_limit_ends_at_its_last_full_stop() -> None:
    found = read_answer(completion("Mira smiles. She wears a red", finish="length")[2])
    assert (found.text, found.cut, found.prompt_tokens, found.answer_tokens) == ("Mira smiles.", True, 100, 12)


def test_an_answer_as_long_as_a_book_is_cut() -> None:
    found = read_answer(completion("Mira smiles. " * 5_000)[2])
    assert found.cut and len(found.text) <= 2_000 and found.text.endswith("smiles.")


def test_an_answer_in_parts_is_read() -> None:
    answer = {"choices": [{"message": {"content": [{"type": "text", "text": "Mira"}, {"text": "smiles."}]}}]}
    assert read_answer(answer).text == "Mira smiles."
