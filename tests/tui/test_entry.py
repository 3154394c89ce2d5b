"""Opening the app: flags, settings, what is refused, where output goes, and what is said at the end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pty_terminal import KITTY, SILENT, XTERM, PtyTerminal

from loratui.catalog.bases import add_base
from loratui.catalog.runs import create_run
from loratui.catalog.snapshots import save_snapshot
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject
from loratui.config import Home, Settings, UiSettings
from loratui.errors import UsageError
from loratui.tui.entry import Wishes, choose_options, read_flags
from loratui.tui.options import Options
from loratui.tui.streams import LOG_LIMIT, Streams

STAND_IN = str(Path(__file__).parent / "stand_in_app.py")
Start = Callable[..., PtyTerminal]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the stand-in app on a terminal; the home is tmp_path/home."""
    started: list[PtyTerminal] = []

    def start(manner: str = "", *flags: str, env: dict[str, str] | None = None, **terminal: object) -> PtyTerminal:
        environment = {"LORATUI_HOME": str(tmp_path / "home"), "STAND_IN": manner, **(env or {})}
        arguments = {"replies": KITTY, **terminal}
        started.append(PtyTerminal([sys.executable, STAND_IN, *flags], environment, **arguments))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for terminal in started:
        terminal.__exit__()


def test_flags_are_read_with_and_without_the_verb() -> None:
    assert read_flags([]) == Wishes()
    assert read_flags(["tui", "--no-mouse", "--ascii"]) == Wishes(mouse=False, ascii=True)
    assert read_flags(["--subject", "Mira", "--images=off"]) == Wishes(subject="Mira", images="off")
    assert read_flags(["--theme=", "--subject=--odd"]) == Wishes(theme="", subject="--odd")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--colour"], "no flag '--colour'"),
        (["tui", "Mira"], "no flag 'Mira'"),
        (["--theme"], "--theme needs a value"),
        (["--subject", "--ascii"], "--subject needs a value"),
        (["--ascii=yes"], "no flag '--ascii'"),
        (["\x1b[31m"], "no flag ' [31m'"),
    ],
)
def test_a_wrong_flag_is_named(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_flags(arguments)
    assert message in caught.value.message


def test_a_flag_wins_over_the_environment_and_that_over_the_settings() -> None:
    settings = Settings(ui=UiSettings(images="off", theme="ansi-dark", mouse=False))
    assert choose_options(Wishes(), settings, {}) == Options(mouse=False, theme="ansi-dark", images="off")
    assert choose_options(Wishes(), settings, {"LORATUI_IMAGES": "halfcells"}).images == "halfcells"
    wishes = Wishes(images="kitty", theme="textual-light", mouse=True)
    options = choose_options(wishes, settings, {"LORATUI_IMAGES": "halfcells"})
    assert (options.images, options.theme, options.mouse) == ("kitty", "textual-light", True)
    with pytest.raises(UsageError, match="LORATUI_IMAGES can't be 'sixel'"):
        choose_options(Wishes(), settings, {"LORATUI_IMAGES": "sixel"})


def _run(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "loratui", *arguments],
        env={**os.environ, "LORATUI_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def test_without_a_terminal_no_verb_means_help_and_the_verb_is_refused(tmp_path: Path) -> None:
    helped = _run(home=tmp_path)
    assert helped.returncode == 0 and "Open the terminal app" in helped.stdout
    assert "the terminal app can't open: the input is not a terminal" in helped.stderr
    for arguments in (["tui"], ["--no-mouse"]):
        refused = _run(*arguments, home=tmp_path)
        assert refused.returncode == 7
        assert "needs a terminal" in refused.stderr and "hint: " in refused.stderr
    assert not (tmp_path / "tui.log").exists()


def test_a_wrong_flag_or_setting_ends_with_2_and_one_sentence(tmp_path: Path) -> None:
    wrong = _run("tui", "--images", "sixel", home=tmp_path)
    assert wrong.returncode == 2
    assert wrong.stderr == (
        "loratui: --images can't be 'sixel'.\n  hint: Choose one of: auto, kitty, halfcells, off.\n"
    )
    (tmp_path / "config.toml").write_text("[ui]\nmouse = 3\n")
    assert "'ui.mouse' has the wrong type" in _run("tui", home=tmp_path).stderr


@pytest.mark.parametrize("by_flag", [True, False])
def test_a_theme_that_is_not_there_is_told_with_those_that_are(home: Home, by_flag: bool) -> None:
    home.data.mkdir()
    if not by_flag:
        home.config_file.write_text("[ui]\ntheme = 'loratui-drak'\n")
    flags = ["--theme", "loratui-drak"] if by_flag else []
    with PtyTerminal(
        [sys.executable, "-m", "loratui", *flags], {"LORATUI_HOME": str(home.data)}, size=(300, 24)
    ) as terminal:
        assert terminal.wait() == 2
        text = terminal.screen_text()
    assert "There is no theme 'loratui-drak'" in text
    assert ("--theme" if by_flag else f"{home.config_file}, [ui] theme") in text
    assert "Themes: loratui-dark, loratui-light, ansi-dark, ansi-light; also " in text


@pytest.mark.parametrize(
    ("environ", "plain"),
    [
        ({}, False),
        ({"LANG": "C"}, True),
        ({"LANG": "POSIX", "LC_CTYPE": "C.UTF-8"}, True),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "C"}, True),
        ({"LANG": "C", "LC_ALL": "C.utf8"}, False),
        ({"LANG": "de_DE.ISO-8859-15@euro"}, True),
        ({"LANG": "de_DE.UTF-8@euro"}, False),
        ({"LANG": "", "LC_CTYPE": "C.UTF-8"}, False),
        ({"LANG": "C", "TEXTUAL_DRIVER": "textual.drivers.web_driver:WebDriver"}, False),
    ],
)
def test_a_locale_without_utf8_means_plain_glyphs(environ: dict[str, str], plain: bool) -> None:
    assert choose_options(Wishes(), Settings(), environ).ascii is plain


