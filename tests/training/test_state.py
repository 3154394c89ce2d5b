"""Resumable states: there is always a complete one."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from loratui.errors import RefusedError
from loratui.training.engine import state
from loratui.training.engine.state import Position, check_identity, load_state, save_state


def save(folder: Path, step: int) -> None:
    values = {"a": np.full(3, step, np.float32)}
    save_state(
        folder,
        weights=values,
        optimizer=values,
        position=Position(step, 1, step, 0.5, step),
        identity={"recipe": {"rank": 4}},
        extra={"threads": 1},
    )


def test_a_state_is_read_back_whole(tmp_path: Path) -> None:
    save(tmp_path, 3)
    found = load_state(tmp_path)
    assert found is not None
    assert found.position == Position(3, 1, 3, 0.5, 3)
    assert found.weights["a"].tolist() == [3, 3, 3]
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_no_state_is_none(tmp_path: Path) -> None:
    assert load_state(tmp_path) is None


@pytest.mark.parametrize("name", ["manifest.json", "weights.safetensors", "optimizer.safetensors"])
def test_a_half_written_next_state_leaves_the_one_before(tmp_path: Path, name: str) -> None:
    save(tmp_path, 3)
    half = tmp_path / "state.tmp"
    shutil.copytree(tmp_path / "state", half)
    (half / name).write_bytes((half / name).read_bytes()[:-7])
    found = load_state(tmp_path)
    assert found is not None
    assert found.position.step == 3


def test_a_kill_between_the_renames_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, 3)
    rename = Path.rename

    def die_at_the_second(self: Path, target: Path) -> Path:
        if self.name == "state.tmp":
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", die_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path, 5)
    monkeypatch.undo()
    assert not (tmp_path / "state").exists()
    found = load_state(tmp_path)
    assert found is not None
    assert found.position.step == 5
    save(tmp_path, 6)
    assert load_state(tmp_path).position.step == 6  # type: ignore[union-attr]


def test_a_full_disk_keeps_the_state_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, 3)

    def full(*arguments: object, **named: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(state, "write_tensors", full)
    with pytest.raises(OSError, match="No space"):
        save(tmp_path, 5)
    monkeypatch.undo()
    found = load_state(tmp_path)
    assert found is not None
    assert found.position.step == 3
    assert not (tmp_path / "state.tmp").exists()


def test_a_state_of_another_recipe_is_refused(tmp_path: Path) -> None:
    save(tmp_path, 3)
    found = load_state(tmp_path)
    assert found is not None
    check_identity(found, {"recipe": {"rank": 4}})
    with pytest.raises(RefusedError, match="another recipe"):
        check_identity(found, {"recipe": {"rank": 8}})
