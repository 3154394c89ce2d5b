"""Opening tagging models and running them; colours tell whether pictures arrive as the models were trained."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from loratui.captions.preprocess import PREPROCESS, prepare_pictures
from loratui.captions.tagger import KEPT_FROM, Tagger, name_of, open_tagger
from loratui.captions.thresholds import Thresholds
from loratui.catalog.decoding import load_rgb
from loratui.config import find_assets
from loratui.errors import MissingFeatureError, NotFoundError, RefusedError

from .tagger_models import COLOURS, RATINGS, write_colour_tagger, write_tags

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("onnxruntime")


def _tags(tagger: Tagger, *images: Image.Image) -> list[set[str]]:
    rows = tagger.run(prepare_pictures(images, tagger.layout))
    return [{tag for tag, category, score in tagger.list_scores(row) if category == "general"} for row in rows]


def _stripes(middle: str, rest: str, size: tuple[int, int]) -> Image.Image:
    """A picture of one colour with a square of another in its very middle."""
    image = Image.new("RGB", size, COLOURS[rest])
    block = min(size) // 4
    left, top = (size[0] - block) // 2, (size[1] - block) // 2
    image.paste(COLOURS[middle], (left, top, left + block, top + block))
    return image


@pytest.mark.parametrize("kind", ["wd", "cl"])
@pytest.mark.parametrize("colour", COLOURS)
def test_every_colour_is_told_by_its_name(tmp_path: Path, kind: str, colour: str) -> None:
    tagger = open_tagger(write_colour_tagger(tmp_path / "colours", kind=kind, side=64))
    assert _tags(tagger, Image.new("RGB", (100, 100), COLOURS[colour])) == [{colour, f"corner_{colour}"}]


def test_swapped_channels_and_another_scale_are_told_by_other_names(tmp_path: Path) -> None:
    tagger = open_tagger(write_colour_tagger(tmp_path / "colours", side=64))
    right = prepare_pictures([Image.new("RGB", (64, 64), COLOURS["orange"])], tagger.layout)
    swapped = np.ascontiguousarray(right[..., ::-1])
    assert [tag for tag, _, score in tagger.list_scores(tagger.run(swapped)[0]) if score > 0.99] == [
        "azure",
        "corner_azure",
    ]
    assert "black" in {tag for tag, _, _ in tagger.list_scores(tagger.run(right / 255)[0])}


@pytest.mark.parametrize("kind", ["wd", "cl"])
@pytest.mark.parametrize("size", [(400, 200), (200, 400), (401, 100), (97, 33)])
def test_pictures_are_centred_on_white(tmp_path: Path, kind: str, size: tuple[int, int]) -> None:
    tagger = open_tagger(write_colour_tagger(tmp_path / "colours", kind=kind, side=64))
    # Padded to one side, the middle would be white; stretched or padded with the edge, the corner would be blue.
    assert _tags(tagger, _stripes("red", "blue", size)) == [{"red", "corner_white"}]


def test_an_odd_pixel_of_padding_goes_below_and_right(tmp_path: Path) -> None:
    tagger = open_tagger(write_colour_tagger(tmp_path / "colours", side=5))
    wide = Image.new("RGB", (5, 2), COLOURS["green"])
    prepared = prepare_pictures([wide, wide.transpose(Image.Transpose.ROTATE_90)], tagger.layout)
    green = np.all(prepared == COLOURS["green"], axis=-1)
    assert [rows.tolist() for rows in np.nonzero(green[0].all(axis=1))] == [[1, 2]]
    assert [columns.tolist() for columns in np.nonzero(green[1].all(axis=0))] == [[1, 2]]


@pytest.mark.parametrize("batch", ["batch", 1, 3])
def test_batches_of_any_size_fit_models_of_any_batch(tmp_path: Path, batch: int | str) -> None:
    tagger = open_tagger(write_colour_tagger(tmp_path / "colours", batch=batch, side=32))
    assert tagger.batch == (batch if isinstance(batch, int) else None)
    names = ["red", "green", "blue", "grey"]
    images = [Image.new("RGB", (40, 40), COLOURS[name]) for name in names]
    assert _tags(tagger, *images) == [{name, f"corner_{name}"} for name in names]
    assert tagger.run(np.empty((0, 32, 32, 3), np.float32)).shape == (0, 4 + 2 * len(COLOURS))


def test_an_embedding_beside_the_scores_is_passed_over(tmp_path: Path) -> None:
    tagger = open_tagger(write_colour_tagger(tmp_path / "colours", embedding=True, side=32))
    assert _tags(tagger, Image.new("RGB", (40, 40), COLOURS["blue"])) == [{"blue", "corner_blue"}]


def test_scores_from_a_tenth_on_and_all_ratings_are_kept(tmp_path: Path) -> None:
    tagger = open_tagger(write_colour_tagger(tmp_path / "colours", side=32))
    # Seventeen steps from red lose 0.85 of its score, nineteen 0.95.
    near, far = (Image.new("RGB", (32, 32), (255, steps, 0)) for steps in (17, 19))
    rows = tagger.run(prepare_pictures([near, far], tagger.layout))
    ratings = [("general", 0.9), ("sensitive", 0.05), ("questionable", 0.03), ("explicit", 0.02)]
    for row, expected in zip(rows, [[("red", 0.15), ("corner_red", 0.15)], []], strict=True):
        found = tagger.list_scores(row)
        assert [tag for tag, category, _ in found if category == "rating"] == list(RATINGS)
        assert [score for _, _, score in found] == sorted((score for _, _, score in found), reverse=True)
        general = [(tag, pytest.approx(score, abs=1e-5)) for tag, category, score in found if category == "general"]
        assert general == expected
        assert dict(ratings) == pytest.approx({t: s for t, category, s in found if category == "rating"})
        assert all(score >= KEPT_FROM for _, category, score in found if category != "rating")


def test_no_tag_takes_the_place_of_the_rating_it_is_called_like(tmp_path: Path) -> None:
    folder = write_colour_tagger(tmp_path / "colours", side=32)
    tags = folder / "selected_tags.csv"
    tags.write_text(tags.read_text(encoding="utf-8").replace(",red,", ",Explicit,"), encoding="utf-8")
    tagger = open_tagger(folder)
    (row,) = tagger.run(prepare_pictures([Image.new("RGB", (32, 32), COLOURS["red"])], tagger.layout))
    found = tagger.list_scores(row)
    assert [(category, round(score, 2)) for tag, category, score in found if tag == "explicit"] == [("rating", 0.02)]
    assert [score for _, _, score in found] == sorted((score for _, _, score in found), reverse=True)


def test_the_id_names_model_content_and_preparation(tmp_path: Path) -> None:
    first = open_tagger(write_colour_tagger(tmp_path / "wd-eva02-large-tagger-v3", side=32))
    name, _, rest = first.id.partition("@")
    assert name == "wd-eva02-large-tagger-v3" and rest.endswith(f"/{PREPROCESS}") and len(rest) == 11
    assert first.thresholds == Thresholds(0.5296, 0.85)
    assert open_tagger(first.folder).id == first.id
    assert open_tagger(write_colour_tagger(first.folder, side=64)).id != first.id


def test_a_folder_with_a_name_that_says_nothing_lends_its_parents(tmp_path: Path) -> None:
    assert name_of(tmp_path / "my-model" / "onnx") == "my-model"
    assert name_of(find_assets() / "cast" / "tagger") == "cast"


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no folder"):
        open_tagger(tmp_path / "nowhere")
    with pytest.raises(NotFoundError, match=r"no model\.onnx"):
        open_tagger(tmp_path)
    folder = write_colour_tagger(tmp_path / "colours", side=32)
    (folder / "selected_tags.csv").unlink()
    with pytest.raises(NotFoundError, match=r"selected_tags\.csv"):
        open_tagger(folder)


def test_a_list_of_other_tags_is_refused(tmp_path: Path) -> None:
    folder = write_colour_tagger(tmp_path / "colours", side=32)
    write_tags(folder, ["one", "two", "three"])
    with pytest.raises(RefusedError, match=r"scores 22 tags, but selected_tags\.csv lists 3"):
        open_tagger(folder)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x07\x12\x00"])
def test_a_damaged_model_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    folder = write_colour_tagger(tmp_path / "colours", side=32)
    (folder / "model.onnx").write_bytes(content)
    with pytest.raises(RefusedError, match="can't be opened") as caught:
        open_tagger(folder)
    assert "\n" not in caught.value.message


def test_a_model_of_another_layout_is_refused(tmp_path: Path) -> None:
    other = write_colour_tagger(tmp_path / "cl", kind="cl", side=32)
    folder = write_colour_tagger(tmp_path / "colours", side=32)
    (other / "model_optimized.onnx").replace(folder / "model.onnx")
    with pytest.raises(RefusedError, match=r"takes tensor\(float\) \['batch', 3, 32, 32\]"):
        open_tagger(folder)


def test_scores_that_are_no_probabilities_are_refused(tmp_path: Path) -> None:
    other = write_colour_tagger(tmp_path / "cl", kind="cl", side=3)
    folder = write_colour_tagger(tmp_path / "colours", side=3)
    # At three pixels a side, cl_tagger's shape is WD's, and its logits are what is wrong.
    (other / "model_optimized.onnx").replace(folder / "model.onnx")
    tagger = open_tagger(folder)
    with pytest.raises(RefusedError, match="not from 0 to 1"):
        tagger.run(prepare_pictures([Image.new("RGB", (8, 8))], tagger.layout))


def test_without_onnxruntime_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_colour_tagger(tmp_path / "colours", side=32)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingFeatureError) as caught:
        open_tagger(folder)
    assert "loratui[tag]" in caught.value.hint


def test_real_photos_get_sensible_tags(shared: Path) -> None:
    tagger = open_tagger(shared / "models" / "wd_contract_imagenet")
    wanted = {
        "teapot": "teapot",
        "vase": "vase",
        "backpack": "backpack",
        "dog": "pembroke",
        "bear_plushie": "teddy",
        "colorful_sneaker": "running_shoe",
    }
    photos = {subject: sorted((shared / "data" / "photos" / subject).glob("*.jpg")) for subject in wanted}
    for subject, name in wanted.items():
        images = [load_rgb(photo) for photo in photos[subject]]
        rows = tagger.run(prepare_pictures(images, tagger.layout))
        first = [{tag for tag, _, _ in tagger.list_scores(row)[:3]} for row in rows]
        assert sum(name.replace("_", " ") in {tag.replace("_", " ") for tag in tags} for tags in first) * 2 >= len(rows)
        others = set(wanted.values()) - {name}
        assert not [tags for tags in first if tags & others]
