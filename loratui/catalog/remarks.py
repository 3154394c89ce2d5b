"""The short stable codes an import leaves on a picture, and what each means in words."""

from __future__ import annotations

REMARKS: dict[str, str] = {
    "alpha_flattened": "has transparent parts: they count as white",
    "animated": "animated: the first frame was taken",
    "badly_compressed": "badly compressed: blocks show",
    "bilevel": "black and white only, no greys",
    "blank": "blank: one flat colour",
    "blurred": "blurred, or a small picture blown up: the size passes, the detail does not",
    "converted_16bit": "16 bits a channel, reduced to 8",
    "converted_cmyk": "CMYK, converted to RGB",
    "converted_float": "floating-point pixels, scaled by their range",
    "converted_lab": "LAB colours, converted to RGB",
    "extreme_aspect": "extreme aspect ratio: no bucket fits without cutting most of it away",
    "gps": "holds a GPS position: exported copies drop it",
    "metadata_ignored": "damaged metadata was ignored",
    "mislabelled": "the file extension does not match the content",
    "multipage": "several pages or views: the first was taken",
    "oriented": "turned upright as its orientation tag says",
    "profile_converted": "colour profile converted to sRGB",
    "profile_ignored": "its colour profile does not fit the picture and was ignored",
    "tiny": "tiny: under 64 pixels on a side",
}


def describe_remark(code: str) -> str:
    """What a code in `Picture.warnings` means; the code itself for one of a newer version."""
    return REMARKS.get(code, code)
