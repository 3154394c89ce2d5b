"""The verb that says what the training pictures show, and what none of them shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loratui.cli.output import PLAIN, Show, print_json, print_table, print_text, remark
from loratui.cli.session import open_library

if TYPE_CHECKING:
    from loratui.captions.coverage import Coverage


def coverage(subject: str, *, show: Show = PLAIN) -> None:
    """Show framings x angles, expressions and backgrounds of the training pictures, with their repeats, and the gaps.

    Read from the tags that people and taggers gave; a picture without any is counted as untagged.
    """
    from loratui.captions.coverage import coverage_of
    from loratui.catalog.query import get_memberships

    with open_library() as catalog:
        found = coverage_of(catalog, subject)
        ids = {id_ for cell in found.cells for id_ in cell.ids}
        hashes = {picture.id: picture.sha256 for picture in get_memberships(catalog, sorted(ids))}
    if show.json:
        print_json(
            {
                "cells": [
                    {
                        "facet": cell.facet,
                        "row": cell.row,
                        "column": cell.column,
                        "pictures": cell.pictures,
                        "weight": cell.weight,
                        "sha256": [hashes[id_] for id_ in cell.ids],
                    }
                    for cell in found.cells
                ],
                "missing": found.missing,
                "lopsided": found.lopsided,
                "tagged": found.tagged,
                "untagged": found.untagged,
            }
        )
        return
    _print_coverage(found)
    if not found.tagged:
        remark("No training picture has tags yet: `loratui caption tag` adds them, an import reads sidecars.", show)


def _print_coverage(found: Coverage) -> None:
    from loratui.captions.coverage import COLUMNS

    for facet in COLUMNS:
        cells = [cell for cell in found.cells if cell.facet == facet]
        columns = list(dict.fromkeys(cell.column for cell in cells))
        rows = [[row, *(cell.weight for cell in cells if cell.row == row)] for row in found.rows]
        print_table([f"framing x {facet}", *columns], rows)
        print_text("")
    for gap in found.missing:
        print_text(f"missing: {gap.words}")
    for crowd in found.lopsided:
        print_text(f"lopsided: {100 * crowd.share:.0f} % of training is {crowd.words}")
    print_text(f"{found.tagged} training pictures have tags, {found.untagged} have none.")
