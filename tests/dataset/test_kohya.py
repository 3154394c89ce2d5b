"""The export that sd-scripts trains on: what lies in the folder, and what happens when it is written again."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
import threading
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from loratui.captions.service import change_rules, import_sidecars
from loratui.catalog.crops import set_crop
from loratui.catalog.edits import add_tags, set_caption
from loratui.catalog.importer import import_pictures
from loratui.catalog.query import select_memberships
from loratui.catalog.roles import set_repeats, set_role
from loratui.catalog.subjects import add_subject, edit_subject
from loratui.dataset.kohya import export_kohya, name_folder, name_stem
from loratui.dataset.snapshot import freeze
from loratui.errors import Cancelled, ConflictError, RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from loratui.catalog.store import Catalog
    from loratui.events import Progress

MANIFEST = "loratui-manifest.json"


def read_tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def find(folder: Path, catalog: Catalog, name: str) -> Path:
    """The exported picture that was imported under this name."""
    manifest = json.loads((folder / MANIFEST).read_text())
    (found,) = [path for path, about in manifest["files"].items() if about.get("name") == name]
    return folder / found


def test_pictures_lie_in_a_folder_per_repeats_with_a_caption_each(catalog: Catalog, mira: str, tmp_path: Path) -> None:
    result = export_kohya(catalog, mira, tmp_path / "out")
    assert result.folders == {"5_Mira": 2, "2_Mira": 2}
    assert (result.pictures, result.samples) == (4, 14)
    tree = read_tree(tmp_path / "out")
    pictures = [Path(name) for name in tree if Path(name).suffix in (".png", ".jpg", ".webp")]
    assert len(pictures) == 4 and len({path.stem for path in pictures}) == 4
    for path in pictures:
        assert tree[str(path.with_suffix(".txt"))] == b"photo of Mira\n"
        assert path.stem.isascii() and path.stem.count("_") == 2
    assert set(tree) - {name for path in pictures for name in (str(path), str(path.with_suffix(".txt")))} == {
        "dataset.toml",
        MANIFEST,
    }


def test_two_roles_with_the_same_repeats_share_a_folder_and_the_manifest_tells_them_apart(
    catalog: Catalog, mira: str, tmp_path: Path
) -> None:
    set_repeats(catalog, mira, 3, "all")
    assert export_kohya(catalog, mira, tmp_path / "out").folders == {"3_Mira": 4}
    files = json.loads((tmp_path / "out" / MANIFEST).read_text())["files"].values()
    assert sorted(about["role"] for about in files if "role" in about) == ["primary"] * 2 + ["supporting"] * 2


def test_a_cropped_picture_is_exported_as_its_part_and_the_manifest_says_so(
    catalog: Catalog, mira: str, tmp_path: Path
) -> None:
    set_crop(catalog, mira, "name:one OR name:two", (10, 4, 50, 60))
    result = export_kohya(catalog, mira, tmp_path / "out")
    assert (result.encoded, result.linked) == (2, 2)
    files = json.loads((tmp_path / "out" / MANIFEST).read_text())["files"]
    about = {entry["name"]: entry for entry in files.values() if "name" in entry}
    assert about["one.png"]["crop"] == [10, 4, 50, 60] and about["one.png"]["encoded"]
    assert (about["one.png"]["width"], about["one.png"]["height"]) == (50, 60)
    assert "crop" not in about["three.webp"]
    (one,) = select_memberships(catalog, mira, "name:one")
    for name in ("one.png", "two.jpg"):
        (member,) = select_memberships(catalog, mira, f"name:{name}")
        with (
            Image.open(find(tmp_path / "out", catalog, name)) as exported,
            Image.open(tmp_path / "pictures" / name) as whole,
        ):
            assert exported.format == "PNG" and not exported.info
            assert exported.tobytes() == whole.convert("RGB").crop((10, 4, 60, 64)).tobytes(), member.name
    assert one.width == 96


def test_another_crop_makes_a_new_picture_under_a_new_name_and_none_brings_the_first_back(
    catalog: Catalog, mira: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    export_kohya(catalog, mira, out)
    whole = read_tree(out)
    set_crop(catalog, mira, "name:one", (0, 0, 50, 60))
    export_kohya(catalog, mira, out)
    first = find(out, catalog, "one.png")
    set_crop(catalog, mira, "name:one", (1, 0, 50, 60))
    result = export_kohya(catalog, mira, out)
    second = find(out, catalog, "one.png")
    assert result.encoded == 1 and result.unchanged == 3
    assert first.name != second.name and not first.exists(), "a trainer's cache of the first crop is not taken for this"
    set_caption(catalog, mira, "name:one", "Mira, again")
    assert export_kohya(catalog, mira, out).encoded == 1
    set_caption(catalog, mira, "name:one", None)
    set_crop(catalog, mira, "name:one", None)
    export_kohya(catalog, mira, out)
    assert read_tree(out) == whole


def test_the_config_says_everything_that_sd_scripts_would_not_assume(
    catalog: Catalog, mira: str, tmp_path: Path
) -> None:
    export_kohya(
        catalog, mira, tmp_path / "out", resolution=768, bucket_step=32, min_bucket=384, max_bucket=1536, upscale=False
    )
    config = tomllib.loads((tmp_path / "out" / "dataset.toml").read_text())
    assert config["general"]["caption_extension"] == ".txt"
    (dataset,) = config["datasets"]
    assert (dataset["enable_bucket"], dataset["resolution"], dataset["bucket_no_upscale"]) == (True, 768, True)
    assert (dataset["min_bucket_reso"], dataset["max_bucket_reso"], dataset["bucket_reso_steps"]) == (384, 1536, 32)
    assert [(Path(subset["image_dir"]), subset["num_repeats"]) for subset in dataset["subsets"]] == [
        (tmp_path / "out" / "5_Mira", 5),
        (tmp_path / "out" / "2_Mira", 2),
    ]
    assert {subset["class_tokens"] for subset in dataset["subsets"]} == {"Mira woman"}


def test_the_manifest_has_the_snapshot_and_the_hash_of_every_file(catalog: Catalog, mira: str, tmp_path: Path) -> None:
    export_kohya(catalog, mira, tmp_path / "out")
    tree = read_tree(tmp_path / "out")
    manifest = json.loads(tree.pop(MANIFEST))
    assert manifest["snapshot"] == freeze(catalog, mira).hash
    assert manifest["state"] == "complete"
    assert {name: about["sha256"] for name, about in manifest["files"].items()} == {
        name: hashlib.sha256(data).hexdigest() for name, data in tree.items()
    }


def test_bytes_that_can_stay_are_linked_and_can_not_be_written_through(
    catalog: Catalog, mira: str, tmp_path: Path
) -> None:
    result = export_kohya(catalog, mira, tmp_path / "out")
    assert (result.linked, result.encoded) == (4, 0)
    picture = find(tmp_path / "out", catalog, "one.png")
    assert picture.read_bytes() == (tmp_path / "pictures" / "one.png").read_bytes()
    # Either a clone of its own, or a link to a file that takes no writing.
    assert picture.stat().st_nlink == 1 or not picture.stat().st_mode & 0o222


def test_exporting_twice_gives_the_same_bytes_in_place_and_elsewhere(
    catalog: Catalog, mira: str, tmp_path: Path
) -> None:
    export_kohya(catalog, mira, tmp_path / "out")
    before = read_tree(tmp_path / "out")
    again = export_kohya(catalog, mira, tmp_path / "out")
    assert read_tree(tmp_path / "out") == before
    assert (again.unchanged, again.linked, again.removed) == (4, 0, 0)
    export_kohya(catalog, mira, tmp_path / "elsewhere")
    elsewhere = read_tree(tmp_path / "elsewhere")
    # The config holds the folder's own path, and the manifest the config's hash.
    for tree in (before, elsewhere):
        del tree["dataset.toml"], tree[MANIFEST]
    assert elsewhere == before


def save_nasty(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Pictures whose bytes a trainer would read differently; each with the colour of its top left pixel."""
    folder.mkdir()
    red_left = Image.new("RGB", (90, 60), "blue")
    red_left.paste("red", (0, 0, 45, 60))
    exif = Image.Exif()
    exif[0x0112] = 6
    red_left.save(folder / "turned.jpg", quality=95, exif=exif)
    hidden = Image.new("RGBA", (70, 70), (255, 0, 0, 0))
    hidden.paste((0, 0, 255, 255), (35, 0, 70, 70))
    hidden.save(folder / "alpha.png")
    red_left.convert("CMYK").resize((91, 61)).save(folder / "press.jpg", quality=95)
    red_left.resize((92, 62)).save(folder / "scan.tiff")
    red_left.resize((93, 63)).save(folder / "mislabelled.jpg", format="PNG")
    located = Image.Exif()
    located[0x8825] = {1: "N", 2: (52.0, 30.0, 0.0)}
    red_left.resize((94, 64)).save(folder / "located.jpg", quality=95, exif=located)
    red, white = (255, 0, 0), (255, 255, 255)
    return {
        "turned.jpg": red,
        "alpha.png": white,
        "press.jpg": red,
        "scan.tiff": red,
        "mislabelled.jpg": red,
        "located.jpg": red,
    }


