"""The overview on the command line: known numbers, unknown ones, and how they become known."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from PIL import Image

from loratui.cli.root import run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_overview_says_what_is_not_counted_yet_and_counts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LORATUI_HOME", str(tmp_path / "home"))
    assert run(["overview"]) == 0
    assert "No subjects yet" in capsys.readouterr().out
    picture = Image.radial_gradient("L").resize((300, 200)).convert("RGB")
    (tmp_path / "pictures").mkdir()
    picture.save(tmp_path / "pictures" / "one.png")
    picture.save(tmp_path / "pictures" / "one.bmp")
    assert run(["subject", "add", "Mira", "--trigger", "Mirvok"]) == 0
    assert run(["import", "Mira", str(tmp_path / "pictures")]) == 0
    capsys.readouterr()

    assert run(["overview"]) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[1].split() == ["Mira", "2", "0", "0", "-", "-~", "-~", "-", "-"]
    assert "--refresh" in shown.err

    assert run(["overview", "--refresh", "--json"]) == 0
    (mira,) = json.loads(capsys.readouterr().out)
    assert (mira["duplicates"], mira["gaps"], mira["stale"]) == (1, None, [])
    assert (mira["last_run"], mira["best_epoch"], mira["roles"]["inbox"]) == (None, None, 2)
