"""What the tags of a picture say about framing, angle, expression, background, lighting and clothing.

Tag names are those of the WD taggers' vocabulary and of the drawn cast, spelled with spaces. Words that look as if
they belonged here but are not in that vocabulary (three-quarter view, bust, living room) are left out on purpose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from loratui.captions.tags import fold_tag
from loratui.captions.wardrobe import GARMENTS, find_garment, kind_of_garment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Facet = Literal["framing", "angle", "expression", "background", "lighting", "clothing"]

# Within a facet the strongest tag decides; of equally strong ones that of the value named first.
_FRAMING: dict[str, tuple[str, ...]] = {
    "close-up": ("close-up", "head only", "eye focus"),
    "portrait": ("portrait",),
    "upper body": ("upper body",),
    "cowboy shot": ("cowboy shot",),
    "full body": ("full body", "feet out of frame", "wide shot", "very wide shot"),
}
_ANGLE: dict[str, tuple[str, ...]] = {
    "back": ("from behind", "facing away", "looking back", "back focus"),
    "side": ("from side", "profile", "facing to the side"),
    "above": ("from above",),
    "below": ("from below",),
    "front": ("straight-on", "facing viewer"),
}
_BACKGROUND: dict[str, tuple[str, ...]] = {
    "outdoors": (
        *("outdoors", "sky", "tree", "forest", "grass", "field", "mountain", "beach", "ocean", "lake", "river"),
        *("snow", "rain", "city", "cityscape", "street", "alley", "road", "building", "rooftop", "balcony", "park"),
        *("garden", "pool", "bridge", "ruins", "desert", "night sky", "space"),
    ),
    "indoors": (
        *("indoors", "bedroom", "bathroom", "kitchen", "classroom", "office", "library", "gym", "stage", "hallway"),
        *("window", "curtains", "couch", "bed", "chair", "car interior", "train interior"),
    ),
    "plain": (
        *("simple background", "white background", "grey background", "black background", "blue background"),
        *("brown background", "green background", "pink background", "yellow background", "red background"),
        *("purple background", "orange background", "gradient background", "two-tone background"),
        "transparent background",
    ),
    "blurred": ("blurry background", "depth of field"),
}

_SMILE = ("smile", "light smile", "smirk", "happy")
_TEETH = ("teeth", "upper teeth only", "lower teeth only")
_OPEN = ("open mouth", "parted lips", ":o")
_EXPRESSION: dict[str, tuple[str, ...]] = {
    "laugh": ("laughing",),
    "surprised": ("surprised", "wide-eyed", "scared"),
    "sad": ("sad", "crying", "tears", "worried"),
    "angry": ("frown", "angry", "annoyed", "clenched teeth", "pout", "v-shaped eyebrows", "furrowed brow"),
    "eyes closed": ("closed eyes",),
    "teeth": ("grin", ":d", *_TEETH),
    "open mouth": _OPEN,
    "smile": _SMILE,
    "neutral": ("closed mouth", "expressionless", "serious"),
}
_LIGHTING: dict[str, tuple[str, ...]] = {
    "backlit": ("backlighting", "silhouette"),
    "dark": ("dark", "night", "moonlight", "candlelight", "dim lighting"),
    "bright": ("bright lighting", "sunlight", "sunbeam", "light rays", "bloom"),
    # No tagger says this; a person may.
    "normal": ("even lighting",),
}
# Of 58 photos, those darker than the first look dark at a glance, those brighter than the second mostly white. Where
# a tag says so too, less of it is enough.
_DARK, _BRIGHT = 0.25, 0.72
_DARK_WHEN_TAGGED, _BRIGHT_WHEN_TAGGED = 0.4, 0.55


class Choice(NamedTuple):
    """A facet's value: its short name, and how one says it after "no picture"."""

    name: str
    words: str


CHOICES: dict[Facet, tuple[Choice, ...]] = {
    "framing": (
        Choice("close-up", "close up"),
        Choice("portrait", "as a portrait"),
        Choice("upper body", "of the upper body"),
        Choice("cowboy shot", "down to the thighs"),
        Choice("full body", "of the full body"),
    ),
    "angle": (
        # No tag says three-quarter view: it is what is neither from the side nor from behind.
        Choice("front", "from the front"),
        Choice("side", "from the side"),
        Choice("back", "from behind"),
        Choice("above", "from above"),
        Choice("below", "from below"),
    ),
    "expression": (
        Choice("neutral", "with a neutral face"),
        Choice("smile", "with a smile"),
        Choice("teeth", "with teeth shown"),
        Choice("open mouth", "with an open mouth"),
        Choice("laugh", "laughing"),
        Choice("angry", "frowning or angry"),
        Choice("sad", "looking sad"),
        Choice("surprised", "looking surprised"),
        Choice("eyes closed", "with closed eyes"),
    ),
    "background": (
        Choice("plain", "on a plain background"),
        Choice("indoors", "indoors"),
        Choice("outdoors", "outdoors"),
        Choice("blurred", "with a blurred background"),
    ),
    "lighting": (
        Choice("dark", "in the dark"),
        Choice("normal", "in even light"),
        Choice("bright", "in bright light"),
        Choice("backlit", "lit from behind"),
    ),
    "clothing": (
        Choice("shirt", "in a shirt or sweater"),
        Choice("dress", "in a dress"),
        Choice("coat", "in a coat or jacket"),
        Choice("suit", "in a suit"),
        Choice("uniform", "in a uniform"),
        Choice("traditional", "in a kimono or robe"),
        Choice("sportswear", "in sportswear"),
        Choice("armor", "in armor"),
        Choice("skirt or trousers", "in a skirt or trousers"),
        Choice("swimwear", "in swimwear"),
        Choice("underwear", "in underwear"),
        Choice("none", "without clothes"),
    ),
}
"""Every value of a facet, in the order in which it is shown."""

