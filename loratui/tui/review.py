"""Comparing the epochs of a training: a matrix of images to flip, zoom and rate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from textual.widgets import Static

from loratui.errors import NotFoundError
from loratui.tui.base import LoratuiScreen
from loratui.tui.dialogs import Pick
from loratui.tui.matrix import Heading, ImageMatrix, MatrixImage
from loratui.tui.moves import CellMoves
from loratui.tui.sheet_form import Wanted, ask_for_sheet, confirm_sheet
from loratui.tui.sources import FileSource
from loratui.tui.text import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.timer import Timer

    from loratui.catalog.rows import Cell, Sheet
    from loratui.catalog.store import Catalog
    from loratui.review.matrix import Matrix
    from loratui.tui.cell import CellScreen

LOOK_AGAIN_S = 1.0
"""How often a sheet is looked at that somebody else's sampler renders."""


class ReviewScreen(CellMoves, LoratuiScreen):
    """The sheet that is named, or the newest of a training: once shown it stays, and newer ones are only told."""

    scope = "review"

    def __init__(self, run: str = "", sheet: str = "") -> None:
        super().__init__()
        self._run = run
        self._sheet = sheet
        self.found: Matrix | None = None
        """What is shown; None while there is no sheet."""
        self.seed = 0
        """Place of the seed that is shown."""
        self._missing = ""
        self._newest: Sheet | None = None
        self._was_rendering = False
        self._rendered_elsewhere = False
        self._look: Timer | None = None
        self.viewer: CellScreen | None = None
        """The screen that shows one image large, while it is open."""

    def compose_body(self) -> ComposeResult:
        yield ImageMatrix(self.lora.tiles, id="matrix")
        yield Static("Reading...", classes="empty", id="empty")

    def on_mount(self) -> None:
        self.matrix.display = False
        self.set_header("review")

    @property
    def matrix(self) -> ImageMatrix:
        return self.query_one("#matrix", ImageMatrix)

    # What is shown

    def library_changed(self) -> None:
        name, run = self._sheet, self._run
        shown = self.found.sheet.name if self.found and not name else ""
        own = {task.about for task in self.bridge.running_tasks()}

        def work(catalog: Catalog) -> tuple[Matrix | str, bool, Sheet | None]:
            from loratui.catalog.runs import get_run
            from loratui.catalog.sheets import list_sheets
            from loratui.review.matrix import load_matrix
            from loratui.review.recovery import take_up

            try:
                known = list_sheets(catalog, get_run(catalog, run).id if run else None)
                newest = known[0] if known and known[0].name not in own else None
                stays = shown if any(sheet.name == shown for sheet in known) else ""
                found = load_matrix(catalog, name or stays, run=run)
                if found.sheet.state == "done" or found.sheet.name in own:
                    return found, False, newest
                working = take_up(catalog, found.sheet)
                return load_matrix(catalog, found.sheet.name), working, newest
            except NotFoundError as error:
                return error.message, False, None

        self.read(work, lambda answer: self._fill(*answer), "sheet")

    def _look_again(self) -> None:
        if self.is_current and self.lora.is_running:
            self.library_changed()

    def _fill(self, found: Matrix | str, rendered_elsewhere: bool, newest: Sheet | None) -> None:
        self._rendered_elsewhere = rendered_elsewhere
        if self._look is not None:
            # One look a second, however often the library changes meanwhile.
            self._look.stop()
        self._look = self.set_timer(LOOK_AGAIN_S, self._look_again) if rendered_elsewhere else None
        if isinstance(found, str):
            self.found, self._missing = None, found
            self.matrix.display = False
            empty = self.query_one("#empty", Static)
            empty.display = True
            renders = f"{self.key('sheet.make')} renders one for a training"
            empty.update(f"{found}\n\n{renders}; {self.key('app.runs')} shows the trainings.")
            self.set_header("review", self._run) if self._run else self.set_header("review")
            self.refresh_keys()
            return
        same = self.found is not None and self.found.sheet.id == found.sheet.id
        self.found, self._missing = found, ""
        self.lora.run_name = found.run.name
        if not same:
            self.seed = 0
        self.seed = min(self.seed, len(found.seeds) - 1)
        self.query_one("#empty").display = False
        self.matrix.display = True
        self._show()
        if not same:
            self.matrix.focus()
        self._tell_newer(newest)
        self.refresh_keys()

    def _tell_newer(self, newest: Sheet | None) -> None:
        """Say once that somebody made a sheet: a digit is meant for the image that is looked at, so that one stays."""
        if newest is None or self.found is None:
            return
        before, self._newest = self._newest, newest
        if before is not None and newest.id > max(before.id, self.found.sheet.id):
            self.tell(f"A newer sheet is there: {newest.name}. {self.key('sheet.choose')} lists it first.")

    def _show(self) -> None:
        found = self.found
        if found is None:
            return
        self._was_rendering = self.is_rendering
        headings = [
            Heading(
                column.title,
                ""
                if column.mean is None
                else f"{column.mean:.1f} of 5 ({column.rated})" + (" best" if place == found.winner else ""),
            )
            for place, column in enumerate(found.columns)
        ]
        images = {
            (column, prompt): MatrixImage(source_of(cell), cell.rating, waits=self._was_rendering)
            for (column, prompt, seed), cell in found.cells.items()
            if seed == self.seed
        }
        self.matrix.show(headings, found.prompts, images)
        if self.viewer is not None and self.viewer.is_mounted:
            self.viewer.show()
        rated = sum(1 for cell in found.cells.values() if cell.rating)
        seed = f"seed {found.seeds[self.seed]} ({self.seed + 1} of {len(found.seeds)})"
        state = (
            ""
            if found.sheet.state == "done"
            else f"{self._say_how_it_ended(found.sheet.name)}, {self.key('sheet.make')} goes on  "
        )
        state = "being rendered  " if self._was_rendering else state
        self.set_header(
            "review", found.run.name, found.sheet.name, status=f"{state}{seed}  {rated} of {len(found.cells)} rated"
        )

    def _say_how_it_ended(self, sheet: str) -> str:
        """Of a sheet that is not done: whether the person stopped it from here."""
        jobs = [task for task in self.bridge.tasks if task.about == sheet]
        return "stopped by you" if jobs and jobs[-1].cancel.is_set() else "interrupted"

    @property
    def is_rendering(self) -> bool:
        """Whether the sheet that is shown is being rendered, by a task of this app or by a sampler it did not start."""
        name = self.found.sheet.name if self.found else ""
        return self._rendered_elsewhere or any(task.about == name for task in self.bridge.running_tasks() if name)

    def tasks_changed(self) -> None:
        if self.is_rendering is not self._was_rendering:
            self._show()
            self.refresh_keys()

    def on_image_matrix_opened(self) -> None:
        self.do_cell_open()

    # Where the cursor is

    def cell_at(self, column: int | None = None) -> Cell | None:
        """The image under the cursor, or the one of another column on the same spot."""
        if self.found is None:
            return None
        place = self.matrix.cursor
        shown = place[0] if column is None else column
        return self.found.cells.get((shown, place[1], self.seed))

    def why_not(self, action: str) -> str:
        if self.found is None and action.startswith(("cell.", "move.")):
            return f"{self._missing or 'The sheet is being read.'} {self.key('sheet.make')} renders one."
        if action == "cell.flip" and self.matrix.pinned is None:
            flips = f"{self.key('cell.flip')} flips between it and the one under the cursor"
            return f"Pin an epoch first: {self.key('cell.pin')} on it, then {flips}."
        if action == "cell.rate" and ((cell := self.cell_at()) is None or not cell.path):
            if self.is_rendering:
                return "This image is being rendered; it shows as soon as it is there."
            return f"This image is not rendered yet: {self.key('sheet.make')} renders what is missing."
        if action == "sheet.make" and not (self.found or self._run or self.lora.run_name):
            return f"Choose a training first: {self.key('app.runs')} shows them."
        return ""

    def screen_command(self) -> Sequence[str]:
        return ["review", "show", self.found.sheet.name] if self.found else ["review", "list"]

    def move(self, columns: int, rows: int) -> None:
        self.matrix.move(columns, rows)

    def do_move_page_down(self) -> None:
        self.matrix.move(0, self.matrix.page)

    def do_move_page_up(self) -> None:
        self.matrix.move(0, -self.matrix.page)

    do_move_half_down = do_move_page_down
    do_move_half_up = do_move_page_up

    def do_move_first(self) -> None:
        self.matrix.move_to((0, self.matrix.cursor[1]))

    def do_move_last(self) -> None:
        self.matrix.move_to((len(self.matrix.headings) - 1, self.matrix.cursor[1]))

    # Comparing

    def do_cell_seed(self) -> None:
        if self.found is not None:
            self.seed = (self.seed + 1) % len(self.found.seeds)
            self._show()

    def do_cell_pin(self) -> None:
        column = self.matrix.cursor[0]
        self.matrix.pinned = None if self.matrix.pinned == column else column
        if self.matrix.pinned is not None:
            flips = f"{self.key('cell.flip')} flips it with the one under the cursor"
            self.tell(f"{self.matrix.headings[column].title} is pinned. {flips}.")
        self.refresh_keys()

    def do_cell_flip(self) -> None:
        self.matrix.flipped = not self.matrix.flipped

    def do_cell_open(self) -> None:
        from loratui.tui.cell import CellScreen

        self.viewer = CellScreen(self)
        self.app.push_screen(self.viewer)

    def do_wall_larger(self) -> None:
        if not self.matrix.zoom(1):
            self.tell(f"The images are as large as they get here; {self.key('cell.open')} shows one alone.")

    def do_wall_smaller(self) -> None:
        if not self.matrix.zoom(-1):
            self.tell("The images are as small as they get.")

    # Rating

    def do_cell_rate(self, key: str) -> None:
        column = self.matrix.pinned if self.matrix.flipped else None
        if (cell := self.cell_at(column)) is not None and self.found is not None:
            rate_cell(self, self.found, cell, int(key))
            if column is None:
                self.matrix.move(1, 0)

    # Sheets

    def do_sheet_choose(self) -> None:
        def work(catalog: Catalog) -> list[Sheet]:
            from loratui.catalog.sheets import list_sheets

            return list_sheets(catalog)

        def choose(found: list[Sheet]) -> None:
            if not found:
                self.tell(f"There is no sheet yet. {self.key('sheet.make')} renders one.")
                return
            choices = [
                (sheet.name, f"{sheet.name}   {count(len(sheet.settings.get('prompts', ())), 'prompt')}")
                for sheet in found
            ]
            self.app.push_screen(Pick("Sheets, newest first", choices), self._choose)

        self.read(work, choose, "sheets", opens=True)

    def _choose(self, name: str | None) -> None:
        if name:
            self._sheet = name
            self.library_changed()

    def do_sheet_make(self) -> None:
        run = self.found.run.name if self.found else self._run or self.lora.run_name
        settings = self.found.sheet.settings if self.found else {}
        prompts, seeds = settings.get("prompts", ()), settings.get("seeds", (1, 2, 3, 4))
        if self.found is None or self.found.sheet.state == "done":
            ask_for_sheet(self, run, prompts=prompts, seeds=seeds)
            return
        # The same again goes on with it.
        columns = [column for column in self.found.columns if column.epoch is not None]
        epochs = sorted({column.epoch for column in columns if column.epoch is not None})
        weights = sorted({column.weight for column in columns}) or [1.0]
        wanted = Wanted(tuple(prompts), settings.get("negative", ""), tuple(seeds), tuple(epochs), tuple(weights))
        confirm_sheet(self, run, wanted, goes_on=self.found.sheet.name)

    def show_new_sheet(self, run: str, name: str) -> None:
        """Show a sheet that was begun, unless the person looks at another training by now."""
        if (self.found.run.name if self.found else self._run or run) == run:
            self._choose(name)


def rate_cell(screen: LoratuiScreen, matrix: Matrix, cell: Cell, rating: int) -> None:
    """Give an image its stars."""

    def work(catalog: Catalog) -> int:
        from loratui.catalog.sheets import rate_cells

        return rate_cells(catalog, [cell.id], rating)

    prompt = matrix.prompts.index(cell.prompt) + 1
    which = ["--no-lora"] if cell.epoch is None else ["--epoch", str(cell.epoch), "--weight", f"{cell.weight:g}"]
    command = ["review", "rate", matrix.sheet.name, str(rating), *which]
    titles = {(column.epoch, column.weight): column.title for column in matrix.columns}
    title = "the base" if cell.epoch is None else titles.get((cell.epoch, cell.weight), f"epoch {cell.epoch}")
    said = f"{title.capitalize()}, prompt {prompt}, seed {cell.seed}: {count(rating, 'star')}."
    command += ["--prompt", str(prompt), "--seed", str(cell.seed)]
    screen.change(work, lambda _: said, command, about=said.rstrip("."))


def source_of(cell: Cell) -> FileSource | None:
    """Where the pixels of an image are; None while it is not rendered."""
    return FileSource(Path(cell.path), cell.key) if cell.path else None
