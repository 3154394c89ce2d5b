"""Taggers by name: finding one on this machine, or downloading it from the hub, resumably and with its hash checked."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import loratui
from loratui.config import find_assets
from loratui.errors import Cancelled, ConflictError, LoratuiError, NotFoundError, RefusedError
from loratui.events import Progress, Report, ignore_progress

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Mapping
    from http.client import HTTPResponse

    from loratui.config import Home

SOURCE = "source.json"
"""Written last into a downloaded folder: where it is from, and what its files weigh and hash to."""

_WD = ("selected_tags.csv", "model.onnx")
_CL = ("tag_mapping.json", "model_optimized.onnx")
_NAME = re.compile(r"([\w.-]+)/([\w.-]+)((?:/[\w.-]+)*?)(?:@([\w.-]+))?")
_CHUNK = 1 << 20
_TOO_MANY = 429
_TIMEOUT_S = 30.0
_PAUSES_S = (0.5, 1.0, 2.0, 4.0)
_SHA256, _HASH = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Hub:
    """Where models are downloaded from; the token is only ever sent to the endpoint itself."""

    endpoint: str = "https://huggingface.co"
    token: str = ""
    offline: bool = False
    pauses: tuple[float, ...] = _PAUSES_S
    """Seconds before each new try after a connection broke."""


@dataclass(frozen=True, slots=True)
class ChosenTagger:
    """The folder of a tagger; `is_cast` for the one that ships, which knows the drawn cast and nothing else."""

    folder: Path
    is_cast: bool = False


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """A model on the hub: OWNER/NAME, perhaps a folder in it, at a branch, tag or commit."""

    repository: str
    folder: str
    revision: str

    @property
    def path(self) -> Path:
        """Where its files lie below the library's models."""
        named = Path(self.repository, self.folder)
        return named if self.revision == "main" else named.with_name(f"{named.name}@{self.revision}")


@dataclass(frozen=True, slots=True)
class _Remote:
    """What the hub says of a file: its size, and a hash of one kind or the other."""

    size: int
    etag: str
    commit: str

    @property
    def sha256(self) -> str:
        return self.etag if _SHA256.fullmatch(self.etag) else ""


def find_hub(environ: Mapping[str, str] | None = None) -> Hub:
    """The hub of this environment: HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE, as its own tools read them."""
    env = os.environ if environ is None else environ
    return Hub(
        endpoint=(env.get("HF_ENDPOINT") or Hub().endpoint).rstrip("/"),
        token=env.get("HF_TOKEN", ""),
        offline=env.get("HF_HUB_OFFLINE", "").strip().upper() in ("1", "ON", "YES", "TRUE"),
    )


CAST = "cast"
"""The name of the tagger that ships."""


def choose_tagger(
    home: Home,
    wanted: str,
    hub: Hub,
    *,
    report: Report = ignore_progress,
    cancel: threading.Event | None = None,
) -> ChosenTagger:
    """The tagger of that folder or name, downloaded when it must be; the one that ships for `cast` or nothing."""
    if wanted in ("", CAST):
        return ChosenTagger(find_assets() / "cast" / "tagger", is_cast=True)
    folder = Path(wanted).expanduser()
    if folder.is_dir() or not _NAME.fullmatch(wanted):
        return ChosenTagger(folder.absolute())
    return ChosenTagger(download_tagger(home, parse_name(wanted), hub, report=report, cancel=cancel))


def parse_name(name: str) -> RemoteModel:
    """Read OWNER/NAME, OWNER/NAME/FOLDER or either @REVISION; raises NotFoundError for anything else."""
    found = _NAME.fullmatch(name)
    if found is None or any(part.strip(".") == "" for part in re.split("[/@]", name)):
        raise NotFoundError(
            f"There is no folder {name}, and it is no name on the hub.",
            hint="Name a tagger's folder, or a model like SmilingWolf/wd-vit-tagger-v3.",
        )
    owner, model, folder, revision = found.groups()
    return RemoteModel(f"{owner}/{model}", folder.strip("/"), revision or "main")


def download_tagger(
    home: Home,
    model: RemoteModel,
    hub: Hub,
    *,
    report: Report = ignore_progress,
    cancel: threading.Event | None = None,
) -> Path:
    """The folder of a model below the library's models, downloaded unless it is there whole.

    A download that broke off goes on where it was, now or at the next call. Raises NotFoundError for a model or file
    that the hub doesn't have, RefusedError for one it won't give or whose hash is wrong or untold, ConflictError while
    another process downloads it, LoratuiError when the hub can't be reached, Cancelled.
    """
    folder = home.models / model.path
    if _is_complete(folder):
        return folder
    if hub.offline:
        raise LoratuiError(
            f"{model.repository} is not on this machine, and HF_HUB_OFFLINE is set.",
            hint="Unset it, or put the model's files into a folder and name that: --tagger FOLDER.",
        )
    remotes = _look_up_files(hub, model)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _one_at_a_time(folder, model):
        if not _is_complete(folder):
            _fetch_all(folder, remotes, model, hub, report, cancel)
    return folder