_TABLES: dict[Facet, dict[str, tuple[str, ...]]] = {
    "framing": _FRAMING,
    "angle": _ANGLE,
    "expression": _EXPRESSION,
    "background": _BACKGROUND,
    "lighting": _LIGHTING,
    "clothing": GARMENTS,
}
_GAZE = "looking at viewer"

VOCABULARY: frozenset[str] = frozenset(
    {_GAZE, *(tag for table in _TABLES.values() for tags in table.values() for tag in tags)}
)
"""Every tag that says something here, folded like `fold_tag` does."""

TAGS_OF: dict[Facet, dict[str, tuple[str, ...]]] = _TABLES
"""The tags that say each value of each facet; the first is the plainest."""

_VALUES: dict[Facet, dict[str, str]] = {
    facet: {tag: value for value, tags in table.items() for tag in tags} for facet, table in _TABLES.items()
}

# Clothes are read apart, because what tells outfits apart is the garment and not its kind.
_FACETS: dict[str, list[Facet]] = {
    tag: [facet for facet, values in _VALUES.items() if tag in values and facet != "clothing"] for tag in VOCABULARY
}
_RANKS: dict[Facet, dict[str, int]] = {
    facet: {tag: rank for rank, tags in enumerate(table.values()) for tag in tags} for facet, table in _TABLES.items()
}


def read_facets(
    written: frozenset[str] | set[str], scored: Mapping[str, float], luminance: float | None = None
) -> dict[Facet, str]:
    """The value of each facet that a picture's tags tell; a facet that they say nothing about is left out.

    `written` are the tags of a person, who overrules the tagger facet by facet; `scored` those of a tagger with
    their scores. Both are folded (see fold_tag). With its mean luminance, 0 (black) to 1 (white), the lighting is
    always known.
    """
    return read_shown(written, scored, luminance)[0]


def read_shown(
    written: frozenset[str] | set[str], scored: Mapping[str, float], luminance: float | None = None
) -> tuple[dict[Facet, str], str]:
    """The facets of a picture, and the garment that it is told apart by, such as "red shirt", empty for none."""
    found: dict[Facet, str] = {}
    own: dict[Facet, dict[str, float]] = {}
    for tag in written:
        for facet in _FACETS.get(tag, ()):
            own.setdefault(facet, {})[tag] = 1.0
    tags: dict[Facet, dict[str, float]] = {}
    for tag, score in scored.items():
        for facet in _FACETS.get(tag, ()):
            tags.setdefault(facet, {})[tag] = score
    for facet, present in (tags | own).items():
        found[facet] = _READERS.get(facet, _strongest)(facet, present)
    # Whoever is tagged at all and not seen from elsewhere is seen from the front, or nearly.
    if "angle" not in found and (written or scored):
        found["angle"] = "front"
    if luminance is not None and "lighting" not in own:
        found["lighting"] = _read_lighting(luminance, tags.get("lighting", {}))
    garment = find_garment(dict.fromkeys(written, 1.0)) or find_garment(scored)
    if garment:
        found["clothing"] = kind_of_garment(garment)
    return found, garment


def _read_lighting(luminance: float, tags: Mapping[str, float]) -> str:
    # Tags decide about light from behind, which no mean shows, and in doubtful cases.
    tagged = {_VALUES["lighting"][tag] for tag in tags}
    if "backlit" in tagged:
        return "backlit"
    if luminance < (_DARK_WHEN_TAGGED if "dark" in tagged else _DARK):
        return "dark"
    return "bright" if luminance > (_BRIGHT_WHEN_TAGGED if "bright" in tagged else _BRIGHT) else "normal"


def fold_known(tag: str) -> str:
    """The tag folded when it says something here, else nothing."""
    folded = fold_tag(tag)
    return folded if folded in VOCABULARY else ""


def _strongest(facet: Facet, tags: Mapping[str, float]) -> str:
    ranks = _RANKS[facet]
    return _VALUES[facet][max(tags, key=lambda tag: (tags[tag], -ranks[tag]))]


def _read_expression(_facet: Facet, tags: Mapping[str, float]) -> str:
    # The order of the table, in which the rarer word comes first: a smile with teeth is more than a smile.
    present = {_VALUES["expression"][tag] for tag in tags}
    return next((value for value in _EXPRESSION if value in present), "")


def _read_background(facet: Facet, tags: Mapping[str, float]) -> str:
    # A place says more than what stands before it: a blurred street is outdoors.
    places = {tag: score for tag, score in tags.items() if _VALUES[facet][tag] in ("outdoors", "indoors")}
    plain = {tag: score for tag, score in tags.items() if _VALUES[facet][tag] == "plain"}
    return _strongest(facet, places or plain or tags)


_READERS: dict[Facet, Callable[[Facet, Mapping[str, float]], str]] = {
    "expression": _read_expression,
    "background": _read_background,
}