def test_what_a_trainer_would_read_wrongly_is_encoded_upright_flat_and_without_metadata(
    catalog: Catalog, tmp_path: Path
) -> None:
    expected = save_nasty(tmp_path / "nasty")
    add_subject(catalog, "odd", "Odd")
    import_pictures(catalog, "odd", [tmp_path / "nasty"])
    set_role(catalog, "odd", "primary", "all")
    result = export_kohya(catalog, "odd", tmp_path / "out")
    assert (result.encoded, result.linked) == (5, 1)
    for name, colour in expected.items():
        path = find(tmp_path / "out", catalog, name)
        assert path.suffix == ".png"
        with Image.open(path) as image:
            image.load()
            assert image.format == "PNG" and image.mode == "RGB"
            assert not image.getexif() and not image.info
            pixel = image.getpixel((2, 2))
            assert isinstance(pixel, tuple)
            assert all(abs(value - wanted) < 40 for value, wanted in zip(pixel, colour, strict=True)), name
    (turned,) = select_memberships(catalog, "odd", "name:turned.jpg")
    with Image.open(find(tmp_path / "out", catalog, "turned.jpg")) as image:
        assert image.size == (turned.width, turned.height) == (60, 90)
    before = read_tree(tmp_path / "out")
    assert export_kohya(catalog, "odd", tmp_path / "out").unchanged == 6
    assert read_tree(tmp_path / "out") == before