def _is_complete(folder: Path) -> bool:
    """Whether all the files that a download wrote down are there, with their sizes."""
    try:
        files = json.loads((folder / SOURCE).read_text(encoding="utf-8"))["files"]
        return all((folder / name).stat().st_size == told["bytes"] for name, told in files.items())
    # Not there, or written over by something else: what is there is looked at again.
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _look_up_files(hub: Hub, model: RemoteModel) -> dict[str, _Remote]:
    try:
        tags, names = _look_up(hub, model, _WD[0]), _WD
    except NotFoundError:
        # If it is not there at all, this says so.
        tags, names = _look_up(hub, model, _CL[0]), _CL
    return {names[0]: tags, names[1]: _look_up(hub, model, names[1])}


def _fetch_all(
    folder: Path,
    remotes: Mapping[str, _Remote],
    model: RemoteModel,
    hub: Hub,
    report: Report,
    cancel: threading.Event | None,
) -> None:
    needed, free = sum(remote.size for remote in remotes.values()), shutil.disk_usage(folder).free
    if needed > free:
        raise LoratuiError(
            f"{model.repository} needs {needed / 1e6:.0f} MB, and the disk has {free / 1e6:.0f} MB left.",
            hint=f"Free some space where the library is: {folder}.",
        )
    # Until all files are there again, it would tell of others.
    (folder / SOURCE).unlink(missing_ok=True)
    for name, remote in remotes.items():
        _Download(folder, name, remote, hub, model, report, cancel).run()
    files = {name: {"bytes": remote.size, "etag": remote.etag} for name, remote in remotes.items()}
    source = {
        "repository": model.repository,
        "folder": model.folder,
        "revision": model.revision,
        "commit": next(iter(remotes.values())).commit,
        "files": files,
    }
    part = folder / f".{SOURCE}.part"
    part.write_text(json.dumps(source, indent=2) + "\n", encoding="utf-8")
    part.replace(folder / SOURCE)
    for stale in folder.glob(".*.part"):
        stale.unlink(missing_ok=True)