def test_help_for_the_app_is_the_command_lines(tmp_path: Path) -> None:
    helped = _run("tui", "--help", home=tmp_path)
    assert helped.returncode == 0
    for flag in ("--no-mouse", "--ascii", "--theme", "--images", "--subject"):
        assert flag in helped.stdout


def test_a_dumb_terminal_is_refused_in_words(start: Start) -> None:
    terminal = start(env={"TERM": "dumb"})
    assert terminal.wait() == 7
    assert "can't move its cursor" in terminal.screen_text()
    with PtyTerminal([sys.executable, "-m", "loratui"], {"TERM": "dumb"}, size=(120, 60)) as helped:
        assert helped.wait() == 0
        assert "the terminal app can't open: TERM is dumb" in helped.screen_text()


def test_the_app_gets_what_was_asked_for_and_found_out(start: Start) -> None:
    terminal = start("", "--subject", "Mira", "--no-mouse", "--images", "auto")
    terminal.wait_for("READY brand=kitty images=auto mouse=False as=Mira")
    assert not terminal.modes & {1000, 1003}
    terminal.press("q")
    assert terminal.wait() == 0


@pytest.mark.parametrize("delay", [0.02, 0.15, 0.3, 0.8])
@pytest.mark.parametrize("pieces", [0, 3])
def test_late_replies_never_reach_the_app_as_keys(start: Start, delay: float, pieces: int) -> None:
    terminal = start(replies=KITTY, reply_delay=delay, reply_pieces=pieces)
    terminal.wait_for("READY brand=kitty")
    # A terminal writes a reply in one go: no key falls into the middle of one.
    terminal.wait_quiet(delay + 0.2)
    terminal.press("j")
    terminal.wait_for("1 keys: j.")
    terminal.wait_quiet(0.3)
    assert "1 keys: j." in terminal.screen_text()


def test_replies_after_all_patience_never_reach_the_app_either(start: Start) -> None:
    terminal = start(replies=KITTY, reply_delay=2.6)
    terminal.wait_for("READY brand= ")
    terminal.press("j")
    terminal.wait_for("1 keys: j.")
    # The replies to the first questions and to those that Textual asks.
    terminal.wait_quiet(1.5)
    terminal.press("k")
    terminal.wait_for("2 keys: j k.")


def test_keys_pressed_before_the_app_is_there_are_not_lost(start: Start) -> None:
    terminal = start(replies=XTERM, reply_delay=0.3)
    terminal.wait_for(lambda _: b"\x1b[c" in terminal.raw)
    terminal.press("j", "down", "k")
    terminal.wait_for("3 keys: j down k.")


