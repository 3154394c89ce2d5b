"""The demo's subject: an unseen character, and a folder of pictures as a person would have it."""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageOps

from loratui.demo import world

if TYPE_CHECKING:
    from pathlib import Path

NAME = "Zabuko"
HAIR_COLOURS: tuple[str, ...] = ("red hair", "blonde hair", "blue hair")
PRIMARIES = 24
SUPPORTING = 24
_EXIF_ORIENTATION = 0x0112


@dataclass(frozen=True)
class DemoPicture:
    """One file of the demo folder; `tags` are the flexible ones, as its sidecar has them."""

    file: str
    role: str
    """primary, supporting, near_duplicate, mirrored, rotated or corrupt"""
    tags: tuple[str, ...]
    copy_of: str | None = None


@dataclass(frozen=True)
class DemoManifest:
    """What was written: the trigger name, the traits to imbue, the hair colours and every file."""

    name: str
    imbued: tuple[str, ...]
    hair_colours: tuple[str, ...]
    pictures: tuple[DemoPicture, ...]


def demo_look(hair_colour: str = HAIR_COLOURS[0]) -> world.Look:
    """The subject; only the hair colour changes from picture to picture."""
    return world.Look("green skin", hair_colour, "twintails", "red eyes", "heart")


def imbued_tags() -> tuple[str, ...]:
    """The traits that the trigger alone is to bring; captions leave them out."""
    look = demo_look()
    return (look.skin, look.hair_style, look.eyes, look.marks)


def demo_scene(rng: random.Random, role: str, index: int) -> world.Scene:
    """A scene for a picture: primaries show the face well, supporting ones everything else."""
    scene = world.random_scene(rng)
    if role == "primary":
        view = "from side" if index % 6 == 5 else "facing viewer"
        framing = "full body" if index % 6 == 2 else "portrait"
    else:
        view = world.VIEWS[(0, 1, 0, 1, 0, 2)[index % 6]]
        framing = "full body" if index % 2 == 0 else "portrait"
    # Values taken in turn, so that no expression, shirt or background is left out by chance.
    return dataclasses.replace(
        scene,
        view=view,
        framing=framing,
        expression=world.EXPRESSIONS[index % len(world.EXPRESSIONS)],
        clothes=tuple(world.SHIRTS)[(index * 5 + index // 6) % len(world.SHIRTS)],
        accessories=world.ACCESSORIES[(0, 0, 1, 0, 2, 0, 3, 0)[index % 8]],
        background=tuple(world.BACKGROUNDS)[(index + index // 6) % len(world.BACKGROUNDS)],
    )


def flexible_tags(look: world.Look, scene: world.Scene) -> tuple[str, ...]:
    """What captions say: the hair colour and the scene, not the imbued traits."""
    return (look.hair_colour, *world.scene_tags(scene))


def draw_demo_pictures(folder: Path, seed: int = 0, size: int = 256) -> DemoManifest:
    """Write the demo folder: good pictures with sidecars, and some that curation must catch.

    Pictures are `size` pixels square. Files named `primary_*` and `supporting_*` are the data set;
    the others are two near-duplicates, a mirrored one, a JPEG turned by its EXIF tag, a corrupt PNG.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    made: list[DemoPicture] = []
    drawn: dict[str, Image.Image] = {}
    for role, count in (("primary", PRIMARIES), ("supporting", SUPPORTING)):
        for index in range(count):
            look = demo_look(HAIR_COLOURS[(index + index // 6) % len(HAIR_COLOURS)])
            scene = demo_scene(rng, role, index)
            picture = DemoPicture(f"{role}_{index + 1:02}.png", role, flexible_tags(look, scene))
            drawn[picture.file] = world.draw(look, scene, rng.getrandbits(32), size)
            drawn[picture.file].save(folder / picture.file)
            made.append(picture)
    by_file = {picture.file: picture for picture in made}
    for number, source in ((1, "primary_03.png"), (2, "primary_08.png")):
        file = f"download_{number}.jpg"
        smaller = drawn[source].resize((size * 3 // 4, size * 3 // 4), Image.Resampling.LANCZOS)
        smaller.save(folder / file, quality=80)
        made.append(DemoPicture(file, "near_duplicate", by_file[source].tags, source))
    source = "primary_06.png"
    ImageOps.mirror(drawn[source]).save(folder / "selfie_1.png")
    made.append(DemoPicture("selfie_1.png", "mirrored", by_file[source].tags, source))
    made.append(_write_rotated(folder, rng, size))
    whole = (folder / "primary_01.png").read_bytes()
    (folder / "broken_1.png").write_bytes(whole[: len(whole) // 2])
    made.append(DemoPicture("broken_1.png", "corrupt", ()))
    for picture in made:
        if picture.tags:
            text = ", ".join(picture.tags) + "\n"
            (folder / picture.file).with_suffix(".txt").write_text(text, encoding="utf-8")
    return DemoManifest(NAME, imbued_tags(), HAIR_COLOURS, tuple(made))


def _write_rotated(folder: Path, rng: random.Random, size: int) -> DemoPicture:
    """A picture of its own, stored lying on its side with the EXIF tag that says so."""
    look, scene = demo_look(), demo_scene(rng, "primary", 0)
    lying = world.draw(look, scene, rng.getrandbits(32), size).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[_EXIF_ORIENTATION] = 6
    lying.save(folder / "phone_1.jpg", quality=92, exif=exif)
    return DemoPicture("phone_1.jpg", "rotated", flexible_tags(look, scene))
