"""The shipped tagger: the WD contract, and what it reads."""

from __future__ import annotations

import csv
import random

import numpy as np
import pytest
from PIL import Image

from loratui.demo import world
from loratui.demo.assets import cast_folder
from loratui.demo.judge import Judge
from loratui.errors import NotFoundError

onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge()


def test_the_model_speaks_the_contract_of_wd_taggers() -> None:
    session = onnxruntime.InferenceSession(str(cast_folder() / "tagger" / "model.onnx"))
    (entry,), (exit_,) = session.get_inputs(), session.get_outputs()
    assert (entry.name, entry.type, entry.shape[1:]) == ("input", "tensor(float)", [448, 448, 3])
    assert isinstance(entry.shape[0], str)
    assert exit_.name == "output"
    for count in (1, 3):
        (output,) = session.run(None, {"input": np.full((count, 448, 448, 3), 255, np.float32)})
        assert output.shape == (count, exit_.shape[1])
        assert output.min() >= 0 and output.max() <= 1


def test_the_tag_list_matches_the_outputs_and_begins_with_the_ratings() -> None:
    folder = cast_folder() / "tagger"
    with (folder / "selected_tags.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["tag_id", "name", "category", "count"]
    assert [row["name"] for row in rows[:4]] == ["general", "sensitive", "questionable", "explicit"]
    assert [row["category"] for row in rows] == ["9"] * 4 + ["0"] * (len(rows) - 4)
    assert {row["name"].replace("_", " ") for row in rows[4:]} == set(world.ALL_TAGS)
    counts = [int(row["count"]) for row in rows[4:]]
    assert counts == sorted(counts, reverse=True)
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    assert session.get_outputs()[0].shape[1] == len(rows)


def test_the_tagger_reads_fresh_pictures(judge: Judge) -> None:
    rng = random.Random(99)
    truth, images = [], []
    for seed in range(200):
        look, scene = world.random_look(rng), world.random_scene(rng)
        truth.append(set(world.caption_tags(look, scene)))
        images.append(world.draw(look, scene, 10_000_000 + seed))
    read = judge.read(images)
    accuracies = []
    for tag in world.ALL_TAGS:
        hits = [found[tag] >= 0.5 for found, tags in zip(read, truth, strict=True) if tag in tags]
        rests = [found[tag] < 0.5 for found, tags in zip(read, truth, strict=True) if tag not in tags]
        accuracies.append((sum(hits) / len(hits) + sum(rests) / len(rests)) / 2)
    assert sum(accuracies) / len(accuracies) >= 0.97


def test_measure_counts_the_pictures_that_show_a_trait(judge: Judge) -> None:
    scene = world.Scene("smile", "facing viewer", "portrait", "blue shirt", "none", "grass")
    looks = [world.Look("tan", hair, "bob cut", "blue eyes", "none") for hair in ("red hair", "white hair")]
    images = [world.draw(look, scene, 1) for look in looks]
    assert judge.measure(images, ["tan", "red hair", "heart"]) == {"tan": 1.0, "red hair": 0.5, "heart": 0.0}


def test_large_and_transparent_pictures_are_read_too(judge: Judge) -> None:
    scene = world.Scene("smile", "facing viewer", "portrait", "blue shirt", "none", "grass")
    look = world.Look("tan", "red hair", "bob cut", "blue eyes", "none")
    large = world.draw(look, scene, 1, size=256)
    assert judge.read([large.convert("RGBA")])[0]["red hair"] > 0.5


def test_no_pictures_give_no_answers(judge: Judge) -> None:
    assert judge.read([]) == []
    assert judge.measure([], ["tan"]) == {"tan": 0.0}


def test_a_folder_without_a_model_is_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(NotFoundError, match=r"model\.onnx"):
        Judge(tmp_path_factory.mktemp("empty"))


def test_the_ratings_are_no_tags(judge: Judge) -> None:
    assert set(judge.read([Image.new("RGB", (64, 64))])[0]) == set(world.ALL_TAGS)