def test_headers_that_sd_scripts_can_not_measure_are_encoded(catalog: Catalog, tmp_path: Path) -> None:
    folder = tmp_path / "headers"
    folder.mkdir()
    colours = Image.linear_gradient("L").convert("RGB").resize((101, 67))
    colours.save(folder / "plain.jpg")
    data = (folder / "plain.jpg").read_bytes()
    # Decoders look for the next marker; the package that sd-scripts measures pictures with raises here.
    (folder / "junk.jpg").write_bytes(data[:20] + b"junk" + data[20:])
    # Fill bytes before a marker are no junk.
    (folder / "filled.jpg").write_bytes(data[:20] + b"\xff\xff" + data[20:])
    note = Image.Exif()
    note[0x010E] = "a note"
    colours.save(folder / "extended.webp", exif=note)
    colours.save(folder / "lossless.webp", lossless=True)
    add_subject(catalog, "heads", "Heads")
    assert import_pictures(catalog, "heads", [folder]).imported == 5
    set_role(catalog, "heads", "primary", "all")
    export_kohya(catalog, "heads", tmp_path / "out")
    files = json.loads((tmp_path / "out" / MANIFEST).read_text())["files"].values()
    assert {about["name"]: about["encoded"] for about in files if "name" in about} == {
        "plain.jpg": False,
        "filled.jpg": False,
        "lossless.webp": False,
        "junk.jpg": True,
        "extended.webp": True,
    }