class _Download:
    """One file on its way: what there is of it lies in a hidden file named by its hash, so versions never mix."""

    def __init__(
        self,
        folder: Path,
        name: str,
        remote: _Remote,
        hub: Hub,
        model: RemoteModel,
        report: Report,
        cancel: threading.Event | None,
    ) -> None:
        self._target = folder / name
        self._part = folder / f".{name}.{remote.etag[:16]}.part"
        self._remote, self._hub, self._model = remote, hub, model
        self._report, self._cancel = report, cancel

    def run(self) -> None:
        if self._target.is_file() and self._is_whole(self._target):
            return
        for pause in (*self._hub.pauses, None):
            try:
                self._fetch_rest()
                if self._size() == self._remote.size:
                    break
                broken = f"it ended after {self._size()} of {self._remote.size} bytes"
            # What a broken connection looks like depends on where it broke.
            except (OSError, HTTPException) as error:
                if isinstance(error, HTTPError) and error.code < 500 and error.code != _TOO_MANY:
                    raise _told(error, self._model, self._hub, self._target.name) from error
                if getattr(error, "errno", None) == errno.ENOSPC:
                    raise
                broken = str(getattr(error, "reason", "") or error or type(error).__name__)
            if pause is None:
                raise LoratuiError(
                    f"The download of {self._target.name} broke off: {broken}.",
                    hint="Run it again: it goes on where it was.",
                )
            self._wait(pause)
        if not self._is_whole(self._part):
            self._part.unlink()
            raise RefusedError(
                f"What was downloaded as {self._target.name} has not the hash that {self._hub.endpoint} names.",
                hint="It was thrown away. Run it again; if it happens again, something between here and there "
                "changes files.",
            )
        with self._part.open("rb+") as file:
            os.fsync(file.fileno())
        self._part.replace(self._target)

    def _fetch_rest(self) -> None:
        have = self._size()
        if have > self._remote.size:
            self._part.unlink()
            have = 0
        if have == self._remote.size and self._part.exists():
            return
        headers = {"Range": f"bytes={have}-"} if have else {}
        url = _url(self._hub, self._model, self._target.name)
        answer, _ = _open(self._hub, Request(url, headers=headers))
        with answer:
            # A server that knows no ranges begins anew, and so do we.
            mode = "ab" if answer.status == 206 else "wb"
            with self._part.open(mode) as file:
                started, begun = time.monotonic(), file.tell()
                while chunk := answer.read(_CHUNK):
                    file.write(chunk)
                    if self._cancel is not None and self._cancel.is_set():
                        raise Cancelled("The download was stopped.", hint="Run it again: it goes on where it was.")
                    done = file.tell()
                    pace = (done - begun) / max(1e-6, time.monotonic() - started)
                    left = (self._remote.size - done) / max(1.0, pace)
                    self._report(Progress("download", done, self._remote.size, eta_s=left, note=self._target.name))

    def _size(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _is_whole(self, file: Path) -> bool:
        """Whether a file has the hub's size and hash: the sha256 of large files, else git's of its content."""
        if file.stat().st_size != self._remote.size:
            return False
        # Git hashes a heading with the content; it tells accidents, and that is what SHA-1 is for here.
        digest = hashlib.sha256() if self._remote.sha256 else hashlib.sha1(b"blob %d\0" % self._remote.size)
        with file.open("rb") as opened:
            while chunk := opened.read(_CHUNK):
                digest.update(chunk)
        return digest.hexdigest() == self._remote.etag

    def _wait(self, seconds: float) -> None:
        if self._cancel is None:
            time.sleep(seconds)
        elif self._cancel.wait(seconds):
            raise Cancelled("The download was stopped.", hint="Run it again: it goes on where it was.")


def _look_up(hub: Hub, model: RemoteModel, name: str) -> _Remote:
    request = Request(_url(hub, model, name), headers={"Accept-Encoding": "identity"}, method="HEAD")
    try:
        answer, headers = _open(hub, request)
        answer.close()
    except HTTPError as error:
        raise _told(error, model, hub, name) from error
    except (OSError, HTTPException) as error:
        why = str(getattr(error, "reason", "") or error or type(error).__name__)
        raise LoratuiError(
            f"{hub.endpoint} can't be reached: {why}.",
            hint="Offline, put the model's files into a folder and name that: --tagger FOLDER.",
        ) from error
    size = headers.get("x-linked-size") or headers.get("content-length") or ""
    if not size.isdigit():
        raise LoratuiError(f"{hub.endpoint} does not say how large {name} is.", hint="Try again later.")
    etag = (headers.get("x-linked-etag") or headers.get("etag") or "").removeprefix("W/").strip('"')
    if not _HASH.fullmatch(etag):
        raise RefusedError(
            f"{hub.endpoint} does not say which hash {name} has, so what comes can't be checked.",
            hint="Download it from another place, or put files you trust into a folder and name that: --tagger FOLDER.",
        )
    return _Remote(int(size), etag, headers.get("x-repo-commit", ""))


def _url(hub: Hub, model: RemoteModel, name: str) -> str:
    path = "/".join(part for part in (model.folder, name) if part)
    return f"{hub.endpoint}/{model.repository}/resolve/{quote(model.revision)}/{quote(path)}"


class _Hops(HTTPRedirectHandler):
    """Follows redirects to where files are kept, remembering what the hub said of a file on the way there."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.told: dict[str, str] = {}

    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        self.told |= {key.lower(): value for key, value in headers.items()}
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        if following is not None:
            # Left to itself it would ask for a body where only the head is wanted.
            following.method = req.get_method()
            _add_token(self._hub, following)
        return following


def _open(hub: Hub, request: Request) -> tuple[HTTPResponse, dict[str, str]]:
    """The answer, and its headers over those of the hops before it."""
    request.add_header("User-Agent", f"loratui/{loratui.__version__}")
    _add_token(hub, request)
    hops = _Hops(hub)
    answer = build_opener(hops).open(request, timeout=_TIMEOUT_S)
    return answer, hops.told | {key.lower(): value for key, value in answer.headers.items()}


def _add_token(hub: Hub, request: Request) -> None:
    # Unredirected: the places that files are kept in get no token.
    if hub.token and urlsplit(request.full_url).netloc == urlsplit(hub.endpoint).netloc:
        request.add_unredirected_header("Authorization", f"Bearer {hub.token}")


def _told(error: HTTPError, model: RemoteModel, hub: Hub, name: str) -> LoratuiError:
    where = "/".join(part for part in (model.repository, model.folder, name) if part)
    if error.code == 404:
        return NotFoundError(
            f"{hub.endpoint} has no {where} at {model.revision}.",
            hint="Check the name; a tagger has model.onnx with selected_tags.csv, or model_optimized.onnx with "
            "tag_mapping.json.",
        )
    if error.code in (401, 403):
        return RefusedError(
            f"{hub.endpoint} does not give {where} to everybody, or it does not exist.",
            hint="Check the name, accept the model's terms there, and set HF_TOKEN.",
        )
    return LoratuiError(f"{hub.endpoint} answered {error.code} for {where}.", hint="Try again later.")


@contextmanager
def _one_at_a_time(folder: Path, model: RemoteModel) -> Iterator[None]:
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConflictError(
                f"Another process is downloading {model.repository}.", hint="Wait for it, then run this again."
            ) from error
        yield
