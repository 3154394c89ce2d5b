"""What somebody wears, by the words of the WD taggers' vocabulary and of the drawn cast: kinds of clothes, garments."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_COLOURS = (
    *("white", "black", "blue", "red", "green", "yellow", "pink", "purple", "brown", "grey", "orange", "aqua"),
    *("striped", "plaid", "print", "frilled", "sleeveless", "open", "hooded", "cropped", "short", "long"),
)

# What covers or says most comes first: a shirt under a coat makes it no picture of a shirt.
_KINDS: dict[str, tuple[str, ...]] = {
    "armor": ("armor", "shoulder armor", "japanese armor", "full armor", "power armor", "plate armor"),
    "uniform": (
        *("school uniform", "serafuku", "uniform", "military uniform", "naval uniform", "police uniform", "maid"),
        *("sailor dress", "blazer", "gakuran", "nurse", "lab coat", "apron", "maid apron", "overalls", "jumpsuit"),
    ),
    "traditional": ("kimono", "yukata", "hakama", "hanfu", "haori", "china dress", "robe", "toga"),
    "suit": ("suit", "business suit", "tuxedo", "formal", "skirt suit", "pant suit", "waistcoat"),
    "sportswear": (
        *("sportswear", "gym uniform", "track suit", "track jacket", "leotard", "bodysuit", "bike shorts"),
        *("sports bra", "baseball uniform", "basketball uniform", "soccer uniform", "tennis uniform"),
    ),
    "coat": (
        *("coat", "jacket", "hoodie", "cape", "cloak", "poncho", "trench coat", "winter coat", "leather jacket"),
        *("denim jacket", "parka", "windbreaker", "winter clothes"),
    ),
    "dress": ("dress", "sundress", "wedding dress", "evening gown", "gown", "pinafore dress"),
    "shirt": (
        *("shirt", "t-shirt", "collared shirt", "dress shirt", "blouse", "sweater", "turtleneck", "cardigan"),
        *("vest", "sweater vest", "tank top", "camisole", "crop top", "tunic", "polo shirt"),
    ),
    "skirt or trousers": ("skirt", "pleated skirt", "pants", "jeans", "denim", "shorts", "leggings"),
    "swimwear": (
        *("swimsuit", "one-piece swimsuit", "school swimsuit", "competition swimsuit", "bikini", "swim trunks"),
        "male swimwear",
    ),
    "underwear": ("underwear", "bra", "panties", "lingerie", "pajamas", "sleepwear", "male underwear", "naked towel"),
    "none": ("nude", "completely nude", "topless male", "topless"),
}

GARMENTS: dict[str, tuple[str, ...]] = {
    kind: tuple(
        dict.fromkeys(
            (*plain, *(f"{colour} {garment}" for garment in plain if " " not in garment for colour in _COLOURS))
        )
    )
    for kind, plain in _KINDS.items()
}
"""The tags of each kind of clothes, the plain ones first."""

_KIND_OF = {garment: kind for kind, garments in GARMENTS.items() for garment in garments}
# By kind first; within a kind a red shirt says more than a shirt.
_RANK = {
    garment: (place, garment in plain)
    for place, (kind, plain) in enumerate(_KINDS.items())
    for garment in GARMENTS[kind]
}

# A garment that a tagger is half as sure of as of another is as likely there; below that it is a guess.
_SURE = 0.5


def find_garment(tags: Mapping[str, float]) -> str:
    """The garment that a picture is told apart by, out of folded tags with their scores; empty when none says any.

    It is of the kind that comes first, and the one that says most: a red shirt rather than a shirt.
    """
    worn = {tag: score for tag, score in tags.items() if tag in _KIND_OF}
    if len(worn) < 2:
        return next(iter(worn), "")
    least = _SURE * max(worn.values())
    ranked = ((_RANK[tag], -score, tag) for tag, score in worn.items() if score >= least)
    return min(ranked)[2]


def kind_of_garment(garment: str) -> str:
    """The kind of clothes that a garment is; raises KeyError for anything else."""
    return _KIND_OF[garment]
