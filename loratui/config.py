"""Where things live, and the settings a person can change."""

from __future__ import annotations

import os
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from loratui.errors import MissingFeatureError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

IMAGE_MODES = ("auto", "kitty", "halfcells", "off")


# Named tuples: a dataclass takes seven times as long to make, and the terminal app makes these before its first frame.
class Home(NamedTuple):
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
    def models(self) -> Path:
        """Tagging models that were downloaded by name."""
        return self.data / "models"

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


class UiSettings(NamedTuple):
    """The [ui] table: how the terminal app looks when no flag says otherwise."""

    images: str = "auto"
    """auto asks the terminal; kitty and halfcells don't; off draws none."""
    tmux_passthrough: bool = False
    """Ask the terminal outside tmux for graphics; needs tmux's allow-passthrough."""
    theme: str = ""
    ascii: bool = False
    mouse: bool = True


class CaptionerSettings(NamedTuple):
    """The [captioner] table: which vision model writes sentences about pictures."""

    endpoint: str = "http://localhost:11434/v1"
    """Address of a server that speaks OpenAI's chat API; the default is where Ollama listens."""
    model: str = ""
    question: str = ""
    """What to ask; empty means the question of the subject's kind."""
    parallel: int = 2
    per_minute: float = 0.0
    """Most questions a minute; 0 means no limit."""
    upload: bool = False
    """Allow an endpoint outside this machine and its private network."""


class Settings(NamedTuple):
    """What config.toml may say; every value has a default that works."""

    lora_folders: tuple[Path, ...] = ()
    """Folders with LoRA files whose trigger words count as taken."""
    max_megapixels: float = 100.0
    """Pictures above this are refused before decoding."""
    import_workers: int = max(1, min(8, os.cpu_count() or 1))
    default_base: str = ""
    """Name of the base that plan and train use when none is named."""
    tagger: str = ""
    """Folder, or OWNER/NAME on the hub, of the tagger that `tag` uses when none is named."""
    gpu_slots: int = 1
    """Trainings that the worker runs at the same time on this box."""
    trainer: tuple[str, ...] = ()
    """Command that trains a run folder instead of the built-in engine; it gets RUN_FOLDER --attempt K --nonce N."""
    face_model: Path | None = None
    """Folder or file of YuNet, the face detector that `check` counts faces with."""
    ui: UiSettings = UiSettings()
    captioner: CaptionerSettings = CaptionerSettings()
    keys: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    """The [keys] table: the keys of an action, by the action's id. The terminal app checks ids and keys."""


_KINDS: dict[str, type | tuple[type, ...]] = {
    "lora_folders": list,
    "max_megapixels": (int, float),
    "import_workers": int,
    "default_base": str,
    "tagger": str,
    "gpu_slots": int,
    "trainer": list,
    "face_model": str,
    "ui": dict,
    "captioner": dict,
    "keys": dict,
}
_UI_KINDS: dict[str, type | tuple[type, ...]] = {
    "images": str,
    "tmux_passthrough": bool,
    "theme": str,
    "ascii": bool,
    "mouse": bool,
}
_CAPTIONER_KINDS: dict[str, type | tuple[type, ...]] = {
    "endpoint": str,
    "model": str,
    "question": str,
    "parallel": int,
    "per_minute": (int, float),
    "upload": bool,
}


def load_settings(home: Home) -> Settings:
    """Read config.toml; raises UsageError naming the file and the key that is wrong."""
    file = home.config_file
    if not file.exists():
        return Settings()
    # Only here: an app without a file starts sooner.
    import tomllib

    try:
        raw: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{file} is not valid TOML: {error}", hint="Fix the line it names, or move the file away."
        ) from error
    _check_table(file, raw, _KINDS)
    if "lora_folders" in raw:
        raw["lora_folders"] = tuple(Path(str(folder)).expanduser() for folder in raw["lora_folders"])
    if "face_model" in raw:
        raw["face_model"] = Path(raw["face_model"]).expanduser()
    if "trainer" in raw:
        raw["trainer"] = tuple(str(word) for word in raw["trainer"])
    if "ui" in raw:
        _check_table(file, raw["ui"], _UI_KINDS, "ui.")
        raw["ui"] = UiSettings(**raw["ui"])
        check_images(raw["ui"].images, f"{file}: 'ui.images'")
    if "captioner" in raw:
        _check_table(file, raw["captioner"], _CAPTIONER_KINDS, "captioner.")
        raw["captioner"] = CaptionerSettings(**raw["captioner"])
    if "keys" in raw:
        raw["keys"] = {action: _read_keys(file, action, value) for action, value in raw["keys"].items()}
    return Settings(**raw)


def check_images(mode: str, source: str) -> None:
    """Raise UsageError naming the source when a mode of showing images does not exist."""
    if mode not in IMAGE_MODES:
        raise UsageError(f"{source} can't be '{mode}'.", hint=f"Choose one of: {', '.join(IMAGE_MODES)}.")


def _check_table(
    file: Path, table: dict[str, Any], kinds: dict[str, type | tuple[type, ...]], prefix: str = ""
) -> None:
    for key, value in table.items():
        if key not in kinds:
            raise UsageError(f"{file}: unknown key '{prefix}{key}'.", hint=_near(key, kinds, prefix))
        # True is an int for Python, but nobody means 1 by it.
        if not isinstance(value, kinds[key]) or (isinstance(value, bool) and kinds[key] is not bool):
            raise UsageError(
                f"{file}: '{prefix}{key}' has the wrong type ({type(value).__name__}).",
                hint="See `loratui doctor` for the settings in force.",
            )


def _near(key: str, kinds: dict[str, type | tuple[type, ...]], prefix: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(key, kinds, n=1)
    known = f"Known keys: {', '.join(prefix + name for name in sorted(kinds))}."
    return f"Did you mean '{prefix}{near[0]}'? {known}" if near else known


def _read_keys(file: Path, action: str, value: object) -> tuple[str, ...]:
    words = value if isinstance(value, list) else [value]
    named = [word for word in words if isinstance(word, str)]
    if named != words:
        raise UsageError(
            f"{file}: 'keys.{action}' must be a key or a list of keys.", hint=f'Like: {action} = ["x", "ctrl+x"].'
        )
    # Textual binds "a, b" to a key named " b"; here both spellings mean two keys.
    return tuple(key for word in named for part in word.split(",") if (key := part.strip()))


def find_assets() -> Path:
    """The folder of shipped assets: inside the wheel, or beside the package in a checkout."""
    package = Path(__file__).parent
    for folder in (package / "assets", package.parent / "assets"):
        if folder.is_dir():
            return folder
    raise MissingFeatureError(
        "The shipped assets are not installed.", hint="Reinstall loratui from its wheel or from a full checkout."
    )
