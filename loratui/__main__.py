"""`loratui` and `python -m loratui`."""

from __future__ import annotations

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
        from loratui.tui.entry import run_app

        code = run_app(arguments)
        sys.stdout.flush()
        # Nothing is left to do, and taking the interpreter apart would take longer than all of the exit before it.
        os._exit(code)
    from loratui.cli.root import run

    sys.exit(run(arguments))


def _means_app(arguments: list[str]) -> bool:
    """Whether the terminal app is asked for: by its verb, by a flag of its own, or by saying nothing on a terminal."""
    if not arguments:
        return os.isatty(0) and os.isatty(1) and os.environ.get("TERM") != "dumb"
    if arguments[0] == "tui":
        return not {"--help", "-h"} & set(arguments)
    return arguments[0].partition("=")[0] in ("--no-mouse", "--ascii", "--theme", "--images", "--subject")


if __name__ == "__main__":
    main()
