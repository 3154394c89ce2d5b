"""`loratui` and `python -m loratui`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    arguments = sys.argv[1:]
    # Answered before anything is imported: scripts ask for it often.
    if arguments == ["--version"]:
        from loratui import __version__

        print(f"loratui {__version__}")
        return
    from loratui.cli.root import run

    sys.exit(run(arguments))


if __name__ == "__main__":
    main()
