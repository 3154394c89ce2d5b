"""One unit of the test of the claims: a character's pictures, captioned by a rule, trained, rendered and read.

How it is set up, and why:

- A character has a name that the base has never seen, a fixed skin, eyes, mark and hair style, and three hair
  colours: its own in half of the pictures and two others in a quarter each. The tags of every picture are imported
  in full; what the captions leave out is a rule of the subject, which is all that differs between conditions.
- Hair colour and the traits (skin, eyes, mark) swap places: one is left out of the captions while the other is said.
  Hair style and shirt are left out in every condition.
- Hair is imbued twice: in those pictures, and in as many where the pictures of other colours are drawn again with its
  own. A trial (seed 99, none of those tested) showed that words win over hair that was imbued while its colour varied;
  nobody imbues what varies, so the steady colour is the fairer test, and both are told.
- Primaries wear one shirt and supporting pictures another, and views, framings and hair colours are dealt to both
  roles alike: what a role weighs can then be read from the shirts that nobody asked for.
- Every training has as many steps as the others, so that a role with more repeats weighs more without training longer.
- The same noise is used for the images of every condition of a character: differences are taken in pairs.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import random
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image

from loratui.captions import service as captions
from loratui.catalog import importer, roles, runs, subjects
from loratui.demo import world
from loratui.demo.assets import cast_folder
from loratui.demo.lesson import SAMPLING, SHOWN
from loratui.errors import NotFoundError, TrainingError
from loratui.review.render import render
from loratui.review.request import CellRequest, LoraFile
from loratui.runs import service as trainings
from loratui.runs.bases import SHIPPED, choose_base
from loratui.runs.folder import write_json

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from loratui.catalog.rows import Checkpoint, Run, Subject
    from loratui.catalog.store import Catalog
    from loratui.demo.judge import Judge
    from loratui.events import Report

VERSION = 1
_EDGE = 256
_FIRST_SEED = 5000
_HAIR_SEED = 9000


@dataclass(frozen=True, slots=True)
class Design:
    """Sizes of the experiment; `pictures` per role (a multiple of 4), `images` with the trigger alone."""

    pictures: int = 24
    images: int = 80
    hair_images: int = 15
    """Images per hair colour asked for."""


QUICK = Design(pictures=4, images=4, hair_images=1)
"""Sizes with which everything runs and nothing is learned."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What is done to a character's pictures: which tags the captions leave out and what a primary picture weighs."""

    name: str
    imbued: str = "traits"
    """traits or hair"""
    influence: int = 2
    """A primary picture's weight over a supporting one's; there are as many of each."""
    trained: bool = True
    steady: bool = False
    """Whether all pictures show the character's own hair colour."""
    asks_hair: bool = False

    @property
    def epochs(self) -> int:
        """Epochs with which every influence makes the same number of steps: 180 with 24 pictures per role."""
        return {1: 15, 2: 10, 4: 6}[self.influence]


NO_LORA = Condition("no LoRA", trained=False, asks_hair=True)
TRAITS_IMBUED = Condition("traits imbued", asks_hair=True)
HAIR_IMBUED = Condition("hair imbued", imbued="hair", asks_hair=True)
STEADY_IMBUED = Condition("steady hair imbued", imbued="hair", steady=True, asks_hair=True)
EVEN = Condition("influence 1 to 1", influence=1)
FOURFOLD = Condition("influence 4 to 1", influence=4)
CONDITIONS = (NO_LORA, TRAITS_IMBUED, HAIR_IMBUED, STEADY_IMBUED, EVEN, FOURFOLD)
"""`traits imbued` is also the middle of the three influences."""

_SUPPORTING_REPEATS = 2


@dataclass(frozen=True, slots=True)
class Character:
    """Who is trained: `hair` holds its own colour, the two others of its pictures, and one that is in none."""

    seed: int
    name: str
    look: world.Look
    hair: tuple[str, str, str, str]
    shirts: tuple[str, str]
    """What primaries wear, and what supporting pictures do."""

    @property
    def traits(self) -> dict[str, str]:
        """The traits that claims are about, by their group."""
        return {"skin": self.look.skin, "eyes": self.look.eyes, "marks": self.look.marks}

    def imbued(self, condition: Condition) -> list[str]:
        """The tags that captions leave out."""
        swapped = list(self.traits.values()) if condition.imbued == "traits" else list(self.hair[:3])
        return [*swapped, self.look.hair_style, *self.shirts]


