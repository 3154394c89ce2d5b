"""What a front end does, as a process of its own: `queue HOME SUBJECT_ID SNAPSHOT_ID BASE_ID COUNT`, `follow HOME`."""

import sys
import time
from pathlib import Path

from loratui.catalog.rows import Run
from loratui.catalog.runs import OPEN_STATES, count_runs, create_run
from loratui.catalog.store import Catalog, open_catalog
from loratui.config import find_home
from loratui.runs.folder import RunFolder
from loratui.runs.spawn import ensure_worker
from loratui.runs.sync import sync_runs


def queue(catalog: Catalog, subject_id: int, snapshot_id: int, base_id: int, count: int) -> None:
    recipe = {"epochs": 1, "steps_per_epoch": 2}

    def prepare(run: Run) -> None:
        content = {"version": 1, "run": run.name, "output_name": run.output_name, "nonce": "", "recipe": recipe}
        RunFolder(run.folder).create(content, {})

    for _ in range(count):
        create_run(
            catalog,
            subject_id=subject_id,
            subject_name="Mira",
            snapshot_id=snapshot_id,
            base_id=base_id,
            recipe=recipe,
            total_steps=2,
            steps_per_epoch=2,
            prepare=prepare,
        )
        ensure_worker(catalog)


def follow(catalog: Catalog) -> None:
    while count_runs(catalog, OPEN_STATES):
        sync_runs(catalog)
        time.sleep(0.03)


if __name__ == "__main__":
    with open_catalog(find_home({"LORATUI_HOME": str(Path(sys.argv[2]))})) as catalog:
        if sys.argv[1] == "queue":
            queue(catalog, *map(int, sys.argv[3:]))
        else:
            follow(catalog)
