"""What verbs print reads the same wherever it stands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from PIL import Image

from loratui.cli.output import number_of, print_table

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from .conftest import Run


def test_a_number_is_written_alike_in_a_table_and_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["tag", "pictures", "share"], [["hat", 1500, 0.5], ["smile", 7, None]])
    assert capsys.readouterr().out == (
        "tag    pictures  share\n"
        "hat       1,500    0.5\n"
        "smile         7\n"
    )  # fmt: skip
    assert number_of(1500, "picture") == "1,500 pictures"


def test_names_that_a_terminal_cannot_write_are_escaped_and_no_bug(run: Run) -> None:
    run("subject", "add", "Zoë 日本", "--trigger", "Zovak")
    shown = run("subject", "list", PYTHONIOENCODING="ascii")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "Zo\\xeb \\u65e5\\u672c" in shown.stdout
    missed = run("subject", "show", "Zoë", PYTHONIOENCODING="ascii:strict")
    assert "Zo" in missed.stderr
    assert "bug" not in missed.stderr


def test_what_image_libraries_mutter_stays_out_of_json(run: Run, tmp_path: Path) -> None:
    Image.effect_noise((300, 200), 90).save(tmp_path / "damaged.tif", compression="tiff_lzw")
    data = bytearray((tmp_path / "damaged.tif").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 200] = b"\xff" * 200
    (tmp_path / "damaged.tif").write_bytes(data)
    assert run("subject", "add", "Mira", "--trigger", "Mirvok").returncode == 0
    done = run("import", "Mira", str(tmp_path / "damaged.tif"), "--json")
    assert (done.returncode, done.stderr) == (5, "")
    assert len(json.loads(done.stdout)["refused"]) == 1
