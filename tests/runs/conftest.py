"""A library with a stand-in trainer, and the certainty that no process outlives its test."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from PIL import Image
from sqlalchemy import insert

from loratui.catalog import subjects, tables
from loratui.catalog.attempts import get_latest_attempt
from loratui.catalog.bases import add_base
from loratui.catalog.importer import import_pictures
from loratui.catalog.roles import set_role
from loratui.catalog.runs import create_run, get_run
from loratui.catalog.store import Catalog, open_catalog
from loratui.dataset.snapshot import SnapshotContent
from loratui.runs.folder import RunFolder
from loratui.runs.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loratui.catalog.rows import Attempt, Run
    from loratui.config import Home

STAND_IN = Path(__file__).parent / "stand_in_trainer.py"


@pytest.fixture
def home(tmp_path: Path, home: Home) -> Iterator[Home]:
    """A library whose trainings are done by the stand-in."""
    home.create()
    home.config_file.write_text(f"trainer = ['{sys.executable}', '{STAND_IN}']\n")
    yield home
    end_processes_of(tmp_path)


def end_processes_of(folder: Path) -> None:
    """Kill what was started with this test's own folder in its arguments: its workers and trainers."""
    for process in psutil.process_iter():
        try:
            if any(str(folder) in word for word in process.cmdline()) and process.pid != os.getpid():
                process.kill()
                process.wait(5)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue


@pytest.fixture
def catalog(home: Home) -> Iterator[Catalog]:
    with open_catalog(home) as catalog:
        yield catalog


@pytest.fixture
def lab(catalog: Catalog) -> Lab:
    return Lab(catalog)


@pytest.fixture
def toy_base(tmp_path: Path) -> Path:
    """A folder that looks like a whole Stable Diffusion 1 model to whoever does not load it."""
    folder = tmp_path / "toy"
    configs = {
        "model_index.json": {"_class_name": "StableDiffusionPipeline"},
        "unet/config.json": {"in_channels": 4, "out_channels": 4, "cross_attention_dim": 32, "sample_size": 32},
        "text_encoder/config.json": {"hidden_size": 32},
        "vae/config.json": {"block_out_channels": [8, 8]},
        "scheduler/scheduler_config.json": {},
        "tokenizer/vocab.json": {},
    }
    for name, content in configs.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    for part, stem in (
        ("unet", "diffusion_pytorch_model"),
        ("vae", "diffusion_pytorch_model"),
        ("text_encoder", "model"),
    ):
        (folder / part / f"{stem}.safetensors").touch()
    return folder


class Lab:
    """One library with what tests do to it: queue runs for the stand-in, turn a worker's rounds, wait, kill."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.worker = Worker(catalog, dict(os.environ))
        self._rows: dict[str, tuple[int, int, int]] = {}

    def queue(
        self, subject: str = "Mira", *, priority: int = 0, epochs: int = 2, steps_per_epoch: int = 3, **recipe: Any
    ) -> Run:
        """Queue a run whose recipe tells the stand-in how to behave."""
        subject_id, snapshot_id, base_id = self.add_subject(subject)
        settings = {"epochs": epochs, "steps_per_epoch": steps_per_epoch, **recipe}

        def prepare(run: Run) -> None:
            content = {"version": 1, "run": run.name, "output_name": run.output_name, "nonce": "", "recipe": settings}
            RunFolder(run.folder).create(content, {"hash": "", "pictures": []})

        return create_run(
            self.catalog,
            subject_id=subject_id,
            subject_name=subject,
            snapshot_id=snapshot_id,
            base_id=base_id,
            recipe=settings,
            total_steps=epochs * steps_per_epoch,
            steps_per_epoch=steps_per_epoch,
            priority=priority,
            prepare=prepare,
        )

    def add_subject(self, name: str) -> tuple[int, int, int]:
        """Ids of a subject, its snapshot and the base, made when they are not there."""
        if name not in self._rows:
            self._rows[name] = add_subject(self.catalog, name)
        return self._rows[name]

    def get(self, run: Run) -> Run:
        return get_run(self.catalog, run.name)

    def attempt_of(self, run: Run) -> Attempt:
        attempt = get_latest_attempt(self.catalog, run.id)
        assert attempt is not None
        return attempt

    def turn_until(self, true: Callable[[], object], worker: Worker | None = None) -> None:
        """Turn the worker's rounds until something is true."""

        def turned() -> bool:
            (worker or self.worker).go_round()
            return bool(true())

        self.wait_until(turned)

    def turn_until_state(self, run: Run, *states: str, worker: Worker | None = None) -> Run:
        self.turn_until(lambda: self.get(run).state in states, worker)
        return self.get(run)

    def turn_until_step(self, run: Run, step: int) -> Run:
        self.turn_until(lambda: self.get(run).step >= step)
        return self.get(run)

    @staticmethod
    def wait_until(true: Callable[[], object], *, within_s: float = 90.0) -> None:
        """Wait for what other processes bring about; fails the test when it does not happen."""
        deadline = time.monotonic() + within_s
        while not true():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.04)

    def kill(self, pid: int) -> None:
        """kill -9, and wait until it is over."""
        os.kill(pid, signal.SIGKILL)
        self.wait_until(lambda: not is_running(pid))

    def find_workers(self) -> list[int]:
        """Pids of the worker processes of this library."""
        return find_processes("loratui.runs.worker", str(self.catalog.home.data))


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def find_processes(*words: str) -> list[int]:
    """Pids of processes that have all these words in their arguments; this one and shells aside."""
    pids = []
    for process in psutil.process_iter():
        try:
            arguments = process.cmdline()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if arguments[:1] != ["/bin/sh"] and all(word in arguments for word in words):
            pids.append(process.pid)
    return [pid for pid in pids if pid != os.getpid() and is_running(pid)]


def add_subject(catalog: Catalog, name: str) -> tuple[int, int, int]:
    """Rows for a subject, a snapshot and a base: what a run hangs on. Their ids."""
    now = datetime.now(UTC)
    base = add_base(catalog, "toy", Path("/nowhere/toy"), family="sd1", layout="folder", resolution=64, undoable=False)
    with catalog.write() as connection:
        subject = connection.execute(
            insert(tables.subject).values(name=name, trigger=name, trigger_key=name.lower(), created_at=now)
        ).inserted_primary_key
        assert subject is not None
        snapshot = connection.execute(
            insert(tables.snapshot).values(
                hash=f"{name}-hash",
                subject_id=subject[0],
                content=SnapshotContent(name, name, "character", "", (), ()).to_json(),
                pictures=1,
                created_at=now,
            )
        ).inserted_primary_key
        assert snapshot is not None
    return subject[0], snapshot[0], base.id


@pytest.fixture
def ada(catalog: Catalog, toy_base: Path, tmp_path: Path) -> str:
    """A person who has consented, with two training pictures, and a base."""
    add_base(catalog, "toy", toy_base, family="sd1", layout="folder", resolution=64)
    subjects.add_subject(catalog, "Ada", "adatok", kind="person")
    subjects.record_consent(catalog, "Ada", who="Ada", scope="training")
    (tmp_path / "pictures").mkdir()
    for index, name in enumerate("ab"):
        picture = Image.linear_gradient("L").rotate(index * 90).resize((96, 64 + 16 * index)).convert("RGB")
        picture.save(tmp_path / "pictures" / f"{name}.png")
    import_pictures(catalog, "Ada", [tmp_path / "pictures"])
    set_role(catalog, "Ada", "primary", "all")
    return "Ada"