def make_caches(folder: Path) -> list[Path]:
    """What sd-scripts leaves beside the pictures."""
    caches = []
    for picture in [path for path in folder.rglob("*") if path.suffix in (".png", ".jpg", ".webp")]:
        for ending in ("_0512x0512_sd.npz", "_te_outputs.npz", ".npz"):
            cache = picture.with_name(picture.stem + ending)
            cache.write_bytes(b"cached")
            caches.append(cache)
        (picture.parent / "metadata_cache.json").write_text("{}")
    return caches


def test_a_changed_caption_never_meets_a_stale_cache(catalog: Catalog, mira: str, tmp_path: Path) -> None:
    export_kohya(catalog, mira, tmp_path / "out")
    old = find(tmp_path / "out", catalog, "one.png")
    untouched = find(tmp_path / "out", catalog, "three.webp")
    caches = make_caches(tmp_path / "out")
    add_tags(catalog, mira, "name:one", ["hat"])
    result = export_kohya(catalog, mira, tmp_path / "out")
    new = find(tmp_path / "out", catalog, "one.png")
    assert new.stem != old.stem and new.with_suffix(".txt").read_text() == "photo of Mira, hat\n"
    assert not list(old.parent.glob(f"{old.stem}*"))
    assert list(new.parent.glob(f"{new.stem}*.npz")) == []
    assert sum(cache.exists() for cache in caches) == len(caches) - 3
    assert list(untouched.parent.glob(f"{untouched.stem}*.npz"))
    assert not (new.parent / "metadata_cache.json").exists()
    assert (untouched.parent / "metadata_cache.json").exists()
    assert result.kept == ()


def test_a_picture_that_changes_its_repeats_moves_and_leaves_no_cache_behind(
    catalog: Catalog, mira: str, tmp_path: Path
) -> None:
    export_kohya(catalog, mira, tmp_path / "out")
    make_caches(tmp_path / "out")
    set_role(catalog, mira, "primary", "all")
    result = export_kohya(catalog, mira, tmp_path / "out")
    assert result.folders == {"5_Mira": 4}
    # Nothing of ours is left there, and what the trainer wrote of it went too.
    assert not (tmp_path / "out" / "2_Mira").exists()


def test_a_new_caption_does_not_encode_a_picture_again(catalog: Catalog, tmp_path: Path) -> None:
    save_nasty(tmp_path / "nasty")
    add_subject(catalog, "odd", "Odd")
    import_pictures(catalog, "odd", [tmp_path / "nasty" / "alpha.png"])
    set_role(catalog, "odd", "primary", "all")
    export_kohya(catalog, "odd", tmp_path / "out")
    first = find(tmp_path / "out", catalog, "alpha.png").stat().st_ino
    set_caption(catalog, "odd", "all", "an Odd thing")
    export_kohya(catalog, "odd", tmp_path / "out")
    assert find(tmp_path / "out", catalog, "alpha.png").stat().st_ino == first


def test_a_folder_with_other_files_is_never_touched(catalog: Catalog, mira: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "5_Mira").mkdir(parents=True)
    (out / "5_Mira" / "mine.png").write_bytes(b"mine")
    with pytest.raises(ConflictError) as caught:
        export_kohya(catalog, mira, out)
    assert caught.value.hint
    assert read_tree(out) == {"5_Mira/mine.png": b"mine"}
    with pytest.raises(ConflictError):
        export_kohya(catalog, mira, out / "5_Mira" / "mine.png")


