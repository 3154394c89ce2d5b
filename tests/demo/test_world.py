"""The drawn world: the same seed draws the same picture, and captions tell only what is there."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
from PIL import ImageChops

from loratui.demo import world


def test_the_same_seed_draws_the_same_picture() -> None:
    rng = random.Random(1)
    look, scene = world.random_look(rng), world.random_scene(rng)
    assert world.draw(look, scene, 5).tobytes() == world.draw(look, scene, 5).tobytes()


def test_another_seed_draws_another_picture_of_the_same_figure() -> None:
    rng = random.Random(1)
    look, scene = world.random_look(rng), world.random_scene(rng)
    assert world.draw(look, scene, 5).tobytes() != world.draw(look, scene, 6).tobytes()


def test_every_attribute_changes_the_picture() -> None:
    look = world.Look("tan", "red hair", "bob cut", "blue eyes", "none")
    scene = world.Scene("smile", "facing viewer", "portrait", "blue shirt", "none", "grass")
    plain = world.draw(look, scene, 3)
    changed: list[tuple[world.Look, world.Scene]] = []
    for field in dataclasses.fields(world.Look):
        changed += [(dataclasses.replace(look, **{field.name: tag}), scene) for tag in world.GROUPS[field.name]]
    for field in dataclasses.fields(world.Scene):
        changed += [(look, dataclasses.replace(scene, **{field.name: tag})) for tag in world.GROUPS[field.name]]
    same = [pair for pair in changed if ImageChops.difference(world.draw(*pair, 3), plain).getbbox() is None]
    # Only the unchanged value of each of the nine groups that have one tag shown draws the plain picture.
    assert len(same) == 9


def test_marks_are_at_least_four_pixels_wide_even_on_a_small_head() -> None:
    bare = world.Look("pale skin", "black hair", "short hair", "blue eyes", "none")
    for framing in world.FRAMINGS:
        scene = world.Scene("smile", "facing viewer", framing, "red shirt", "none", "pink background")
        for mark in world.MARKS[1:]:
            with_mark = world.draw(dataclasses.replace(bare, marks=mark), scene, 9)
            difference = np.asarray(ImageChops.difference(with_mark, world.draw(bare, scene, 9))).max(axis=2)
            rows = np.flatnonzero((difference > 16).any(axis=1))
            assert rows.max() - rows.min() + 1 >= 4, (mark, framing)


def test_captions_leave_out_what_cannot_be_seen_from_behind() -> None:
    look = world.Look("tan", "red hair", "bob cut", "blue eyes", "heart")
    behind = world.Scene("smile", "from behind", "portrait", "blue shirt", "glasses", "grass")
    tags = world.caption_tags(look, behind)
    assert not {"blue eyes", "heart", "smile", "glasses"} & set(tags)
    assert {"tan", "red hair", "bob cut", "from behind", "blue shirt", "grass"} <= set(tags)


def test_a_picture_shows_at_most_one_tag_of_each_group() -> None:
    rng = random.Random(4)
    for _ in range(200):
        tags = world.caption_tags(world.random_look(rng), world.random_scene(rng))
        assert len(tags) == len(set(tags))
        assert all(len(set(tags) & set(group)) <= 1 for group in world.GROUPS.values())
        assert set(tags) <= set(world.ALL_TAGS)


def test_a_caption_names_the_character_first_and_shuffles_the_tags() -> None:
    tags = ["red hair", "smile", "grass"]
    text = world.caption("Zabuko", tags, random.Random(2))
    assert text.startswith("photo of Zabuko, ")
    assert sorted(text.split(", ")[1:]) == sorted(tags)
    assert world.caption(None, [], random.Random(2)) == "photo of someone"


def test_larger_pictures_show_the_same_figure() -> None:
    rng = random.Random(8)
    look, scene = world.random_look(rng), world.random_scene(rng)
    large = world.draw(look, scene, 5, size=256)
    assert large.size == (256, 256)
    difference = np.asarray(ImageChops.difference(large.resize((64, 64), 4), world.draw(look, scene, 5)))
    assert difference.mean() < 6


def test_the_head_circle_lies_where_the_head_is_drawn() -> None:
    look = world.Look("green skin", "red hair", "mohawk", "blue eyes", "none")
    scene = world.Scene("smile", "from behind", "full body", "blue shirt", "none", "pink background")
    x, y, radius = world.head_circle(look, scene, 12)
    red, green, blue = world.draw(look, scene, 12).getpixel((round(x + radius * 0.6), round(y)))
    assert green > red and green > blue
