"""`loratui` and `python -m loratui`."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    arguments = sys.argv[1:]
    # Answered before anything is imported: scripts ask for it often.
    if arguments == ["--version"]:
        from loratui import __version__

        print(f"loratui {__version__}")
        return
    if _means_app(arguments):
        # Modules and classes stay for good: looking for garbage among them while they load is a tenth of the start.
        gc.disable()
        from loratui.tui.entry import run_app

        code = run_app(arguments)
        sys.stdout.flush()
        # Nothing is left to do, and taking the interpreter apart would take longer than all of the exit before it.
        os._exit(code)
    from loratui.cli.root import run

    code = run(arguments)
    if not arguments:
        print(f"loratui: this is the help because the terminal app can't open: {_why_no_app()}", file=sys.stderr)
    sys.exit(code)


def _means_app(arguments: list[str]) -> bool:
    """Whether the terminal app is asked for: by its verb, by a flag of its own, or by saying nothing on a terminal."""
    if not arguments:
        return not _why_no_app()
    if arguments[0] == "tui":
        return not {"--help", "-h"} & set(arguments)
    return arguments[0].partition("=")[0] in ("--no-mouse", "--ascii", "--theme", "--images", "--subject")


def _why_no_app() -> str:
    """Why the terminal app can't be shown here; empty when it can."""
    if not os.isatty(0):
        return "the input is not a terminal."
    if not os.isatty(1):
        return "the output is not a terminal."
    return "TERM is dumb: this terminal can't move its cursor." if os.environ.get("TERM") == "dumb" else ""


if __name__ == "__main__":
    main()
