"""A drawn world: characters whose every attribute is known, because they are drawn from it.

Lengths are in final pixels of a 64 px picture; the drawing itself happens at four times that size.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]

SKINS: dict[str, Colour] = {
    "pale skin": (255, 226, 204),
    "tan": (226, 160, 96),
    "dark skin": (126, 76, 48),
    "green skin": (112, 204, 92),
    "blue skin": (96, 168, 242),
    "purple skin": (176, 116, 222),
}
HAIR_COLOURS: dict[str, Colour] = {
    "red hair": (216, 40, 30),
    "blonde hair": (250, 210, 70),
    "black hair": (34, 32, 40),
    "brown hair": (118, 68, 28),
    "blue hair": (40, 70, 212),
    "pink hair": (255, 128, 190),
    "white hair": (244, 244, 250),
}
HAIR_STYLES: tuple[str, ...] = ("short hair", "long hair", "bob cut", "twintails", "mohawk", "afro")
EYES: dict[str, Colour] = {
    "blue eyes": (30, 90, 255),
    "green eyes": (20, 176, 60),
    "brown eyes": (120, 60, 10),
    "red eyes": (232, 20, 20),
    "purple eyes": (152, 40, 212),
    "yellow eyes": (250, 204, 0),
}
MARKS: tuple[str, ...] = ("none", "freckles", "scar", "mole", "heart")
EXPRESSIONS: tuple[str, ...] = ("smile", "teeth", "open mouth", "frown", "expressionless")
VIEWS: tuple[str, ...] = ("facing viewer", "from side", "from behind")
FRAMINGS: tuple[str, ...] = ("portrait", "full body")
SHIRTS: dict[str, Colour] = {
    "red shirt": (222, 40, 50),
    "blue shirt": (40, 92, 222),
    "green shirt": (40, 152, 70),
    "white shirt": (244, 244, 244),
    "black shirt": (40, 40, 46),
    "yellow shirt": (246, 212, 60),
}
ACCESSORIES: tuple[str, ...] = ("none", "hat", "glasses", "scarf")
BACKGROUNDS: dict[str, Colour] = {
    "white background": (250, 250, 250),
    "blue background": (70, 124, 232),
    "pink background": (255, 172, 206),
    "yellow background": (255, 234, 128),
    "grass": (194, 232, 255),
    "night sky": (26, 26, 74),
}

GROUPS: dict[str, tuple[str, ...]] = {
    "skin": tuple(SKINS),
    "hair_colour": tuple(HAIR_COLOURS),
    "hair_style": HAIR_STYLES,
    "eyes": tuple(EYES),
    "marks": MARKS[1:],
    "expression": EXPRESSIONS,
    "view": VIEWS,
    "framing": FRAMINGS,
    "clothes": tuple(SHIRTS),
    "accessories": ACCESSORIES[1:],
    "background": tuple(BACKGROUNDS),
}
"""Attribute group -> its tags; a picture shows at most one tag of each group."""

IDENTITY_GROUPS: tuple[str, ...] = ("skin", "hair_colour", "hair_style", "eyes", "marks")
ALL_TAGS: tuple[str, ...] = tuple(tag for tags in GROUPS.values() for tag in tags)

_LINE: Colour = (44, 34, 44)
_HAT: Colour = (250, 140, 0)
_SCARF: Colour = (0, 166, 156)
_SUPERSAMPLE = 4


@dataclass(frozen=True)
class Look:
    """What stays the same about a character."""

    skin: str
    hair_colour: str
    hair_style: str
    eyes: str
    marks: str


@dataclass(frozen=True)
class Scene:
    """What changes from picture to picture."""

    expression: str
    view: str
    framing: str
    clothes: str
    accessories: str
    background: str


def random_look(rng: random.Random) -> Look:
    """A look with every value as likely as the others of its group, but half without a mark."""
    return Look(
        skin=rng.choice(tuple(SKINS)),
        hair_colour=rng.choice(tuple(HAIR_COLOURS)),
        hair_style=rng.choice(HAIR_STYLES),
        eyes=rng.choice(tuple(EYES)),
        marks=rng.choice(MARKS[1:]) if rng.random() < 0.6 else "none",
    )


def random_scene(rng: random.Random) -> Scene:
    """A scene; half are seen from the front because faces need the most learning."""
    return Scene(
        expression=rng.choice(EXPRESSIONS),
        view=rng.choices(VIEWS, (5, 3, 2))[0],
        framing=rng.choices(FRAMINGS, (3, 2))[0],
        clothes=rng.choice(tuple(SHIRTS)),
        accessories=rng.choice(ACCESSORIES),
        background=rng.choice(tuple(BACKGROUNDS)),
    )


def identity_tags(look: Look, scene: Scene) -> list[str]:
    """The tags of the look that this scene lets one see."""
    tags = [look.skin, look.hair_colour, look.hair_style]
    if scene.view != "from behind":
        tags.append(look.eyes)
        if look.marks != "none":
            tags.append(look.marks)
    return tags


def scene_tags(scene: Scene) -> list[str]:
    """The tags of the scene that can be seen."""
    tags = [scene.view, scene.framing, scene.clothes, scene.background]
    behind = scene.view == "from behind"
    if not behind:
        tags.append(scene.expression)
    if scene.accessories != "none" and not (behind and scene.accessories == "glasses"):
        tags.append(scene.accessories)
    return tags


def caption_tags(look: Look, scene: Scene) -> list[str]:
    """Every tag that the picture of this look in this scene deserves."""
    return identity_tags(look, scene) + scene_tags(scene)


def caption(name: str | None, tags: list[str], rng: random.Random) -> str:
    """`photo of NAME, a, b, c` with the tags in random order."""
    shuffled = rng.sample(tags, len(tags))
    return ", ".join([f"photo of {name or 'someone'}", *shuffled])


_CONSONANTS = "bdfgjklmnprstvwz"
_VOWELS = "aeiou"


def random_name(rng: random.Random) -> str:
    """An invented name of two or three syllables."""
    return "".join(rng.choice(_CONSONANTS) + rng.choice(_VOWELS) for _ in range(rng.choice((2, 3, 3))))


def draw(look: Look, scene: Scene, seed: int, size: int = 64) -> Image.Image:
    """Draw the picture; the seed moves and scales the figure a little and shifts its colours."""
    return _Painter(look, scene, random.Random(seed), size).paint()


def head_circle(look: Look, scene: Scene, seed: int) -> tuple[float, float, float]:
    """Where `draw` puts the head: centre x, centre y and radius in pixels of a 64 px picture."""
    painter = _Painter(look, scene, random.Random(seed), 64)
    return painter.cx, painter.cy, 20 * painter.unit


class _Painter:
    """Draws one figure in coordinates relative to its head, whose radius is 20 units."""

    def __init__(self, look: Look, scene: Scene, rng: random.Random, size: int) -> None:
        self.look, self.scene, self.rng, self.size = look, scene, rng, size
        self.pixel = _SUPERSAMPLE * size / 64
        full = scene.framing == "full body"
        scale = rng.uniform(0.95, 1.05)
        self.unit = (0.78 if full else 1.0) * scale
        self.cx = 32 + rng.uniform(-2.5, 2.5)
        self.cy = (24 if full else 32) + rng.uniform(-1.5, 1.5)
        self.skin = self._vary(SKINS[look.skin])
        self.hair = self._vary(HAIR_COLOURS[look.hair_colour])
        self.iris = EYES[look.eyes]
        self.shirt = self._vary(SHIRTS[scene.clothes])
        self.side = scene.view == "from side"
        self.behind = scene.view == "from behind"
        self.image = Image.new("RGB", (size * _SUPERSAMPLE, size * _SUPERSAMPLE))
        self.pen = ImageDraw.Draw(self.image)

    def paint(self) -> Image.Image:
        self._background()
        self._back_hair()
        self._body()
        if self.scene.accessories == "scarf":
            self._scarf()
        self._head()
        if not self.behind:
            self._face()
        self._front_hair()
        if self.scene.accessories == "glasses" and not self.behind:
            self._glasses()
        if self.scene.accessories == "hat":
            self._box(-17, -28, 17, -11, _HAT, 4)
            self._box(-26, -14, 26, -8, _HAT, 3)
        if self.look.hair_style == "mohawk":
            self._mohawk()
        if self.behind or self.side:
            self._ears()
        return self.image.resize((self.size, self.size), Image.Resampling.BOX)

    def _vary(self, colour: Colour) -> Colour:
        shift = self.rng.randint(-8, 8)
        r, g, b = (min(255, max(0, part + shift + self.rng.randint(-3, 3))) for part in colour)
        return r, g, b

    def _at(self, x: float, y: float) -> tuple[float, float]:
        return (self.cx + x * self.unit) * self.pixel, (self.cy + y * self.unit) * self.pixel

    def _frame(self, x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
        return (*self._at(x0, y0), *self._at(x1, y1))

    @property
    def _stroke(self) -> int:
        return round(self.pixel)

    def _ellipse(self, x: float, y: float, rx: float, ry: float, fill: Colour, line: Colour | None = _LINE) -> None:
        self.pen.ellipse(self._frame(x - rx, y - ry, x + rx, y + ry), fill, line, self._stroke)

    def _box(self, x0: float, y0: float, x1: float, y1: float, fill: Colour, radius: float = 2) -> None:
        rounded = radius * self.unit * self.pixel
        self.pen.rounded_rectangle(self._frame(x0, y0, x1, y1), rounded, fill, _LINE, self._stroke)

    def _chord(self, radius: float, start: float, end: float) -> None:
        self.pen.chord(self._frame(-radius, -radius, radius, radius), start, end, self.hair, _LINE, self._stroke)

    def _path(self, points: list[tuple[float, float]], width: float, colour: Colour) -> None:
        spots = [self._at(x, y) for x, y in points]
        self.pen.line(spots, colour, round(width * self.unit * self.pixel), "curve")

    def _polygon(self, points: list[tuple[float, float]], colour: Colour) -> None:
        self.pen.polygon([self._at(x, y) for x, y in points], colour, _LINE, self._stroke)

    def _background(self) -> None:
        edge = self.size * _SUPERSAMPLE
        name = self.scene.background
        self.pen.rectangle((0, 0, edge, edge), self._vary(BACKGROUNDS[name]))
        if name == "grass":
            ground = edge * self.rng.uniform(0.52, 0.6)
            self.pen.rectangle((0, ground, edge, edge), self._vary((84, 186, 62)))
        elif name == "night sky":
            p = self.pixel
            moon = self.rng.uniform(4, 8)
            self.pen.ellipse((moon * p, 4 * p, (moon + 9) * p, 13 * p), (255, 244, 190))
            for left, top in ((54, 8), (4, 34), (57, 38)):
                x, y = left + self.rng.uniform(-2, 2), top + self.rng.uniform(-2, 2)
                self.pen.ellipse((x * p, y * p, (x + 3) * p, (y + 3) * p), (255, 244, 190))

    def _back_hair(self) -> None:
        style = self.look.hair_style
        if style == "afro":
            self._ellipse(0, -4, 28, 27, self.hair)
        elif style == "long hair" and not self.behind:
            x0, x1 = (-27, -2) if self.side else (-26, 26)
            self._box(x0, -8, x1, 33, self.hair, 5)
        elif style == "twintails":
            self._ellipse(-27, 9, 7, 15, self.hair)
            if not self.side:
                self._ellipse(27, 9, 7, 15, self.hair)

    def _body(self) -> None:
        half = 11 if self.side else 15
        if self.scene.framing == "portrait":
            self._box(-half - 8, 20, half + 8, 60, self.shirt, 9)
            self._box(-6, 15, 6, 23, self.skin)
            return
        trousers, shoes = (86, 84, 100), (100, 62, 40)
        for x in (-1,) if self.side else (-6, 6):
            self._box(x - 5, 34, x + 5, 47, trousers, 1)
            self._box(x - 6, 44, x + (9 if self.side else 6), 50, shoes, 2)
        for x in (0,) if self.side else (-16, 16):
            self._ellipse(x, 36, 4.5, 4.5, self.skin)
        self._box(-half, 17, half, 37, self.shirt, 5)
        for x in (0,) if self.side else (-16, 16):
            self._box(x - 4, 19, x + 4, 33, self.shirt, 3)
            self._ellipse(x, 35, 4.5, 4.5, self.skin)

    def _scarf(self) -> None:
        half = 13 if self.side else 16
        self._box(-half, 15, half, 25, _SCARF, 4)
        self._box(4, 19, 12, 34, _SCARF, 2)

    def _head(self) -> None:
        if not self.side:
            for x in (-20, 20):
                self._ellipse(x, 4, 4.5, 5, self.skin)
        if self.side:
            self._ellipse(20, 6, 4, 3.5, self.skin)
        self._ellipse(0, 0, 20, 20, self.skin)

    def _ears(self) -> None:
        for x in (-5,) if self.side else (-20, 20):
            self._ellipse(x, 5, 4.5, 5.5, self.skin)

    def _face(self) -> None:
        for x in (11,) if self.side else (-8.5, 8.5):
            self._ellipse(x, 1.5, 5.8, 6.8, (255, 255, 255))
            look_x = x + (1.2 if self.side else 0)
            self._ellipse(look_x, 2, 4.4, 4.8, self.iris, None)
            self._ellipse(look_x, 2, 1.4, 1.6, (0, 0, 0), None)
        self._mouth()
        self._mark()

    def _mouth(self) -> None:
        x, half = (13.0, 4.0) if self.side else (0.0, 6.0)
        y = 13.0
        kind = self.scene.expression
        if kind == "open mouth":
            self._ellipse(x, y + 0.5, half * 0.75, 4.2, (130, 0, 20))
        elif kind == "teeth":
            self._box(x - half - 0.5, y - 2.5, x + half + 0.5, y + 3, (255, 255, 255), 2.5)
        elif kind == "expressionless":
            self._path([(x - half, y), (x + half, y)], 2.2, (0, 0, 0))
        else:
            bend = 2.6 if kind == "smile" else -2.6
            curve = [(x + half * t, y + bend * (1 - 2 * t * t)) for t in (-1, -0.6, -0.2, 0.2, 0.6, 1)]
            self._path(curve, 2.2, (0, 0, 0))

    def _mark(self) -> None:
        kind = self.look.marks
        # A mark keeps at least 4 final pixels even on a small head, or the autoencoder loses it.
        grow = max(1.0, 0.9 / self.unit)
        cheek = 1.5 if self.side else 12.5
        if kind == "heart":
            colour, x, y = (240, 0, 80), cheek, 11.5
            for dx in (-2.2, 2.2):
                self._ellipse(x + dx * grow, y - 1.5 * grow, 2.7 * grow, 2.7 * grow, colour, None)
            tip = [(-4.7, -0.8), (4.7, -0.8), (0, 5)]
            self.pen.polygon([self._at(x + dx * grow, y + dy * grow) for dx, dy in tip], colour)
        elif kind == "mole":
            x = cheek if self.side else -cheek
            self._ellipse(x, 11.5, 2.8 * grow, 2.8 * grow, (20, 10, 10), None)
        elif kind == "scar":
            x = cheek if self.side else -cheek
            arm = 4.2 * grow
            for lean in (-1, 1):
                self._path([(x - arm, 11 - lean * arm), (x + arm, 11 + lean * arm)], 2.4 * grow, (150, 0, 20))
        elif kind == "freckles":
            colour = (250, 190, 120) if self.look.skin == "dark skin" else (140, 70, 20)
            spots = ((-5, 10), (0, 13), (5, 10)) if self.side else ((-15, 10), (-9.5, 12), (9.5, 12), (15, 10))
            for x, y in spots:
                self._ellipse(x, y, 2.1 * grow, 2.1 * grow, colour, None)

    def _front_hair(self) -> None:
        style = self.look.hair_style
        if style == "mohawk":
            return
        if self.behind:
            self._hair_from_behind(style)
            return
        if self.side:
            self._chord(22, 115 if style == "short hair" else 130, 245)
        self._chord(22, 192, 348)
        if style == "short hair" and not self.side:
            self._box(-22.5, -8, -16.5, 3, self.hair)
            self._box(16.5, -8, 22.5, 3, self.hair)
        elif style == "bob cut":
            if self.side:
                self._box(-25, -8, -2, 16, self.hair)
            else:
                self._box(-25, -8, -16, 16, self.hair)
                self._box(16, -8, 25, 16, self.hair)
        elif style == "long hair":
            if self.side:
                self._box(-27, -8, -5, 33, self.hair, 5)
            else:
                self._box(-26, -8, -17, 33, self.hair, 4)
                self._box(17, -8, 26, 33, self.hair, 4)
        elif style == "afro":
            self._ellipse(0, -16, 23, 9.5, self.hair, None)
        elif style == "twintails":
            self._ties()

    def _hair_from_behind(self, style: str) -> None:
        if style == "afro":
            self._ellipse(0, -4, 28, 27, self.hair)
        elif style == "bob cut":
            self._ellipse(0, 0, 22, 22, self.hair)
            self._box(-25, -8, 25, 16, self.hair, 4)
            self._ellipse(0, -2, 20.5, 18, self.hair, None)
        elif style == "long hair":
            self._ellipse(0, 0, 22, 22, self.hair)
            self._box(-20, 2, 20, 29, self.hair, 6)
            self._ellipse(0, 0, 20.5, 20.5, self.hair, None)
        else:
            self._chord(22, 145, 395)
            if style == "twintails":
                self._ties()

    def _ties(self) -> None:
        for x in (-23,) if self.side else (-23, 23):
            self._ellipse(x, -3, 3, 3, (255, 60, 200))

    def _mohawk(self) -> None:
        if self.side:
            teeth = [(-21, 2), (-29, -8), (-20, -12), (-21, -25), (-10, -20), (-3, -31), (3, -21), (13, -27), (14, -15)]
            self._polygon([*teeth, (0, -17), (-14, -10)], self.hair)
        else:
            low = 16 if self.behind else -9
            self._polygon([(-8, -12), (-10, -27), (-3.5, -23), (0, -31), (3.5, -23), (10, -27), (8, -12),
                           (4, low), (-4, low)], self.hair)  # fmt: skip

    def _glasses(self) -> None:
        dark, width = (10, 10, 10), round(2.2 * self.unit * self.pixel)
        if self.side:
            self._path([(-6, 0), (4, 0)], 2.4, dark)
        else:
            self._path([(-2, 0), (2, 0)], 2.4, dark)
        for x in (11,) if self.side else (-9, 9):
            self.pen.ellipse(self._frame(x - 8.2, -6.6, x + 8.2, 9.8), None, dark, width)
