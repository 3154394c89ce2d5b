"""Sheets in the library: what is planned, reused, recorded and drawn. Images are made by a stand-in for the sampler."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from loratui.catalog.importer import import_pictures
from loratui.catalog.journal import undo
from loratui.catalog.rows import Run
from loratui.catalog.sheets import get_sheet, list_cells, list_sheets, rate_cells, record_cells
from loratui.catalog.subjects import add_subject, edit_subject, record_consent, withdraw_consent
from loratui.errors import Cancelled, NotFoundError, RefusedError, UsageError
from loratui.events import Progress, Report, ignore_progress
from loratui.review import sheet as sheets
from loratui.review.infotext import save_cell
from loratui.review.request import BaseModel, CellRequest, LoraFile, SampleSettings, cell_path, make_request
from loratui.review.sheet import SheetForecast, foresee_sheet, make_sheet

if TYPE_CHECKING:
    import threading

    from loratui.catalog.store import Catalog

BASE = BaseModel("drawn", "/nowhere/drawn", sha256="b" * 64)
MakeRun = Callable[..., Run]


@pytest.fixture
def loras(tmp_path: Path) -> list[LoraFile]:
    made = []
    for number in range(3):
        path = tmp_path / f"epoch{number}.safetensors"
        path.write_bytes(bytes([number]))
        made.append(LoraFile(str(path), path.stem, f"{number:064x}"))
    return made


class StandIn:
    """Makes plain images at once and remembers which; `limit` stops it as a person would."""

    def __init__(self) -> None:
        self.made: list[CellRequest] = []
        self.limit = 10_000

    def render(
        self,
        folder: Path,
        base: Any,
        cells: Sequence[CellRequest],
        settings: SampleSettings,
        *,
        report: Report,
        cancel: threading.Event | None = None,
    ) -> dict[str, Path]:
        request = make_request(base, cells, settings)
        for key, cell in request.cells.items():
            path = cell_path(folder, key)
            if path.exists():
                continue
            if len(self.made) == self.limit:
                raise Cancelled("stopped")
            path.parent.mkdir(parents=True, exist_ok=True)
            image = Image.new("RGB", (settings.width, settings.height), (40 * len(self.made) % 255, 90, 120))
            save_cell(path, image, key, request.base, settings, cell)
            self.made.append(cell)
            report(Progress("render", len(self.made), len(request.cells)))
        return {key: cell_path(folder, key) for key in request.cells}


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    made = StandIn()
    monkeypatch.setattr(sheets, "render", made.render)
    yield made


def test_a_sheet_shows_the_base_and_every_epoch_for_all_prompts_and_seeds(
    catalog: Catalog, make_run: MakeRun, loras: list[LoraFile], stand_in: StandIn
) -> None:
    captions = ["photo of mirvok, hat, smile", "photo of mirvok, hat", "photo of someone, a, b, c"]
    run = make_run(BASE, *loras, captions=captions)
    result = make_sheet(catalog, run.name, seeds=(1, 2), report=ignore_progress)
    assert result.rendered == 3 * 2 * 4
    assert [cell.epoch for cell in result.cells[::6]] == [None, 1, 2, 3]
    assert list(dict.fromkeys(cell.prompt for cell in result.cells)) == [
        "photo of mirvok",
        "photo of mirvok, hat, smile",
        "photo of mirvok, hat",
    ]
    assert all(Path(cell.path).is_file() and cell.rendered_at for cell in result.cells)
    assert result.sheet.state == "done"
    assert result.contact.is_file()
    assert result.contact.name == f"{run.name}-s01.png"
    assert result.contact.is_relative_to(catalog.home.sheets)


def test_a_prompt_for_what_no_picture_may_show_makes_no_sheet(
    catalog: Catalog, make_run: MakeRun, loras: list[LoraFile], stand_in: StandIn
) -> None:
    run = make_run(BASE, *loras)
    with pytest.raises(RefusedError, match="nude"):
        make_sheet(catalog, run, prompts=["hat", "nude {trigger}, 12 years old"], report=ignore_progress)
    assert not stand_in.made and not list_sheets(catalog)
    make_sheet(catalog, run, prompts=["hat"], negative="nude, child", seeds=(1,), report=ignore_progress)
    assert stand_in.made


def test_a_subject_that_became_a_person_is_one_in_the_sheets_of_its_earlier_runs(
    catalog: Catalog, make_run: MakeRun, loras: list[LoraFile], stand_in: StandIn
) -> None:
    run = make_run(BASE, *loras)
    edit_subject(catalog, "Mira mirvok", kind="person")
    with pytest.raises(RefusedError, match="no consent is recorded"):
        make_sheet(catalog, run, prompts=["photo of {trigger}"], report=ignore_progress)
    record_consent(catalog, "Mira mirvok", who="Mira", scope="training")
    for prompt in ("nude {trigger}", "n u d 3 {trigger}"):
        with pytest.raises(RefusedError, match="Mira mirvok is a person"):
            foresee_sheet(catalog, run, prompts=["hat", prompt])
    assert not stand_in.made and not list_sheets(catalog)
    make_sheet(catalog, run, prompts=["hat"], seeds=(1,), report=ignore_progress)
    assert stand_in.made


def test_no_sheet_shows_a_person_who_took_consent_back(
    catalog: Catalog, make_run: MakeRun, loras: list[LoraFile], stand_in: StandIn
) -> None:
    run = make_run(BASE, *loras)
    edit_subject(catalog, "Mira mirvok", kind="person")
    record_consent(catalog, "Mira mirvok", who="Mira", scope="training")
    make_sheet(catalog, run, prompts=["hat"], seeds=(1,), report=ignore_progress)
    made = len(stand_in.made)
    withdraw_consent(catalog, "Mira mirvok")
    # What is there already would be drawn again.
    with pytest.raises(RefusedError, match="consent was withdrawn"):
        make_sheet(catalog, run, prompts=["hat"], seeds=(1,), report=ignore_progress)
    with pytest.raises(RefusedError, match="consent was withdrawn"):
        foresee_sheet(catalog, run, prompts=["hat"], seeds=(1,))
    assert len(stand_in.made) == made


def test_no_sheet_shows_what_was_learnt_from_a_picture_of_another_person_without_consent(
    catalog: Catalog, make_run: MakeRun, loras: list[LoraFile], stand_in: StandIn, tmp_path: Path
) -> None:
    add_subject(catalog, "Ada", "adatok", kind="person")
    record_consent(catalog, "Ada", who="Ada", scope="training")
    Image.new("RGB", (32, 32), "red").save(tmp_path / "a.png")
    import_pictures(catalog, "Ada", [tmp_path / "a.png"])
    run = make_run(BASE, *loras, captions=("a hat",))
    with catalog.write() as connection:
        # The hash that the picture has in the dataset of the run.
        connection.exec_driver_sql(f"UPDATE picture SET sha256 = '{0:064x}'")
    assert foresee_sheet(catalog, run, prompts=["hat"], seeds=(1,)).images
    withdraw_consent(catalog, "Ada")
    with pytest.raises(RefusedError, match="Ada is a person who has it too, and the consent was withdrawn"):
        make_sheet(catalog, run, prompts=["hat"], seeds=(1,), report=ignore_progress)
    assert not stand_in.made


def test_images_are_on_record_as_soon_as_they_are_there(
    catalog: Catalog, make_run: MakeRun, loras: list[LoraFile], stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "RECORD_S", 0.0)
    run = make_run(BASE, *loras)
    make_sheet(catalog, run, seeds=(1,), prompts=["a"], report=ignore_progress)
    planned: list[str] = []
    seen: list[tuple[int, str]] = []

    def look(progress: Progress) -> None:
        found = get_sheet(catalog, planned[0])
        seen.append((sum(bool(cell.path) for cell in list_cells(catalog, found.id)), found.state))

    make_sheet(
        catalog,
        run,
        seeds=(1, 2),
        prompts=["a"],
        report=look,
        planned=lambda sheet: planned.append(sheet.name),
    )
    # The four of the first sheet are there from the start; the report of an image comes before its record.
    assert seen[:4] == [(4, "partial"), (5, "partial"), (6, "partial"), (7, "partial")]


def test_a_library_that_refuses_a_record_stops_no_rendering(
    catalog: Catalog, make_run: MakeRun, loras: list[LoraFile], stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "RECORD_S", 0.0)
    refused = 0

    def refuse(*about: Any) -> int:
        nonlocal refused
        if refused < 2:
            refused += 1
            raise UsageError("busy")
        return record_cells(*about)

    monkeypatch.setattr(sheets, "record_cells", refuse)
    result = make_sheet(catalog, make_run(BASE, *loras), seeds=(1,), prompts=["a"], report=ignore_progress)
    assert refused == 2
    assert all(cell.path for cell in result.cells)


def test_the_same_sheet_again_is_the_same_row_and_renders_nothing(
    catalog: Catalog, make_run: MakeRun, loras: list[LoraFile], stand_in: StandIn
) -> None:
    run = make_run(BASE, *loras)
    first = make_sheet(catalog, run, report=ignore_progress)
    again = make_sheet(catalog, run, report=ignore_progress)
    assert (again.sheet.id, again.rendered) == (first.sheet.id, 0)
    assert len(list_sheets(catalog, run.id)) == 1


def test_a_second_sheet_reuses_the_images_of_the_first(
    catalog: Catalog, make_run: MakeRun, loras: list[LoraFile], stand_in: StandIn
) -> None:
    run = make_run(BASE, *loras)
    make_sheet(catalog, run, seeds=(1, 2), prompts=["{trigger}, a {class}"], report=ignore_progress)
    second = make_sheet(catalog, run, seeds=(2, 3), prompts=["mirvok, a girl"], epochs=[3], report=ignore_progress)
    assert second.rendered == 2
    assert second.sheet.name == f"{run.name}-s02"
    assert [(cell.epoch, cell.seed) for cell in second.cells] == [(None, 2), (None, 3), (3, 2), (3, 3)]


def test_an_interrupted_sheet_keeps_its_images_and_goes_on(
    catalog: Catalog, make_run: MakeRun, loras: list[LoraFile], stand_in: StandIn
) -> None:
    run = make_run(BASE, *loras)
    stand_in.limit = 5
    with pytest.raises(Cancelled):
        make_sheet(catalog, run, report=ignore_progress)
    (sheet,) = list_sheets(catalog)
    assert sheet.state == "partial"
    assert sum(bool(cell.path) for cell in list_cells(catalog, sheet.id)) == 5
    stand_in.limit = 10_000
    result = make_sheet(catalog, run, report=ignore_progress)
    assert (result.sheet.id, result.rendered) == (sheet.id, 11)
    assert get_sheet(catalog, sheet.name).state == "done"


def test_a_sheet_is_foreseen_as_it_is_made(
    catalog: Catalog, make_run: MakeRun, loras: list[LoraFile], stand_in: StandIn
) -> None:
    run = make_run(BASE, *loras)
    for about in ({}, {"prompts": ["a", "a", "b"], "seeds": (1, 1, 2), "epochs": [3]}, {"seeds": (4, 5)}):
        before = foresee_sheet(catalog, run, **about)
        made = make_sheet(catalog, run, **about, report=ignore_progress)
        assert (before.images, before.missing) == (len(made.cells), made.rendered)
        assert foresee_sheet(catalog, run, **about) == replace(before, missing=0)
    assert foresee_sheet(catalog, run, prompts=["a", "a"], seeds=(1,)) == SheetForecast(3, 1, 1, images=4, missing=2)


def test_weights_make_columns_of_their_own_and_zero_is_the_base(
    catalog: Catalog, make_run: MakeRun, loras: list[LoraFile], stand_in: StandIn
) -> None:
    run = make_run(BASE, loras[0])
    result = make_sheet(catalog, run, seeds=(1,), weights=(0, 0.6, 1), report=ignore_progress)
    assert [(cell.epoch, cell.weight) for cell in result.cells] == [(None, 0.0), (1, 0.6), (1, 1.0)]


def test_a_checkpoint_that_was_deleted_is_left_out_unless_asked_for(
    catalog: Catalog, make_run: MakeRun, loras: list[LoraFile], stand_in: StandIn
) -> None:
    run = make_run(BASE, *loras)
    Path(run.folder, "checkpoints", f"{run.output_name}-000002.safetensors").unlink()
    result = make_sheet(catalog, run, seeds=(1,), report=ignore_progress)
    assert [cell.epoch for cell in result.cells] == [None, 1, 3]
    with pytest.raises(NotFoundError, match="epoch 2") as missing:
        make_sheet(catalog, run, epochs=[1, 2], report=ignore_progress)
    assert "1, 3" in missing.value.hint
    with pytest.raises(NotFoundError, match=r"epoch 4-44, 50\.") as many:
        make_sheet(catalog, run, epochs=[*range(4, 45), 50], report=ignore_progress)
    assert "1, 3" in many.value.hint


def test_a_run_without_checkpoints_is_told_so(catalog: Catalog, make_run: MakeRun, stand_in: StandIn) -> None:
    run = make_run(BASE)
    with pytest.raises(NotFoundError, match="no checkpoint"):
        make_sheet(catalog, run, report=ignore_progress)


@pytest.mark.parametrize(
    "wrong", [{"prompts": []}, {"seeds": []}, {"weights": []}, {"seeds": [-1]}, {"prompts": ["{foo}"]}]
)
def test_an_empty_or_impossible_sheet_is_refused(
    catalog: Catalog, make_run: MakeRun, loras: list[LoraFile], stand_in: StandIn, wrong: dict[str, Any]
) -> None:
    run = make_run(BASE, *loras)
    with pytest.raises(UsageError):
        make_sheet(catalog, run, report=ignore_progress, **wrong)
    assert not list_sheets(catalog)


def test_epochs_with_the_same_weights_share_their_images(
    catalog: Catalog, make_run: MakeRun, loras: list[LoraFile], stand_in: StandIn
) -> None:
    run = make_run(BASE, loras[0], replace(loras[1], autov3=loras[0].autov3))
    result = make_sheet(catalog, run, seeds=(1,), report=ignore_progress)
    assert result.rendered == 2


def test_a_rating_can_be_undone(catalog: Catalog, make_run: MakeRun, loras: list[LoraFile], stand_in: StandIn) -> None:
    run = make_run(BASE, *loras)
    result = make_sheet(catalog, run, seeds=(1,), report=ignore_progress)
    assert rate_cells(catalog, [cell.id for cell in result.cells[:2]], 4) == 2
    assert [cell.rating for cell in list_cells(catalog, result.sheet.id)][:3] == [4, 4, 0]
    undo(catalog)
    assert not any(cell.rating for cell in list_cells(catalog, result.sheet.id))
    with pytest.raises(UsageError):
        rate_cells(catalog, [result.cells[0].id], 6)


def test_a_sheet_that_does_not_exist_is_named_with_its_neighbours(
    catalog: Catalog, make_run: MakeRun, loras: list[LoraFile], stand_in: StandIn
) -> None:
    run = make_run(BASE, *loras)
    sheet = make_sheet(catalog, run, seeds=(1,), report=ignore_progress).sheet
    with pytest.raises(NotFoundError) as missing:
        get_sheet(catalog, f"{run.name}-s1")
    assert sheet.name in missing.value.hint


def test_a_real_sampler_renders_the_sheet_of_a_run(
    catalog: Catalog, make_run: MakeRun, tiny_base: BaseModel, plain_lora: LoraFile, full_lora: LoraFile
) -> None:
    run = make_run(tiny_base, plain_lora, full_lora)
    settings = SampleSettings(16, 16, steps=2, cfg=2.0, threads=1, device="cpu")
    result = make_sheet(
        catalog, run, prompts=["photo of {trigger}"], seeds=(1, 2), settings=settings, report=ignore_progress
    )
    contents = set()
    for cell in result.cells:
        with Image.open(cell.path) as image:
            contents.add(image.tobytes())
    assert len(contents) == 6
    with Image.open(result.contact) as sheet:
        assert sheet.width > 3 * 128
