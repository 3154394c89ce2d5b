"""Where things live, and the settings a person can change."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loratui.errors import MissingFeatureError, UsageError


@dataclass(frozen=True, slots=True)
class Home:
    """The folders of one library; `LORATUI_HOME` puts them all under one root."""

    data: Path
    """Database, picture store, runs, sheets."""
    cache: Path
    """Thumbnails and latents: may be deleted at any time."""
    config: Path
    """config.toml."""

    @property
    def database(self) -> Path:
        return self.data / "library.db"

    @property
    def store(self) -> Path:
        return self.data / "store"

    @property
    def runs(self) -> Path:
        return self.data / "runs"

    @property
    def sheets(self) -> Path:
        return self.data / "sheets"

    @property
    def backups(self) -> Path:
        return self.data / "backups"

    @property
    def thumbnails(self) -> Path:
        return self.cache / "thumbnails"

    @property
    def latents(self) -> Path:
        return self.cache / "latents"

    @property
    def config_file(self) -> Path:
        return self.config / "config.toml"

    def create(self) -> None:
        """Make the folders, readable by their owner alone: they hold private pictures."""
        for folder in (self.data, self.cache, self.config, self.store, self.runs, self.sheets):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def find_home(environ: dict[str, str] | None = None) -> Home:
    """Resolve the library folders: `LORATUI_HOME`, else the XDG base directories."""
    env = dict(os.environ) if environ is None else environ
    if root := env.get("LORATUI_HOME"):
        base = Path(root).expanduser().absolute()
        return Home(data=base, cache=base / "cache", config=base)
    user = Path(env.get("HOME") or Path.home())
    return Home(
        data=Path(env.get("XDG_DATA_HOME") or user / ".local/share") / "loratui",
        cache=Path(env.get("XDG_CACHE_HOME") or user / ".cache") / "loratui",
        config=Path(env.get("XDG_CONFIG_HOME") or user / ".config") / "loratui",
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """What config.toml may say; every value has a default that works."""

    lora_folders: tuple[Path, ...] = ()
    """Folders with LoRA files whose trigger words count as taken."""
    max_megapixels: float = 100.0
    """Pictures above this are refused before decoding."""
    import_workers: int = field(default_factory=lambda: max(1, min(8, os.cpu_count() or 1)))
    default_base: str = ""
    """Name of the base that plan and train use when none is named."""
    gpu_slots: int = 1
    """Trainings that the worker runs at the same time on this box."""
    trainer: tuple[str, ...] = ()
    """Command that trains a run folder instead of the built-in engine; it gets RUN_FOLDER --attempt K --nonce N."""


_KINDS: dict[str, type | tuple[type, ...]] = {
    "lora_folders": list,
    "max_megapixels": (int, float),
    "import_workers": int,
    "default_base": str,
    "gpu_slots": int,
    "trainer": list,
}


def load_settings(home: Home) -> Settings:
    """Read config.toml; raises UsageError naming the file and the key that is wrong."""
    if not home.config_file.exists():
        return Settings()
    try:
        raw: dict[str, Any] = tomllib.loads(home.config_file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{home.config_file} is not valid TOML: {error}", hint="Fix the line it names, or move the file away."
        ) from error
    for key, value in raw.items():
        if key not in _KINDS:
            known = ", ".join(sorted(_KINDS))
            raise UsageError(f"{home.config_file}: unknown key '{key}'.", hint=f"Known keys: {known}.")
        if not isinstance(value, _KINDS[key]) or isinstance(value, bool):
            raise UsageError(
                f"{home.config_file}: '{key}' has the wrong type ({type(value).__name__}).",
                hint="See `loratui doctor` for the settings in force.",
            )
    if "lora_folders" in raw:
        raw["lora_folders"] = tuple(Path(str(folder)).expanduser() for folder in raw["lora_folders"])
    if "trainer" in raw:
        raw["trainer"] = tuple(str(word) for word in raw["trainer"])
    return Settings(**raw)


def find_assets() -> Path:
    """The folder of shipped assets: inside the wheel, or beside the package in a checkout."""
    package = Path(__file__).parent
    for folder in (package / "assets", package.parent / "assets"):
        if folder.is_dir():
            return folder
    raise MissingFeatureError(
        "The shipped assets are not installed.", hint="Reinstall loratui from its wheel or from a full checkout."
    )
