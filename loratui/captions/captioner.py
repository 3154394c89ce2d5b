"""Asks a vision model for a sentence about a picture, over the chat API that OpenAI defined and others speak.

vLLM, Ollama (`/v1`), LM Studio and llama.cpp's server all answer `POST /chat/completions` with a picture as a data
URL. By default the model runs on this machine: nothing is sent elsewhere, and nothing costs money, unless asked for.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from http.client import HTTPException, IncompleteRead
from typing import TYPE_CHECKING, Any

from loratui.captions.answers import DeclinedError, Sentence, clean_sentence, read_answer
from loratui.errors import Cancelled, LoratuiError, MissingFeatureError, NotFoundError, RefusedError, UsageError

if TYPE_CHECKING:
    from email.message import Message
    from http.client import HTTPResponse

DEFAULT_ENDPOINT = "http://localhost:11434/v1"
"""Where Ollama listens."""
KEY_VARIABLE = "LORATUI_CAPTIONER_KEY"
"""What holds the key of a server that wants one: settings are files that people share."""

_MAX_ANSWER = 1 << 20
_LONGEST_WAIT = 120.0
_FASTEST = 1_000_000
# A list of models is at hand in any server that is well.
_LIST_TIMEOUT_S = 15.0
# Answered by a server that is busy, starting or in trouble: the same question may work in a moment.
_TRY_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})


class TroubledError(LoratuiError):
    """The server could not answer one question, however often it was asked; it may be the picture's fault."""

    code = "captioner_troubled"


Tell = Callable[[str], None]
"""Takes what is being waited for, in words."""


def _tell_nobody(words: str) -> None:
    """For a caller that does not care."""


