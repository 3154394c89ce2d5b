"""config.toml: what it may say, and what a person reads when it says something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loratui.config import Home, Settings, UiSettings, load_settings
from loratui.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def _load(home: Home, text: str) -> Settings:
    home.config.mkdir(parents=True, exist_ok=True)
    home.config_file.write_text(text, encoding="utf-8")
    return load_settings(home)


def test_without_a_file_every_setting_has_a_default(home: Home) -> None:
    assert load_settings(home) == Settings()
    assert load_settings(home).ui == UiSettings(images="auto", tmux_passthrough=False, mouse=True)


def test_the_ui_table_says_how_the_app_looks(home: Home) -> None:
    settings = _load(home, 'gpu_slots = 2\n[ui]\nimages = "halfcells"\ntmux_passthrough = true\nascii = true\n')
    assert settings.ui == UiSettings(images="halfcells", tmux_passthrough=True, ascii=True)
    assert settings.gpu_slots == 2


def test_keys_are_one_or_many_however_they_are_written(home: Home) -> None:
    settings = _load(home, '[keys]\nundo = "z"\nredo = ["Z", "ctrl+r"]\nmark = "space, m"\nquit = []\n')
    assert settings.keys == {"undo": ("z",), "redo": ("Z", "ctrl+r"), "mark": ("space", "m"), "quit": ()}


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("gpu_slot = 1", "unknown key 'gpu_slot'", "Did you mean 'gpu_slots'?"),
        ('[ui]\nimage = "off"', "unknown key 'ui.image'", "Did you mean 'ui.images'?"),
        ("[ui]\nascii = 1", "'ui.ascii' has the wrong type (int)", "doctor"),
        ('[ui]\nmouse = "no"', "'ui.mouse' has the wrong type (str)", "doctor"),
        ('[ui]\nimages = "sixel"', "'ui.images' can't be 'sixel'", "auto, kitty, halfcells, off"),
        ("gpu_slots = true", "'gpu_slots' has the wrong type (bool)", "doctor"),
        ("ui = 3", "'ui' has the wrong type (int)", "doctor"),
        ("[keys]\nundo = 7", "'keys.undo' must be a key or a list of keys", 'undo = ["x", "ctrl+x"]'),
        ("[ui", "is not valid TOML", "Fix the line it names"),
    ],
)
def test_a_wrong_setting_is_named_with_what_would_be_right(home: Home, text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        _load(home, text)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert str(home.config_file) in caught.value.message


def test_folders_in_the_settings_may_start_at_home(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert _load(home, 'lora_folders = ["~/loras"]').lora_folders == (tmp_path / "loras",)
