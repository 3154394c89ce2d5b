"""What a file is, from its first bytes alone: which decoder may open it, or why none may."""

from __future__ import annotations

from functools import cache

from loratui.errors import MissingFeatureError, RefusedError

HEAD_BYTES = 512
"""How many first bytes `sniff_format` wants to see."""

EXTENSIONS: dict[str, tuple[str, ...]] = {
    "AVIF": ("avif", "avifs"),
    "BMP": ("bmp", "dib"),
    "GIF": ("gif",),
    "HEIF": ("heic", "heif", "hif"),
    "ICO": ("ico",),
    "JPEG": ("jpg", "jpeg", "jpe", "jfif", "mpo"),
    "JPEG2000": ("jp2", "j2k", "jpf", "jpx", "j2c", "jpc"),
    "PNG": ("png", "apng"),
    "PPM": ("ppm", "pgm", "pbm", "pnm", "pfm"),
    "PSD": ("psd",),
    "TIFF": ("tif", "tiff"),
    "WEBP": ("webp",),
}
"""The formats that are opened at all, each with the extensions people give it; the first is ours."""

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"\0\0\1\0", "ICO"),
    (b"8BPS", "PSD"),
)
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
# Camera files are TIFF inside, with a small preview as the first page: opening one would import the preview.
_CAMERA_RAW = ("dng", "nef", "nrw", "arw", "sr2", "srf", "cr2", "pef", "orf", "rw2", "rwl", "3fr", "iiq", "dcr", "kdc")

_FOREIGN: tuple[tuple[bytes, str, str], ...] = (
    (b"%!PS", "PostScript (EPS): a program, which loratui never runs", "Export it as PNG."),
    (b"\xc5\xd0\xd3\xc6", "PostScript (EPS): a program, which loratui never runs", "Export it as PNG."),
    (b"%PDF", "a PDF document, not a picture", "Export its pages as PNG."),
    (b"\xff\x0a", "JPEG XL, which Pillow can't read", "Convert it to PNG."),
    (b"\0\0\0\x0cJXL ", "JPEG XL, which Pillow can't read", "Convert it to PNG."),
    (b"\x00\x05\x16\x07", "an AppleDouble side file (macOS metadata), not a picture", ""),
    (b"\x00\x05\x16\x00", "an AppleSingle file (macOS metadata), not a picture", ""),
    (b"PK\x03\x04", "a ZIP archive, not a picture", "Unpack it and import the folder."),
    (b"\x1f\x8b", "a gzip archive, not a picture", "Unpack it and import the folder."),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive, not a picture", "Unpack it and import the folder."),
    (b"Rar!", "a RAR archive, not a picture", "Unpack it and import the folder."),
    (b"\x1aE\xdf\xa3", "a video, not a picture", "Extract the frames you want as PNG."),
)


def sniff_format(head: bytes, extension: str = "") -> str:
    """Name the format of a file from its first HEAD_BYTES bytes, whatever its name says.

    Returns a key of EXTENSIONS. `extension` (lower case, no dot) only tells camera files from TIFF.
    Raises RefusedError, in words for the person, for anything that is not opened, and MissingFeatureError
    for HEIF when pillow-heif is not installed.
    """
    if not head:
        raise RefusedError("The file is empty.", hint="Download or copy it again.")
    for start, name in _STARTS:
        if head.startswith(start):
            if name == "TIFF" and extension in _CAMERA_RAW:
                raise RefusedError(
                    "A camera raw file: only its small preview could be read.", hint="Develop it to TIFF, PNG or JPEG."
                )
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:2] in (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"PF", b"Pf") and head[2:3].isspace():
        return "PPM"
    if head[4:8] == b"ftyp":
        return _sniff_box(head)
    for start, what, hint in _FOREIGN:
        if head.startswith(start):
            raise RefusedError(f"This is {what}.", hint=hint)
    raise RefusedError(_describe_unknown(head), hint="Export it as PNG or JPEG, or download it again.")


def _sniff_box(head: bytes) -> str:
    brands = (head[8:12], *(head[at : at + 4] for at in range(16, min(len(head), int.from_bytes(head[:4])), 4)))
    if any(brand in (b"avif", b"avis") for brand in brands):
        return "AVIF"
    if any(brand in (*_HEIF_BRANDS, b"mif1", b"msf1") for brand in brands):
        if not register_heif():
            raise MissingFeatureError("HEIF needs pillow-heif.", hint="Install it: pip install pillow-heif")
        return "HEIF"
    raise RefusedError("This is a video, not a picture.", hint="Extract the frames you want as PNG.")


@cache
def register_heif() -> bool:
    """Make HEIF known to Pillow; False when pillow-heif is not installed."""
    try:
        import pillow_heif  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


def _describe_unknown(head: bytes) -> str:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in text:
        return "This is an SVG drawing: not a raster picture."
    if text.startswith((b"<!doctype html", b"<html", b"<head")):
        return "This is a web page saved under a picture's name: not a picture."
    if b"\0" not in head and all(byte >= 32 or byte in b"\t\r\n" for byte in head):
        return "This is text, not a picture."
    return "Damaged, or not a picture: its first bytes belong to no picture format."
