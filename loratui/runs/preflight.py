"""What is checked before a training is queued, and what its run folder then says."""

from __future__ import annotations

import shlex
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loratui.catalog.blobs import picture_path
from loratui.catalog.query import select_memberships
from loratui.catalog.runs import get_run, list_checkpoints
from loratui.dataset.snapshot import parse_content
from loratui.errors import MissingFeatureError, NotFoundError, RefusedError, UsageError
from loratui.runs.folder import VERSION
from loratui.training.lorafile import read_header
from loratui.training.planning import plan_recipe

if TYPE_CHECKING:
    from loratui.catalog.rows import Base, Run, Snapshot, Subject
    from loratui.catalog.store import Catalog
    from loratui.config import Home
    from loratui.dataset.plan import Plan
    from loratui.training.recipe import Recipe
    from loratui.training.sampling import SampleRequest

# The trainer checks exactly what its files will take; this only spares a hopeless queue.
_LEAST_FREE_BYTES = 100_000_000

_TRAINING_PACKAGES = ("torch", "diffusers", "peft", "transformers", "safetensors")


def check_trainer_installed() -> None:
    """Raise MissingFeatureError when the packages that train are not installed; imports none of them."""
    missing = [name for name in _TRAINING_PACKAGES if find_spec(name) is None]
    if missing:
        raise MissingFeatureError(
            f"Training needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed.",
            hint='pip install "loratui[train]"',
        )


def check_disk(home: Home) -> None:
    """Raise RefusedError when the disk is as good as full."""
    free = shutil.disk_usage(home.data).free
    if free < _LEAST_FREE_BYTES:
        raise RefusedError(
            f"The disk of {home.data} has {free / 1e6:.0f} MB left.", hint="Free some space, then train again."
        )


def find_weights(catalog: Catalog, word: str) -> Path:
    """The LoRA file to go on from: a path, or a run (its last checkpoint), or RUN@EPOCH.

    Raises NotFoundError when there is no such file or checkpoint, RefusedError when the file is damaged.
    """
    path = Path(word).expanduser().absolute()
    if not path.is_file():
        path = _find_checkpoint(catalog, word)
    read_header(path)
    return path


def _find_checkpoint(catalog: Catalog, word: str) -> Path:
    name, _, epoch = word.partition("@")
    if epoch and not epoch.isdecimal():
        raise UsageError(f"'{epoch}' is no epoch.", hint="Write RUN@EPOCH, for instance mira-0001@4.")
    try:
        run = get_run(catalog, name)
    except NotFoundError as error:
        raise NotFoundError(
            f"There is neither a file nor a run called '{word}'.", hint=f"{error.hint} RUN@EPOCH names one checkpoint."
        ) from error
    found = [each for each in list_checkpoints(catalog, run.id) if not epoch or each.epoch == int(epoch)]
    if not found:
        what = f"checkpoint of epoch {epoch}" if epoch else "checkpoint yet"
        raise NotFoundError(f"{run.name} has no {what}.", hint=f"See `loratui checkpoint list {run.name}`.")
    return Path(found[-1].path)


def plan_training(snapshot: Snapshot, recipe: Recipe) -> Plan:
    """The exact steps that our trainer will take for a frozen dataset."""
    pictures = parse_content(snapshot.content).pictures
    return plan_recipe([(*picture.used_size, picture.repeats) for picture in pictures], recipe)


def describe_dataset(catalog: Catalog, subject: Subject, snapshot: Snapshot) -> dict[str, Any]:
    """The content of dataset.json; raises RefusedError when a picture's file is gone."""
    members = {each.sha256: each for each in select_memberships(catalog, subject, "role:primary OR role:supporting")}
    pictures = []
    for picture in parse_content(snapshot.content).pictures:
        member = members.get(picture.sha256)
        path = picture_path(catalog, member) if member else None
        if path is None or not path.is_file():
            raise RefusedError(
                f"The file of {picture.name} is missing.",
                hint="Import it again, or "
                f"`loratui role set {shlex.quote(subject.name)} rejected sha:{picture.sha256[:12]}`.",
            )
        pictures.append({**picture.to_dict(), "path": str(path)})
    return {"hash": snapshot.hash, "pictures": pictures}


def describe_run(
    run: Run,
    *,
    home: Home,
    snapshot: Snapshot,
    base: Base,
    recipe: Recipe,
    continue_from: Path | None,
    comment: str,
    samples: SampleRequest | None,
) -> dict[str, Any]:
    """The content of run.json, except for the nonce, which each attempt gets anew."""
    content = parse_content(snapshot.content)
    return {
        "version": VERSION,
        "run": run.name,
        "nonce": "",
        "output_name": run.output_name,
        "subject": {
            "name": content.subject,
            "trigger": content.trigger,
            "kind": content.kind,
            "class_word": content.class_word,
        },
        "base": {
            "name": base.name,
            "path": base.path,
            "family": base.family,
            "layout": base.layout,
            "sha256": base.sha256,
        },
        "recipe": recipe.to_dict(),
        "dataset": "dataset.json",
        "continue_from": None if continue_from is None else str(continue_from),
        "latents_cache": str(home.latents),
        "comment": comment,
        "samples": None if samples is None else samples.to_dict(),
    }