def test_escape_arrives_soon_and_alone(start: Start) -> None:
    terminal = start()
    terminal.wait_for("READY")
    terminal.press("escape")
    terminal.wait_for("1 keys: escape.")
    terminal.press("escape", "j")
    terminal.wait_for("3 keys: escape escape j.")
    # A link that stalls brings both at once; no key here is on alt.
    terminal.send("\x1b\r")
    terminal.wait_for("5 keys: escape escape j escape enter.")


def test_a_burst_of_10000_keys_loses_none(start: Start) -> None:
    terminal = start()
    terminal.wait_for("READY")
    terminal.send("jk" * 5000)
    terminal.wait_for("10000 keys: j k", 60)


def test_a_storm_of_resizes_ends_at_the_last_size_and_loses_no_key(start: Start) -> None:
    # A shell that exports the size it once had must not hold the app to it.
    terminal = start(env={"COLUMNS": "80", "LINES": "24"})
    terminal.wait_for("READY")
    for number in range(150):
        terminal.resize(60 + number % 70, 10 + number % 30)
        terminal.send("j")
    terminal.resize(91, 27)
    terminal.wait_for("150 keys: j")
    terminal.wait_for("size 91x27.")


def test_nothing_that_libraries_print_reaches_the_screen(start: Start, tmp_path: Path) -> None:
    terminal = start("noisy")
    terminal.wait_for("READY")
    terminal.press("j")
    terminal.wait_for("1 keys: j.")
    assert "warns" not in terminal.screen_text() and b"warns" not in terminal.raw
    terminal.press("q")
    assert terminal.wait() == 0
    log = (tmp_path / "home" / "tui.log").read_text()
    for line in ("a C library warns", "perror", "somebody WARNING a logger warns", "python warns"):
        assert line in log


def test_an_unexpected_error_is_one_sentence_on_a_terminal_in_order(start: Start, tmp_path: Path) -> None:
    terminal = start("fail")
    terminal.wait_for("READY")
    terminal.press("x")
    assert terminal.wait() == 1
    text = " ".join(terminal.screen_text().split())
    assert "loratui: unexpected RuntimeError: the stand-in broke [red]on purpose[/]" in text
    assert "hint: This is a bug. The details are in" in text and "Traceback" not in text
    assert 1049 not in terminal.modes and terminal.is_cooked()
    assert "raise RuntimeError" in (tmp_path / "home" / "errors.log").read_text()
    assert (tmp_path / "home" / "written").exists()


def test_changes_that_could_not_be_written_are_told(start: Start) -> None:
    terminal = start("unwritten")
    terminal.wait_for("READY")
    terminal.press("q")
    assert terminal.wait() == 1
    assert "Some changes could not be written in time." in terminal.screen_text()


def test_trainings_that_go_on_are_told_at_the_end(start: Start, home: Home) -> None:
    # The fixture's home is tmp_path/home, where the app looks.
    with open_catalog(home) as catalog:
        subject, _ = add_subject(catalog, "Mira", "Mirvok")
        base = add_base(catalog, "drawn", Path("/nowhere"), family="sd1", layout="folder", resolution=64)
        snapshot = save_snapshot(catalog, subject.id, "h" * 64, "{}", 1)
        for _ in range(2):
            create_run(
                catalog,
                subject_id=subject.id,
                subject_name="Mira",
                snapshot_id=snapshot.id,
                base_id=base.id,
                recipe={},
                total_steps=10,
                steps_per_epoch=5,
                prepare=lambda run: None,
            )
    terminal = start()
    terminal.wait_for("READY")
    terminal.press("q")
    assert terminal.wait() == 0
    assert "2 trainings go on in the background: loratui run list" in terminal.screen_text()


def test_a_silent_terminal_still_gets_the_app(start: Start) -> None:
    start(replies=SILENT).wait_for("READY brand= images=auto")


def test_a_long_log_is_begun_anew_and_the_one_before_kept(tmp_path: Path) -> None:
    log = tmp_path / "tui.log"
    log.write_bytes(b"x" * (LOG_LIMIT + 1))
    Streams(log).close()
    assert log.stat().st_size == 0
    assert (tmp_path / "tui.log.1").stat().st_size == LOG_LIMIT + 1
    assert log.stat().st_mode & 0o077 == 0
