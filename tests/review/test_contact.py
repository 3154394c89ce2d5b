"""The labelled sheet: pages, sizes, wrapped prompts and missing images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFont

from loratui.review import contact
from loratui.review.contact import Block, Column, draw_contact, wrap_text

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

FONT = ImageFont.load_default(size=17)
RED = (200, 30, 30)


def draw(folder: Path, columns: int, prompts: list[str], seeds: int, size: tuple[int, int] = (64, 64)) -> list[Path]:
    image = folder / "cell.png"
    Image.new("RGB", size, RED).save(image)
    return draw_contact(
        folder / "sheet.png",
        title="Mira",
        subtitle="cast",
        columns=[Column(f"epoch {number}", "step 10") for number in range(columns)],
        blocks=[Block(prompt, tuple(range(seeds)), ((image,) * columns,) * seeds) for prompt in prompts],
        size=size,
    )


def count_red(page: Path) -> int:
    with Image.open(page) as image:
        colours = image.getcolors(image.width * image.height) or []
    return sum(count for count, colour in colours if colour == RED)


def test_every_image_is_on_the_sheet_and_small_ones_are_enlarged(tmp_path: Path) -> None:
    (page,) = draw(tmp_path, 3, ["a hat", "a coat"], 2)
    assert count_red(page) == 3 * 2 * 2 * 128 * 128


def test_large_images_are_reduced_in_proportion(tmp_path: Path) -> None:
    (page,) = draw(tmp_path, 2, ["a hat"], 1, size=(512, 1024))
    assert count_red(page) == 2 * 160 * 320


def test_a_large_sheet_is_split_between_seeds_and_prompts_into_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact, "MAX_PIXELS", 500_000)
    pages = draw(tmp_path, 3, ["a hat", "a coat", "a dog"], 5)
    assert [page.name for page in pages] == ["sheet.png", *(f"sheet-{n}.png" for n in range(2, len(pages) + 1))]
    assert len(pages) > 2
    assert sum(count_red(page) for page in pages) == 3 * 3 * 5 * 128 * 128
    for page in pages:
        with Image.open(page) as image:
            assert image.width * image.height <= 500_000
    monkeypatch.undo()
    assert len(draw(tmp_path, 3, ["a hat"], 1)) == 1
    assert not (tmp_path / "sheet-2.png").exists()


def test_very_many_columns_are_made_smaller(tmp_path: Path) -> None:
    page = draw(tmp_path, 150, ["a hat"], 1)[0]
    with Image.open(page) as image:
        assert image.width <= contact.MAX_WIDTH


def test_a_missing_image_leaves_its_place_empty(tmp_path: Path) -> None:
    pages = draw_contact(
        tmp_path / "sheet.png",
        title="Mira",
        subtitle="",
        columns=[Column("no LoRA")],
        blocks=[Block("a hat", (1,), ((None,),))],
        size=(64, 64),
    )
    assert count_red(pages[0]) == 0


@given(st.text(alphabet="abc ,äé漢", max_size=200), st.integers(40, 300), st.integers(1, 8))
def test_wrapped_lines_fit_and_only_an_ellipsis_loses_text(text: str, width: int, lines: int) -> None:
    wrapped = wrap_text(text, FONT, width, lines)
    assert len(wrapped) <= lines
    assert all(FONT.getlength(line) <= width for line in wrapped)
    kept, whole = "".join("".join(wrapped).split()), "".join(text.split())
    assert kept == whole or (kept.endswith("…") and whole.startswith(kept.removesuffix("…")))
