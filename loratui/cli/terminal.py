"""Verbs that open the terminal app, and that put a terminal in order."""

from __future__ import annotations

import os
from typing import Annotated, Literal

from cyclopts import Parameter

from loratui.cli.output import print_text
from loratui.errors import MissingFeatureError


def tui(
    *,
    mouse: Annotated[bool | None, Parameter(negative="--no-mouse", help="Leave the mouse to the terminal.")] = None,
    ascii: Annotated[bool | None, Parameter(negative="", help="Plain characters only.")] = None,
    theme: Annotated[str | None, Parameter(help="Name of a theme.")] = None,
    images: Annotated[
        Literal["auto", "kitty", "halfcells", "off"] | None, Parameter(help="How pictures are drawn.")
    ] = None,
    subject: Annotated[str | None, Parameter(help="The subject to open at once.")] = None,
) -> int:
    """Open the terminal app; the same as `loratui` without a verb.

    What should hold for every session belongs into the [ui] table of config.toml.
    """
    from loratui.tui.entry import Wishes, open_app

    return open_app(Wishes(mouse=mouse, ascii=ascii, theme=theme, images=images, subject=subject))


def reset_terminal() -> None:
    """Put a terminal in order that a program left without a cursor, without echo or full of mouse codes."""
    from loratui.tui.guard import reset_terminal as reset

    try:
        terminal = os.open(os.ctermid(), os.O_RDWR | os.O_NOCTTY)
    except OSError as error:
        raise MissingFeatureError("There is no terminal to reset.", hint="Run it in the broken terminal.") from error
    try:
        reset(terminal)
    finally:
        os.close(terminal)
    print_text("The terminal is in order again.")