def test_the_export_of_another_subject_is_never_overwritten(catalog: Catalog, mira: str, tmp_path: Path) -> None:
    export_kohya(catalog, mira, tmp_path / "out")
    before = read_tree(tmp_path / "out")
    add_subject(catalog, "zora", "Zora")
    import_pictures(catalog, "zora", [tmp_path / "pictures" / "one.png"])
    set_role(catalog, "zora", "primary", "all")
    with pytest.raises(ConflictError):
        export_kohya(catalog, "zora", tmp_path / "out")
    assert read_tree(tmp_path / "out") == before


@pytest.mark.parametrize(
    "manifest",
    ["{", "[]", "{}", '{"loratui": 1, "subject": "mira", "files": {"../pictures/one.png": {}}}', '{"loratui": 2}'],
)
def test_a_damaged_or_forged_manifest_removes_nothing(
    catalog: Catalog, mira: str, tmp_path: Path, manifest: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / MANIFEST).write_text(manifest)
    with pytest.raises(ConflictError):
        export_kohya(catalog, mira, out)
    assert (tmp_path / "pictures" / "one.png").exists()
    assert read_tree(out) == {MANIFEST: manifest.encode()}


def test_files_a_person_added_are_kept_and_reported(catalog: Catalog, mira: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_kohya(catalog, mira, out)
    (out / "notes.md").write_text("mine")
    (out / "2_Mira" / "extra.png").write_bytes(b"mine")
    set_role(catalog, mira, "primary", "all")
    result = export_kohya(catalog, mira, out)
    # The folder stays because of the file in it, though nothing of ours is left there.
    assert "notes.md" in result.kept and (out / "2_Mira" / "extra.png").read_bytes() == b"mine"
    set_role(catalog, mira, "supporting", "name:one")
    result = export_kohya(catalog, mira, out)
    assert set(result.kept) == {"notes.md", "2_Mira/extra.png"}
    assert any("1 file of yours lies" in warning for warning in result.warnings)


def test_files_a_person_edited_are_moved_aside_and_put_right(catalog: Catalog, mira: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_kohya(catalog, mira, out)
    before = read_tree(out)
    picture = find(out, catalog, "one.png")
    caption = picture.with_suffix(".txt")
    caption.write_text("my own words")
    replacement = tmp_path / "replacement.png"
    replacement.write_bytes(b"my own pixels")
    replacement.replace(picture)
    make_caches(out)
    result = export_kohya(catalog, mira, out)
    assert sorted(result.edited) == [f"edited/{picture.name}", f"edited/{caption.name}"]
    assert {(out / name).read_bytes() for name in result.edited} == {b"my own words", b"my own pixels"}
    assert not list(picture.parent.glob(f"{picture.stem}*.npz"))
    after = read_tree(out)
    assert {name: after[name] for name in before} == before


def test_an_export_that_was_cut_short_is_put_right_by_the_next(
    catalog: Catalog, mira: str, tmp_path: Path, add_pictures: Callable[..., list[Path]]
) -> None:
    sizes = {f"{number}.png": (64 + number, 64) for number in range(300)}
    import_pictures(catalog, mira, add_pictures(sizes, folder="many", seed=100))
    set_role(catalog, mira, "supporting", "role:inbox")
    export_kohya(catalog, mira, tmp_path / "whole")
    cancel = threading.Event()

    def stop_half_way(progress: Progress) -> None:
        if progress.done >= 250:
            cancel.set()

    out = tmp_path / "out"
    export_kohya(catalog, mira, out)
    add_tags(catalog, mira, "all", ["hat"])
    with pytest.raises(Cancelled):
        export_kohya(catalog, mira, out, report=stop_half_way, cancel=cancel)
    assert not (out / "dataset.toml").exists(), "a half-written export must not be trainable"
    assert json.loads((out / MANIFEST).read_text())["state"] == "writing"
    result = export_kohya(catalog, mira, out)
    assert result.kept == () and result.edited == ()
    whole = export_kohya(catalog, mira, tmp_path / "whole")
    assert whole.removed == 608
    trees = [read_tree(out), read_tree(tmp_path / "whole")]
    for tree in trees:
        del tree["dataset.toml"], tree[MANIFEST]
    assert trees[0] == trees[1]


def test_an_in_place_picture_is_copied_and_a_changed_one_is_refused(
    catalog: Catalog, tmp_path: Path, add_pictures: Callable[..., list[Path]]
) -> None:
    (original,) = add_pictures({"one.png": (96, 64)})
    add_subject(catalog, "place", "Place")
    import_pictures(catalog, "place", [original], in_place=True)
    set_role(catalog, "place", "primary", "all")
    assert export_kohya(catalog, "place", tmp_path / "out").copied == 1
    assert not find(tmp_path / "out", catalog, "one.png").samefile(original)
    data = original.read_bytes()
    original.write_bytes(data[:-1] + b"x")
    with pytest.raises(RefusedError) as caught:
        export_kohya(catalog, "place", tmp_path / "elsewhere")
    assert caught.value.hint


def test_a_folder_that_can_not_be_created_is_said_to_be_that(
    catalog: Catalog, mira: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *about: object, **more: object) -> None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))

    # As file systems do that have no room for folders of ours, such as /proc.
    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(RefusedError) as caught:
        export_kohya(catalog, mira, tmp_path / "nope")
    assert caught.value.message == f"The folder {tmp_path / 'nope'} can't be created: No such file or directory."
    assert "doctor" not in caught.value.hint