class Captioner:
    """A model behind an endpoint. May be used from several threads; all share its rate limit."""

    def __init__(
        self,
        endpoint: str = DEFAULT_ENDPOINT,
        model: str = "",
        *,
        key: str = "",
        timeout_s: float = 120.0,
        retries: int = 4,
        per_minute: float = 0.0,
        max_tokens: int = 300,
        temperature: float = 0.2,
        upload: bool = False,
    ) -> None:
        """Nothing is asked yet. `retries` come on top of the first try; `per_minute` 0 means no limit.

        A server that leaves a question without an answer for `timeout_s` seconds is asked once more. An address
        outside this machine and its private network is refused with RefusedError unless `upload`: the pictures would
        leave the house. `key` is sent as a bearer token and never shown.
        """
        self.endpoint = _check_endpoint(endpoint)
        # 0 questions a minute mean no limit.
        rate = per_minute or _FASTEST
        for name, value, given, least, most in (
            ("max-tokens", max_tokens, max_tokens, 1, 1_000_000),
            ("per-minute", rate, per_minute, 0.01, _FASTEST),
            ("retries", retries, retries, 0, 100),
            ("timeout", timeout_s, timeout_s, 0.001, 86_400),
        ):
            # Nothing is nearer to a number than nan.
            if not least <= value <= most:
                limitless = ", or 0 for no limit" if name == "per-minute" else ""
                raise UsageError(
                    f"--{name} can't be {given}.", hint=f"Give a number from {least:g} to {most:,}{limitless}."
                )
        self.host = urllib.parse.urlsplit(self.endpoint).netloc.rpartition("@")[2]
        self._private = _is_private(self.endpoint)
        if not self._private and not upload:
            raise RefusedError(
                f"{self.host} is not known to be on this machine or its private network: every picture would be sent "
                "there.",
                hint="Check the address, run a model here, or allow it with --upload.",
            )
        self.model = model
        self._key = key
        self.timeout_s = timeout_s
        self.list_timeout_s = min(timeout_s, _LIST_TIMEOUT_S)
        self._retries = retries
        self._pause_s = 60.0 / per_minute if per_minute > 0 else 0.0
        self._max_tokens = max_tokens
        self._temperature = temperature
        self._turn = threading.Lock()
        self._next_at = 0.0
        handlers: list[urllib.request.BaseHandler] = [_NoRedirects()]
        if self._private:
            # A proxy is for the outside world; what stays in the house must not pass through it.
            handlers.append(urllib.request.ProxyHandler({}))
        self._opener = urllib.request.build_opener(*handlers)

    @property
    def name(self) -> str:
        """The model and where it runs, as it is kept with each sentence."""
        return f"{self.model}@{self.host}"

    def choose_model(self, cancel: threading.Event | None = None, tell: Tell = _tell_nobody) -> str:
        """Find out which model to ask when none was named: the only one that is served.

        Raises UsageError naming the models when there are several, NotFoundError when there is none.
        """
        if self.model:
            return self.model
        answer = self._call("/models", None, cancel, tell)
        listed = answer.get("data")
        served = [str(item["id"]) for item in listed or () if isinstance(item, dict) and "id" in item]
        if not served:
            raise NotFoundError(
                f"{self.host} serves no model.", hint="Load one there (Ollama: `ollama pull`), then try again."
            )
        if len(served) > 1:
            raise UsageError(
                f"{self.host} serves {len(served)} models: {', '.join(sorted(served)[:12])}.",
                hint="Choose one that can see pictures with --model.",
            )
        self.model = served[0]
        return self.model

    def describe(
        self, jpeg: bytes, question: str, cancel: threading.Event | None = None, tell: Tell = _tell_nobody
    ) -> Sentence:
        """Ask about one picture, given as the bytes of a JPEG file.

        Waits for the rate limit, and tries again with growing pauses while the server is busy; `tell` hears of it.
        Raises DeclinedError when this picture gets no usable answer, another LoratuiError when none would, Cancelled.
        """
        url = "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
        body = {
            "model": self.model,
            "max_tokens": self._max_tokens,
            "temperature": self._temperature,
            "stream": False,
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "text", "text": question}, {"type": "image_url", "image_url": {"url": url}}],
                }
            ],
        }
        return read_answer(self._call("/chat/completions", body, cancel, tell))

    def _call(
        self, path: str, body: dict[str, Any] | None, cancel: threading.Event | None, tell: Tell
    ) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        limit = self.timeout_s if data is not None else self.list_timeout_s
        wait = _waiter(cancel)
        what = ""
        for attempt in range(1, self._retries + 2):
            self._take_turn(wait)
            if attempt > 1:
                tell(f"{self.host} {what}, asked again")
            try:
                return self._send(path, data, limit)
            except urllib.error.HTTPError as error:
                last = self._read_refusal(error, is_picture=data is not None)
                if error.code not in _TRY_AGAIN:
                    raise last from error
                what, pause = f"answers {error.code}", _read_retry_after(error.headers)
                if pause is not None and pause > _LONGEST_WAIT:
                    raise LoratuiError(
                        f"{last.message.rstrip('.')}, and asks to be left alone for {_say_seconds(pause)}; "
                        f"loratui waits {_say_seconds(_LONGEST_WAIT)} at most.",
                        hint="Run it again after that time, or ask another server with --endpoint.",
                    ) from error
            except (urllib.error.URLError, OSError, HTTPException, _GarbledError) as error:
                last, what, pause = self._unreachable(error, limit, attempt), "does not answer", None
                if isinstance(error, _BrokenOffError):
                    what = "broke off its answer"
                # What took as long as this twice would only take it again.
                if _is_timeout(error) and attempt > 1:
                    raise last from error
            if attempt > self._retries:
                raise last
            own = 0.5 * 2 ** (attempt - 1)
            tell(f"{self.host} {what}, asked again in {_say_seconds(own if pause is None else pause)}")
            if pause is None:
                wait(own)
            else:
                # It is meant for all threads; the next turn of each waits for it.
                self._hold_back(pause)
        raise AssertionError("every way out is above")

    def _send(self, path: str, data: bytes | None, limit: float) -> dict[str, Any]:
        headers = {"Accept": "application/json", "User-Agent": "loratui"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(self.endpoint + path, data, headers)
        until = time.monotonic() + limit
        raw = bytearray()
        response: HTTPResponse
        with self._opener.open(request, timeout=limit) as response:
            # Bit by bit: a server that sends a byte now and then would never run into the socket's own limit.
            try:
                while len(raw) <= _MAX_ANSWER and (part := response.read1(_MAX_ANSWER)):
                    raw += part
                    if time.monotonic() > until:
                        raise TimeoutError
            except (IncompleteRead, ConnectionError) as error:
                raise _BrokenOffError(len(raw)) from error
            # The end of a connection looks like the end of an answer; how much was promised is kept here.
            is_whole = not response.length
        if len(raw) > _MAX_ANSWER:
            raise DeclinedError(
                f"{self.host} answers with more than 1 MiB.", hint="--max-tokens limits how long an answer may get."
            )
        try:
            answer = json.loads(raw)
        except (ValueError, RecursionError):
            answer = None
            is_whole = is_whole and not raw.lstrip().startswith(b"{")
        if not is_whole:
            raise _BrokenOffError(len(raw))
        if not isinstance(answer, dict):
            raise _GarbledError("its answer is not JSON of the expected kind")
        return answer

    def _take_turn(self, wait: Callable[[float], None]) -> None:
        with self._turn:
            start = max(time.monotonic(), self._next_at)
            if self._pause_s:
                self._next_at = start + self._pause_s
        wait(max(0.0, start - time.monotonic()))

    def _hold_back(self, seconds: float) -> None:
        with self._turn:
            self._next_at = max(self._next_at, time.monotonic() + seconds)

    def _read_refusal(self, error: urllib.error.HTTPError, *, is_picture: bool) -> LoratuiError:
        said = _read_message(error)
        match error.code:
            case 404 if not is_picture:
                return NotFoundError(
                    f"{self.endpoint}/models does not exist{said}.",
                    hint="Check --endpoint; most end in /v1. Where a server lists no models, name one with --model.",
                )
            case 429:
                return LoratuiError(
                    f"{self.host} answers 429, too many questions{said}.",
                    hint="Ask more slowly with --per-minute, or later.",
                )
            case 401 | 403:
                return RefusedError(
                    f"{self.host} refuses the key{said}.", hint="Put the right one into LORATUI_CAPTIONER_KEY."
                )
            case 404:
                return NotFoundError(
                    f"{self.host} knows no model {self.model!r}, or nothing at this address{said}.",
                    hint="Check --model and --endpoint; most endpoints end in /v1.",
                )
            case 400 | 413 | 415 | 422 if is_picture:
                return DeclinedError(
                    f"{self.host} does not take this picture{said}.", hint="Does the model see pictures at all?"
                )
            case 301 | 302 | 303 | 307 | 308:
                return RefusedError(
                    f"{self.host} sends its callers on to {error.headers.get('Location', 'another address')!r}.",
                    hint="Name that address with --endpoint if the pictures may go there.",
                )
            case _:
                return TroubledError(f"{self.host} answers {error.code}{said}.", hint="Look into the server's log.")

    def _unreachable(self, error: Exception, limit: float, attempt: int) -> LoratuiError:
        if _is_timeout(error):
            often = f", asked {attempt} times" if attempt > 1 else ""
            return LoratuiError(
                f"{self.host} did not answer within {limit:g} s{often}.",
                hint="Is the model still loading, or slow? --timeout gives it longer.",
            )
        if isinstance(error, _BrokenOffError):
            return TroubledError(
                f"The answer of {self.host} broke off after {error.received:,} bytes, asked {attempt} times.",
                hint="Look into the server's log: did it crash, or run out of memory?",
            )
        if isinstance(error, _GarbledError):
            return RefusedError(
                f"What answers at {self.endpoint} is no captioner: {error}.",
                hint="Check --endpoint: most end in /v1, and a web page may stand at the same address.",
            )
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        return MissingFeatureError(
            f"No captioner answers at {self.endpoint}: {reason}.",
            hint="Start one there (vLLM, Ollama, LM Studio), or name another with --endpoint.",
        )


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A picture goes to the address that was named and nowhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class _GarbledError(Exception):
    """The server answered with something that can't be read."""


class _BrokenOffError(_GarbledError):
    """The answer ended too early, after so many bytes."""

    def __init__(self, received: int) -> None:
        super().__init__(received)
        self.received = received


def _is_timeout(error: Exception) -> bool:
    return isinstance(error.reason if isinstance(error, urllib.error.URLError) else error, TimeoutError)


def _say_seconds(seconds: float) -> str:
    """A pause as people say it: 0.5 s, 20 s, 2 min, 1.5 h."""
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 5400 else f"{seconds / 3600:.3g} h"


def _waiter(cancel: threading.Event | None) -> Callable[[float], None]:
    gate = cancel or threading.Event()

    def wait(seconds: float) -> None:
        if gate.wait(seconds) if seconds > 0 else gate.is_set():
            raise Cancelled("The captioner was stopped.")

    return wait


def _check_endpoint(endpoint: str) -> str:
    wrong = UsageError(
        f"{endpoint!r} is not the address of a captioner.",
        hint=f"It looks like {DEFAULT_ENDPOINT}, with http or https.",
    )
    try:
        parts = urllib.parse.urlsplit(endpoint.strip())
        parts.port  # noqa: B018 - a port that is no number raises here
    except ValueError:
        raise wrong from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not endpoint.strip().isprintable():
        raise wrong
    if any(letter.isspace() for letter in endpoint.strip()):
        raise wrong
    if parts.username or parts.password:
        raise UsageError(
            "The address of a captioner can't hold a name and password.", hint="Put the key into LORATUI_CAPTIONER_KEY."
        )
    return endpoint.strip().rstrip("/").removesuffix("/chat/completions")


def _is_private(endpoint: str) -> bool:
    """Whether all addresses of the host are on this machine or in a private network."""
    host = urllib.parse.urlsplit(endpoint).hostname or ""
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        # It may lead outside as soon as names are found again.
        return False
    addresses = [ipaddress.ip_address(address.partition("%")[0]) for address in found]
    return all(address.is_loopback or address.is_private or address.is_link_local for address in addresses)


def _read_retry_after(headers: Message) -> float | None:
    """Seconds that a busy server asks to be left alone: a number, or a date."""
    asked = headers.get("Retry-After", "").strip()
    if asked.isdecimal():
        return float(asked)
    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _read_message(error: urllib.error.HTTPError) -> str:
    """What the server says about the error, as `: words`, or nothing."""
    try:
        raw = json.loads(error.read(65_536))
    except (OSError, ValueError):
        return ""
    found = raw.get("error", raw) if isinstance(raw, dict) else raw
    message = found.get("message") or found.get("detail") if isinstance(found, dict) else found
    words = clean_sentence(str(message))[:200].rstrip(".") if message else ""
    return f": {words}" if words else ""