@dataclass(frozen=True, slots=True)
class Result:
    """What the images of a unit show, as counts: `alone` per tag of `images`, `asked` per hair colour of `each`."""

    seed: int
    condition: str
    images: int
    alone: dict[str, int]
    each: int
    asked: dict[str, int]
    steps: int
    seconds: float


def invent_character(seed: int) -> Character:
    """The character of a seed."""
    rng = random.Random(f"claims {seed}")
    # Longer than any name of the base's own cast, so none of them.
    name = (world.random_name(rng) + world.random_name(rng))[:8]
    hair = rng.sample(tuple(world.HAIR_COLOURS), 4)
    look = dataclasses.replace(world.random_look(rng), marks=rng.choice(world.MARKS[1:]), hair_colour=hair[0])
    shirts = rng.sample(tuple(world.SHIRTS), 2)
    return Character(seed, name, look, (hair[0], hair[1], hair[2], hair[3]), (shirts[0], shirts[1]))


def draw_pictures(folder: Path, character: Character, design: Design) -> None:
    """Write pictures (PNG, 256 px) beside sidecars with all of their tags.

    Named by role and hair: `primary_own_*`, `primary_other_*`, and `primary_again_*` for the latter with the
    character's own hair; `supporting_*` likewise.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(f"pictures {character.seed}")
    own, second, third, _ = character.hair
    count = design.pictures
    for role, shirt in zip(("primary", "supporting"), character.shirts, strict=True):
        hair = _deal((own, second, own, third), count, rng)
        views = _deal(("facing viewer", "facing viewer", "from side"), count, rng)
        framings = _deal(("portrait", "portrait", "portrait", "full body"), count, rng)
        for index in range(count):
            scene = dataclasses.replace(
                world.random_scene(rng), view=views[index], framing=framings[index], clothes=shirt
            )
            seed, order = rng.getrandbits(32), rng.getrandbits(32)
            kinds = {"own": own} if hair[index] == own else {"other": hair[index], "again": own}
            for kind, colour in kinds.items():
                look = dataclasses.replace(character.look, hair_colour=colour)
                path = folder / f"{role}_{kind}_{index + 1:02}.png"
                world.draw(look, scene, seed, _EDGE).save(path)
                tags = world.caption_tags(look, scene)
                random.Random(order).shuffle(tags)
                path.with_suffix(".txt").write_text(", ".join(tags) + "\n", encoding="utf-8")


def _deal(values: Sequence[str], count: int, rng: random.Random) -> list[str]:
    dealt = [values[index % len(values)] for index in range(count)]
    rng.shuffle(dealt)
    return dealt


def fingerprint(design: Design) -> str:
    """What results depend on besides seed and condition: design, sampling and the cast itself; 12 hex digits."""
    hashed = hashlib.sha256(json.dumps([VERSION, asdict(design), asdict(SAMPLING), SHOWN]).encode())
    for path in sorted(cast_folder().rglob("*")):
        if path.suffix in (".safetensors", ".onnx"):
            hashed.update(path.read_bytes())
    return hashed.hexdigest()[:12]


def measure_unit(
    catalog: Catalog,
    folder: Path,
    character: Character,
    condition: Condition,
    design: Design,
    judge: Judge,
    report: Report,
    cancel: threading.Event | None = None,
) -> Result:
    """Train and measure one condition of one character; its images lie in the folder.

    Killed and called again it goes on: a training that was started is taken up and images that are there stay.
    """
    begun = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    lora, steps = None, 0
    if condition.trained:
        run = _train(catalog, folder, character, condition, design, report, cancel)
        checkpoint = trainings.show_checkpoints(catalog, run.name)[-1]
        lora, steps = _name_file(checkpoint), run.total_steps
    prompt = f"photo of {character.name}"
    asked = [colour for colour in character.hair for _ in range(design.hair_images)] if condition.asks_hair else []
    cells = [CellRequest(prompt, _FIRST_SEED + n, lora=lora) for n in range(design.images)]
    cells += [CellRequest(f"{prompt}, {colour}", _HAIR_SEED + n, lora=lora) for n, colour in enumerate(asked)]
    settings = dataclasses.replace(SAMPLING, threads=1)
    base = choose_base(catalog, SHIPPED)
    paths = list(render(folder, base, cells, settings, report=report, cancel=cancel).values())
    seen = [{tag for tag, score in tags.items() if score >= SHOWN} for tags in _read(judge, paths)]
    alone, with_hair = seen[: design.images], seen[design.images :]
    obeyed = [colour in tags for colour, tags in zip(asked, with_hair, strict=True)]
    return Result(
        seed=character.seed,
        condition=condition.name,
        images=len(alone),
        alone={tag: sum(tag in tags for tags in alone) for tag in world.ALL_TAGS},
        each=design.hair_images if asked else 0,
        asked={
            colour: sum(right for right, wanted in zip(obeyed, asked, strict=True) if wanted == colour)
            for colour in dict.fromkeys(asked)
        },
        steps=steps,
        seconds=round(time.monotonic() - begun, 1),
    )


def _name_file(checkpoint: Checkpoint) -> LoraFile:
    return LoraFile(path=checkpoint.path, name=f"epoch {checkpoint.epoch}", autov3=checkpoint.autov3)


def _read(judge: Judge, paths: Sequence[Path]) -> list[dict[str, float]]:
    images = []
    for path in paths:
        with Image.open(path) as image:
            images.append(image.convert("RGB"))
    return judge.read(images)


def _train(
    catalog: Catalog,
    folder: Path,
    character: Character,
    condition: Condition,
    design: Design,
    report: Report,
    cancel: threading.Event | None,
) -> Run:
    note = folder / "training.json"
    run = _find_started(catalog, note)
    if run is None:
        subject = curate(catalog, folder.parent / "pictures", character, condition, design, report, cancel)
        epochs = condition.epochs
        changes: dict[str, Any] = {"epochs": epochs, "seed": character.seed, "save_every": epochs, "state_every": 0}
        run = trainings.start_training(catalog, subject, base=SHIPPED, changes=changes)
        write_json(note, {"run": run.name})
    run = trainings.wait_for_run(catalog, run.name, report, cancel)
    if run.state != "done":
        raise TrainingError(f"{run.name} was {run.state}.", hint="Start the command again: it goes on from there.")
    return run


def _find_started(catalog: Catalog, note: Path) -> Run | None:
    """The training that an earlier call began, resumed where it was stopped; None when there is none to go on with."""
    if not note.exists():
        return None
    try:
        run = runs.get_run(catalog, json.loads(note.read_text(encoding="utf-8"))["run"])
    except NotFoundError:
        return None
    if run.state in ("stopped", "failed"):
        return trainings.resume_run(catalog, run.name)
    return run


def curate(
    catalog: Catalog,
    source: Path,
    character: Character,
    condition: Condition,
    design: Design,
    report: Report,
    cancel: threading.Event | None = None,
) -> Subject:
    """The character as a subject with the pictures and captions of a condition; done again it changes nothing."""
    draw_pictures(source, character, design)
    try:
        subject = subjects.get_subject(catalog, character.name)
    except NotFoundError:
        subject, _ = subjects.add_subject(catalog, character.name, character.name)
    result = importer.import_pictures(catalog, subject, [source], report=report, cancel=cancel)
    captions.import_sidecars(catalog, subject, result.sidecars)
    for role in ("primary", "supporting"):
        used, unused = ("again", "other") if condition.steady else ("other", "again")
        roles.set_role(catalog, subject, "inbox", f"name:{role}_{unused}*")
        for kind in ("own", used):
            roles.set_role(catalog, subject, role, f"name:{role}_{kind}*")
    captions.change_rules(catalog, subject, {"imbued": character.imbued(condition)})
    repeats = _SUPPORTING_REPEATS * condition.influence
    subject, _ = subjects.edit_subject(
        catalog, subject, primary_repeats=repeats, supporting_repeats=_SUPPORTING_REPEATS
    )
    return subject
