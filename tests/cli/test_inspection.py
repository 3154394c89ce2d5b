"""The verb that shows pictures from all sides, and what it leaves alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from PIL import Image

from loratui.catalog.bases import add_base, list_bases
from loratui.catalog.importer import import_pictures
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject
from loratui.cli.root import run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from loratui.config import Home


def test_showing_and_planning_register_no_base_and_are_about_the_one_that_ships(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.linear_gradient("L").resize((900, 600)).save(tmp_path / "photo.png")
    with open_catalog(home) as catalog:
        add_subject(catalog, "Mira", "Mirvok")
        import_pictures(catalog, "Mira", [tmp_path / "photo.png"])
    monkeypatch.setenv("LORATUI_HOME", str(home.data))
    assert run(["picture", "show", "Mira", "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert (shown["bucket"], shown["base"], shown["resolution"]) == ([80, 48], "cast", 64)
    assert run(["picture", "show", "Mira"]) == 0
    assert "of base cast" in capsys.readouterr().out
    assert run(["role", "set", "Mira", "primary"]) == 0
    assert run(["plan", "Mira"]) == 0
    with open_catalog(home) as catalog:
        assert list_bases(catalog) == []
        add_base(catalog, "sd", tmp_path / "sd", family="sd1", layout="folder", resolution=768)
    capsys.readouterr()
    assert run(["picture", "show", "Mira", "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert (shown["base"], shown["resolution"]) == ("sd", 768)
    assert run(["picture", "show", "Mira", "--base", "none"]) == 3
