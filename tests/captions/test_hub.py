"""Downloading taggers by name from a real server: resumed, checked, and told in words when it can't be."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from loratui.captions.hub import SOURCE, Hub, RemoteModel, choose_tagger, download_tagger, find_hub, parse_name
from loratui.config import find_assets
from loratui.errors import Cancelled, ConflictError, LoratuiError, NotFoundError, RefusedError

from .hub_server import COMMIT, FakeHub, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loratui.config import Home
    from loratui.events import Progress

NAME = "SmilingWolf/wd-vit-tagger-v3"
MODEL, TAGS = os.urandom(3_000_000), b"tag_id,name,category,count\n0,general,9,1\n"
CSV, ONNX = f"{NAME}/resolve/main/selected_tags.csv", f"{NAME}/resolve/main/model.onnx"


@pytest.fixture
def server() -> Iterator[FakeHub]:
    with serve(FakeHub()) as hub:
        hub.add(CSV, TAGS)
        hub.add(ONNX, MODEL, lfs=True)
        yield hub


def _hub(server: FakeHub, token: str = "") -> Hub:
    return Hub(server.endpoint, token=token, pauses=(0.01, 0.01))


def _at(server: FakeHub, revision: str) -> FakeHub:
    for path, content in list(server.files.items()):
        server.add(path.replace("/main/", f"/{revision}/"), content, lfs=path in server.lfs)
    return server


def _hidden(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.endswith(".part")]


def test_a_model_is_downloaded_once_with_its_tags(home: Home, server: FakeHub) -> None:
    told: list[Progress] = []
    folder = choose_tagger(home, NAME, _hub(server), report=told.append).folder
    assert folder == home.models / "SmilingWolf" / "wd-vit-tagger-v3"
    assert (folder / "model.onnx").read_bytes() == MODEL
    assert (folder / "selected_tags.csv").read_bytes() == TAGS
    source = json.loads((folder / SOURCE).read_text())
    assert (source["repository"], source["revision"], source["commit"]) == (NAME, "main", COMMIT)
    assert told[-1].done == told[-1].total == len(MODEL)
    assert _hidden(folder) == []
    asked = len(server.asked)
    assert choose_tagger(home, NAME, _hub(server)).folder == folder
    assert choose_tagger(home, NAME, Hub("http://127.0.0.1:1", offline=True)).folder == folder
    assert len(server.asked) == asked


def test_a_connection_cut_half_way_is_taken_up_again(home: Home, server: FakeHub) -> None:
    server.cuts = [len(TAGS), 1_000_000, 700_000]
    folder = download_tagger(home, parse_name(NAME), _hub(server))
    assert (folder / "model.onnx").read_bytes() == MODEL
    stored = [asked for method, path, asked in server.asked if method == "GET" and path.startswith("store/")]
    assert stored == ["", "bytes=1000000-", "bytes=1700000-"]


def test_a_download_that_gave_up_goes_on_at_the_next_call(home: Home, server: FakeHub) -> None:
    server.cuts = [len(TAGS), 1_000_000, 0, 0]
    with pytest.raises(LoratuiError, match="broke off") as caught:
        download_tagger(home, parse_name(NAME), _hub(server))
    assert "goes on" in caught.value.hint
    folder = home.models / NAME
    assert not (folder / "model.onnx").exists() and not (folder / SOURCE).exists()
    assert [path.stat().st_size for path in _hidden(folder)] == [1_000_000]
    server.asked.clear()
    assert download_tagger(home, parse_name(NAME), _hub(server)) == folder
    assert (folder / "model.onnx").read_bytes() == MODEL
    assert ("GET", f"store/{ONNX}", "bytes=1000000-") in server.asked
    assert not [path for method, path, _ in server.asked if method == "GET" and path.endswith(".csv")]


def test_a_hub_that_is_busy_is_asked_again(home: Home, server: FakeHub) -> None:
    server.busy = 2
    assert (download_tagger(home, parse_name(NAME), _hub(server)) / "model.onnx").read_bytes() == MODEL
    server.busy = 3
    with pytest.raises(LoratuiError, match="Service Unavailable"):
        download_tagger(home, parse_name(f"{NAME}@main2"), _hub(_at(server, "main2")))


def test_a_server_without_ranges_is_asked_for_the_whole_again(home: Home, server: FakeHub) -> None:
    server.ranges = False
    server.cuts = [len(TAGS), 1_000_000]
    assert (download_tagger(home, parse_name(NAME), _hub(server)) / "model.onnx").read_bytes() == MODEL


def test_a_new_version_is_not_mixed_with_half_of_the_old(home: Home, server: FakeHub) -> None:
    server.cuts = [len(TAGS), 1_000_000, 0, 0]
    with pytest.raises(LoratuiError):
        download_tagger(home, parse_name(NAME), _hub(server))
    newer = os.urandom(2_000_000)
    server.add(ONNX, newer, lfs=True)
    folder = download_tagger(home, parse_name(NAME), _hub(server))
    assert (folder / "model.onnx").read_bytes() == newer
    assert _hidden(folder) == []


@pytest.mark.parametrize("damaged", [CSV, ONNX])
def test_a_wrong_hash_is_refused_and_thrown_away(home: Home, server: FakeHub, damaged: str) -> None:
    server.wrong = True
    if damaged == ONNX:
        # The tags are small and right: only the model is damaged.
        folder = home.models / NAME
        folder.mkdir(parents=True)
        (folder / "selected_tags.csv").write_bytes(TAGS)
    with pytest.raises(RefusedError, match="has not the hash") as caught:
        download_tagger(home, parse_name(NAME), _hub(server))
    assert damaged.rpartition("/")[2] in caught.value.message
    folder = home.models / NAME
    assert _hidden(folder) == [] and not (folder / "model.onnx").exists() and not (folder / SOURCE).exists()
    server.wrong = False
    assert (download_tagger(home, parse_name(NAME), _hub(server)) / "model.onnx").read_bytes() == MODEL


def test_what_has_no_hash_is_refused_before_it_is_downloaded(home: Home, server: FakeHub) -> None:
    server.hashes = False
    with pytest.raises(RefusedError, match=r"which hash model\.onnx has") as caught:
        download_tagger(home, parse_name(NAME), _hub(server))
    assert "--tagger FOLDER" in caught.value.hint
    assert not (home.models / NAME).exists()


@pytest.mark.parametrize("left", [None, b"", MODEL[:-1]])
def test_a_file_that_was_lost_or_cut_is_fetched_again_and_no_other(
    home: Home, server: FakeHub, left: bytes | None
) -> None:
    folder = download_tagger(home, parse_name(NAME), _hub(server))
    (folder / "model.onnx").unlink()
    if left is not None:
        (folder / "model.onnx").write_bytes(left)
    with pytest.raises(LoratuiError, match="HF_HUB_OFFLINE"):
        choose_tagger(home, NAME, Hub(offline=True))
    server.asked.clear()
    assert download_tagger(home, parse_name(NAME), _hub(server)) == folder
    assert (folder / "model.onnx").read_bytes() == MODEL
    assert not [path for method, path, _ in server.asked if method == "GET" and path.endswith(".csv")]
    (folder / SOURCE).write_text("[]")
    assert download_tagger(home, parse_name(NAME), _hub(server)) == folder
    assert json.loads((folder / SOURCE).read_text())["files"]["model.onnx"]["bytes"] == len(MODEL)


def test_what_the_hub_does_not_have_is_told(home: Home, server: FakeHub) -> None:
    with pytest.raises(NotFoundError, match="nobody/nothing"):
        choose_tagger(home, "nobody/nothing", _hub(server))
    assert not home.models.exists()
    with pytest.raises(NotFoundError, match="at v9"):
        choose_tagger(home, f"{NAME}@v9", _hub(server))
    del server.files[ONNX]
    with pytest.raises(NotFoundError, match=r"model\.onnx"):
        choose_tagger(home, NAME, _hub(server))


def test_cl_tagger_is_found_in_its_folder(home: Home, server: FakeHub) -> None:
    name = "cella110n/cl_tagger/cl_tagger_1_02"
    place = "cella110n/cl_tagger/resolve/main/cl_tagger_1_02"
    server.add(f"{place}/tag_mapping.json", b"{}")
    server.add(f"{place}/model_optimized.onnx", MODEL, lfs=True)
    folder = choose_tagger(home, name, _hub(server)).folder
    assert folder == home.models / "cella110n" / "cl_tagger" / "cl_tagger_1_02"
    assert (folder / "model_optimized.onnx").read_bytes() == MODEL


def test_a_token_is_sent_to_the_hub_and_to_nobody_else(home: Home, server: FakeHub) -> None:
    server.token = "secret"
    with pytest.raises(RefusedError, match="does not give") as caught:
        download_tagger(home, parse_name(NAME), _hub(server))
    assert "HF_TOKEN" in caught.value.hint
    download_tagger(home, parse_name(NAME), _hub(server, token="secret"))
    assert server.tokens and not [path for path, _ in server.tokens if path.startswith("store/")]


def test_without_a_network_the_way_out_is_told(home: Home) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(LoratuiError, match="can't be reached") as caught:
        choose_tagger(home, NAME, Hub(f"http://127.0.0.1:{port}"))
    assert "--tagger FOLDER" in caught.value.hint
    with pytest.raises(LoratuiError, match="HF_HUB_OFFLINE"):
        choose_tagger(home, NAME, Hub(offline=True))


def test_a_stopped_download_keeps_what_it_has(home: Home, server: FakeHub) -> None:
    cancel = threading.Event()

    def stop(progress: Progress) -> None:
        if progress.note == "model.onnx":
            cancel.set()

    with pytest.raises(Cancelled):
        download_tagger(home, parse_name(NAME), _hub(server), report=stop, cancel=cancel)
    (part,) = _hidden(home.models / NAME)
    assert 0 < part.stat().st_size < len(MODEL)
    download_tagger(home, parse_name(NAME), _hub(server))


def test_two_downloads_of_one_model_do_not_meet(home: Home, server: FakeHub) -> None:
    folder = home.models / NAME
    folder.mkdir(parents=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ConflictError, match="Another process"):
            download_tagger(home, parse_name(NAME), _hub(server))


def test_names_and_folders_are_told_apart(home: Home, tmp_path: Path) -> None:
    assert parse_name(NAME) == RemoteModel(NAME, "", "main")
    assert parse_name("a/b/c/d@v2") == RemoteModel("a/b", "c/d", "v2")
    assert str(parse_name("a/b@v2").path) == "a/b@v2"
    for wrong in ("../x", "a/..", "a/./b", "a", "a/b@", "/a/b"):
        with pytest.raises(NotFoundError):
            parse_name(wrong)
    chosen = choose_tagger(home, "", Hub(offline=True))
    assert (chosen.folder, chosen.is_cast) == (find_assets() / "cast" / "tagger", True)
    assert choose_tagger(home, str(tmp_path), Hub(offline=True)).folder == tmp_path
    assert choose_tagger(home, "/no/such/folder", Hub(offline=True)).folder.name == "folder"


def test_the_hub_is_set_up_as_for_its_own_tools() -> None:
    assert find_hub({}) == Hub("https://huggingface.co")
    there = find_hub({"HF_ENDPOINT": "https://mirror.example/", "HF_TOKEN": "t", "HF_HUB_OFFLINE": "1"})
    assert (there.endpoint, there.token, there.offline) == ("https://mirror.example", "t", True)
