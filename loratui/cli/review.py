"""Verbs about looking at sheets and saying what one thinks of their images."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from loratui.cli.output import PLAIN, Show, print_json, print_table, print_text, remark
from loratui.cli.session import open_library


def list_sheets(run: str | None = None, *, show: Show = PLAIN) -> None:
    """List the sheets of a training, or of all, newest first."""
    from loratui.catalog import runs, sheets

    with open_library() as catalog:
        found = sheets.list_sheets(catalog, runs.get_run(catalog, run).id if run else None)
        names = {sheet.run_id: runs.get_run(catalog, sheet.run_id).name for sheet in found}
    if show.json:
        print_json(
            [
                {
                    "sheet": item.name,
                    "run": names[item.run_id],
                    "state": item.state,
                    "base": item.settings.get("base"),
                    "prompts": item.settings.get("prompts"),
                    "seeds": item.settings.get("seeds"),
                    "created_at": item.created_at,
                }
                for item in found
            ]
        )
        return
    print_table(
        ["sheet", "run", "state", "prompts", "seeds"],
        [
            [
                item.name,
                names[item.run_id],
                item.state,
                len(item.settings.get("prompts", ())),
                len(item.settings.get("seeds", ())),
            ]
            for item in found
        ],
        empty="No sheets yet. Make one: loratui sheet RUN",
    )


def show_sheet(sheet: str, *, show: Show = PLAIN) -> None:
    """Show a sheet: its epochs with their mean rating, its prompts, and every image with its rating."""
    from loratui.review.matrix import load_matrix

    with open_library() as catalog:
        matrix = load_matrix(catalog, sheet)
    if show.json:
        print_json(
            {
                "sheet": matrix.sheet.name,
                "run": matrix.run.name,
                "contact": matrix.contact,
                "best": None if matrix.best is None else matrix.columns[matrix.best].epoch,
                "columns": matrix.columns,
                "prompts": matrix.prompts,
                "seeds": matrix.seeds,
                "cells": [
                    {
                        "epoch": cell.epoch,
                        "weight": cell.weight,
                        "prompt": cell.prompt,
                        "seed": cell.seed,
                        "rating": cell.rating,
                        "path": cell.path,
                    }
                    for cell in matrix.cells.values()
                ],
            }
        )
        return
    print_table(
        ["epoch", "images rated", "mean"],
        [[item.title, item.rated, "" if item.mean is None else f"{item.mean:.1f}"] for item in matrix.columns],
    )
    for number, prompt in enumerate(matrix.prompts, 1):
        print_text(f"prompt {number}: {prompt}")
    print_text(f"seeds: {', '.join(map(str, matrix.seeds))}")
    print_text(str(matrix.contact))


def rate_cells(
    sheet: str,
    stars: int,
    *,
    epoch: Annotated[list[int] | None, Parameter(negative="", help="Images of this epoch. May be given often.")] = None,
    weight: Annotated[list[float] | None, Parameter(negative="", help="Images at this strength of the LoRA.")] = None,
    prompt: Annotated[list[int] | None, Parameter(negative="", help="Images of this prompt, by number from 1.")] = None,
    seed: Annotated[list[int] | None, Parameter(negative="", help="Images of this seed.")] = None,
    no_lora: Annotated[bool, Parameter(negative="", help="Images of the base alone.")] = False,
    show: Show = PLAIN,
) -> None:
    """Give images of a sheet 0-5 stars; 0 takes them away.

    Example: `loratui review rate mira-0001-s01 5 --epoch 6 --prompt 1`
    """
    from loratui.catalog import sheets
    from loratui.review.matrix import choose_cells, load_matrix

    with open_library() as catalog:
        matrix = load_matrix(catalog, sheet)
        cells = choose_cells(
            matrix,
            epochs=epoch or (),
            weights=weight or (),
            prompts=prompt or (),
            seeds=seed or (),
            without_lora=no_lora,
        )
        count = sheets.rate_cells(catalog, [cell.id for cell in cells], stars)
    if show.json:
        print_json({"rated": count})
        return
    print_text(f"{count} {'image' if count == 1 else 'images'} rated {stars}.")
    remark("`loratui undo` takes it back.", show)