def test_an_awkward_trigger_stays_inside_the_folder_and_the_config(catalog: Catalog, mira: str, tmp_path: Path) -> None:
    edit_subject(catalog, mira, trigger='Mïra/..\\ "x" v_2')
    out = tmp_path / 'odd "name" # \\ é'
    result = export_kohya(catalog, mira, out)
    config = tomllib.loads((out / "dataset.toml").read_text())
    assert {Path(subset["image_dir"]).name for subset in config["datasets"][0]["subsets"]} == set(result.folders)
    assert all(Path(subset["image_dir"]).is_dir() for subset in config["datasets"][0]["subsets"])
    assert {path.parent.parent for path in out.rglob("*.png")} == {out}


def test_settings_that_sd_scripts_would_stop_at_are_a_usage_error(catalog: Catalog, mira: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        export_kohya(catalog, mira, tmp_path / "out", resolution=2048)
    assert not (tmp_path / "out").exists()


def test_sidecars_that_were_imported_are_exported_with_the_same_text(
    catalog: Catalog, mira: str, tmp_path: Path
) -> None:
    texts = {
        "one.png": "photo of Mira, 1girl, long_hair, ^_^, star (symbol)",
        "two.jpg": "A tall woman called Mira walks along the beach, smiling.",
        "three.webp": "photo of Mira",
        "four.png": "photo of Mira, übermut, hat",
    }
    members = {picture.name: picture.id for picture in select_memberships(catalog, mira)}
    for name, text in texts.items():
        (tmp_path / f"{name}.txt").write_text(text + "\n", encoding="utf-8")
    import_sidecars(catalog, mira, [(members[name], tmp_path / f"{name}.txt") for name in texts])
    export_kohya(catalog, mira, tmp_path / "out")
    for name, text in texts.items():
        assert find(tmp_path / "out", catalog, name).with_suffix(".txt").read_text(encoding="utf-8") == f"{text}\n"


def test_captions_without_the_trigger_are_warned_about(catalog: Catalog, mira: str, tmp_path: Path) -> None:
    set_caption(catalog, mira, "name:one", "somebody in the sun")
    change_rules(catalog, mira, {"imbued": ["hat"]})
    result = export_kohya(catalog, mira, tmp_path / "out")
    assert result.warnings == ("1 caption lacks the trigger Mira.",)


def test_captions_that_trainers_cut_are_warned_about(catalog: Catalog, mira: str, tmp_path: Path) -> None:
    pytest.importorskip("instant_clip_tokenizer")
    set_caption(catalog, mira, "name:one", f"Mira, {'a word, ' * 60}")
    (warning,) = export_kohya(catalog, mira, tmp_path / "out").warnings
    assert "1 caption is longer than the 75 CLIP tokens" in warning and "one.png" in warning


@given(st.text(max_size=200), st.integers(1, 1000))
def test_any_trigger_gives_a_safe_folder_name_with_its_repeats(trigger: str, repeats: int) -> None:
    try:
        trigger.encode()
    except UnicodeEncodeError:
        return
    name = name_folder(trigger, repeats)
    assert int(name.split("_")[0]) == repeats
    assert len(os.fsencode(name)) <= 255 and not set(name) & set('/\\:*?"<>|\0\n')
    assert name == name.strip(" .")


@given(st.text(max_size=60), st.integers(1, 10**7), st.text(max_size=20), st.text(max_size=20))
def test_a_stem_is_plain_and_changes_with_its_caption(trigger: str, number: int, one: str, other: str) -> None:
    def name(caption: str) -> Any:
        return name_stem(trigger, number, "ab" * 32, caption)

    one, other = (text.encode(errors="ignore").decode() for text in (one, other))
    assert name(one).isascii() and len(name(one)) <= 64 and name(one).count("_") == 2
    assert not name(one).startswith((".", "-"))
    assert (name(one) == name(other)) is (one == other)


EXPORT_AND_WAIT = """
import os, signal, sys
from pathlib import Path
from loratui.catalog.store import open_catalog
from loratui.config import find_home
from loratui.dataset.kohya import export_kohya

def wait(progress):
    print("half", flush=True)
    signal.pause()

with open_catalog(find_home(dict(os.environ))) as catalog:
    export_kohya(catalog, "mira", Path(sys.argv[1]), report=wait)
"""


def test_a_killed_export_keeps_others_out_while_it_lives_and_is_put_right_after(
    catalog: Catalog, mira: str, tmp_path: Path, add_pictures: Callable[..., list[Path]]
) -> None:
    import_pictures(catalog, mira, add_pictures({f"{n}.png": (64 + n, 64) for n in range(260)}, "many", seed=100))
    set_role(catalog, mira, "primary", "all")
    out = tmp_path / "out"
    environment = {**os.environ, "LORATUI_HOME": str(catalog.home.data)}
    process = subprocess.Popen(
        [sys.executable, "-c", EXPORT_AND_WAIT, str(out)], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None and process.stdout.readline() == "half\n"
        with pytest.raises(ConflictError):
            export_kohya(catalog, mira, out)
    finally:
        process.kill()
        process.communicate()
    assert not (out / "dataset.toml").exists()
    last = max((out / "5_Mira").glob("*.png"))
    last.replace(last.with_name(f".{last.name}.part"))
    result = export_kohya(catalog, mira, out)
    assert result.unchanged == 249 and result.linked == 15 and result.kept == ()
    manifest = json.loads((out / MANIFEST).read_text())
    assert manifest["state"] == "complete"
    assert set(manifest["files"]) | {MANIFEST} == set(read_tree(out))


def test_a_picture_that_is_gone_is_named_and_not_the_folder_of_the_export(catalog: Catalog, tmp_path: Path) -> None:
    original = tmp_path / "mine" / "one.png"
    original.parent.mkdir()
    Image.linear_gradient("L").save(original)
    add_subject(catalog, "away", "awayvok")
    import_pictures(catalog, "away", [original], in_place=True)
    set_role(catalog, "away", "primary", "")
    original.unlink()
    with pytest.raises(RefusedError) as caught:
        export_kohya(catalog, "away", tmp_path / "out")
    assert "one.png" in caught.value.message and "created" not in caught.value.message
