"""The picture store: atomic, read-only, told apart from the user's own files, and found again when moved."""

from __future__ import annotations

import errno
import hashlib
import os
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from loratui.catalog import blobs
from loratui.catalog.blobs import check_picture, get_thumbnail, picture_path, put_file, read_picture, relink
from loratui.catalog.importer import import_pictures
from loratui.catalog.query import select_memberships
from loratui.errors import LoratuiError, NotFoundError, RefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog
    from loratui.config import Home


def write_picture(path: Path, colour: int = 0) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.linear_gradient("L").resize((90, 70)).convert("RGB")
    image.putpixel((0, 0), (colour, colour, colour))
    image.save(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def leftovers(home: Home) -> list[Path]:
    return list((home.store / "incoming").glob("*"))


def test_a_stored_file_is_a_read_only_copy_that_an_edit_of_the_original_leaves_alone(
    home: Home, tmp_path: Path
) -> None:
    home.create()
    source = tmp_path / "a.png"
    sha = write_picture(source)
    stored = put_file(home, source, sha, "PNG")
    assert stored == home.store / sha[:2] / f"{sha}.png"
    source.write_bytes(b"edited in place")
    assert hashlib.sha256(stored.read_bytes()).hexdigest() == sha
    assert not stored.stat().st_mode & 0o222
    assert leftovers(home) == []


def test_a_stored_file_never_shares_its_bytes_with_the_original(home: Home, tmp_path: Path) -> None:
    home.create()
    source = tmp_path / "a.png"
    sha = write_picture(source)
    source.chmod(0o444)
    stored = put_file(home, source, sha, "PNG")
    assert stored.stat().st_nlink == 1
    assert source.stat().st_nlink == 1
    assert stored.read_bytes() == source.read_bytes()


def test_storing_twice_changes_nothing_and_a_damaged_file_is_replaced(home: Home, tmp_path: Path) -> None:
    home.create()
    source = tmp_path / "a.png"
    sha = write_picture(source)
    stored = put_file(home, source, sha, "PNG")
    before = stored.stat().st_ino
    assert put_file(home, source, sha, "PNG").stat().st_ino == before
    stored.chmod(0o600)
    stored.write_bytes(b"cut")
    assert hashlib.sha256(put_file(home, source, sha, "PNG").read_bytes()).hexdigest() == sha


def test_a_file_that_changed_since_it_was_hashed_is_not_stored(home: Home, tmp_path: Path) -> None:
    home.create()
    source = tmp_path / "a.png"
    sha = write_picture(source)
    data = source.read_bytes()
    source.write_bytes(b"something else")
    with pytest.raises(RefusedError, match="changed"):
        put_file(home, source, sha, "PNG")
    assert put_file(home, source, sha, "PNG", data=data).read_bytes() == data


def test_a_full_disk_is_told_in_words_and_leaves_nothing_behind(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.create()
    source = tmp_path / "a.png"
    sha = write_picture(source)

    def fail(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(LoratuiError, match="disk is full") as caught:
        put_file(home, source, sha, "PNG")
    assert "import again" in caught.value.hint
    assert leftovers(home) == []
    assert list(home.store.glob("??/*")) == []


def test_half_written_files_of_dead_processes_are_swept(home: Home) -> None:
    folder = home.store / "incoming"
    folder.mkdir(parents=True)
    (folder / "999999999-1-abc.part").write_bytes(b"x")
    alive = folder / f"{os.getpid()}-1-abc.part"
    alive.write_bytes(b"x")
    thumbnails = home.thumbnails / "incoming"
    thumbnails.mkdir(parents=True)
    (thumbnails / "999999999-1-abc.part").write_bytes(b"x")
    (home.data / "999999999-1-ui.part").write_bytes(b"x")
    assert blobs.sweep_incoming(home) == 3
    assert leftovers(home) == [alive]
    assert list(thumbnails.iterdir()) == [] and list(home.data.glob("*.part")) == []


def test_a_missing_and_a_changed_file_are_noticed_on_reading(catalog: Catalog, mira: Subject, tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png")
    import_pictures(catalog, mira, [tmp_path / "a.png"], in_place=True)
    (member,) = select_memberships(catalog, mira)
    assert picture_path(catalog, member) == tmp_path / "a.png"
    assert check_picture(catalog, member, deep=True) == "ok"
    assert hashlib.sha256(read_picture(catalog, member)).hexdigest() == member.sha256

    data = bytearray((tmp_path / "a.png").read_bytes())
    data[40] ^= 1
    (tmp_path / "a.png").write_bytes(data)
    assert check_picture(catalog, member) == "ok"
    assert check_picture(catalog, member, deep=True) == "changed"
    with pytest.raises(RefusedError, match="changed"):
        read_picture(catalog, member)

    (tmp_path / "a.png").unlink()
    assert check_picture(catalog, member) == "missing"
    with pytest.raises(NotFoundError) as caught:
        read_picture(catalog, member)
    assert "relink" in caught.value.hint


def test_moved_in_place_pictures_are_found_again_by_their_content(
    catalog: Catalog, mira: Subject, tmp_path: Path
) -> None:
    for number in range(3):
        write_picture(tmp_path / "old" / f"{number}.png", number)
    import_pictures(catalog, mira, [tmp_path / "old"], in_place=True)
    (tmp_path / "new").mkdir()
    (tmp_path / "old" / "0.png").rename(tmp_path / "new" / "zero.png")
    (tmp_path / "old" / "1.png").unlink()
    assert blobs.refresh_states(catalog) == 2
    assert [member.state for member in select_memberships(catalog, mira)] == ["missing", "missing", "ok"]

    assert relink(catalog, tmp_path) == 1
    zero, one, two = select_memberships(catalog, mira)
    assert picture_path(catalog, zero) == tmp_path / "new" / "zero.png"
    assert [member.state for member in (zero, one, two)] == ["ok", "missing", "ok"]
    with pytest.raises(NotFoundError):
        relink(catalog, tmp_path / "nowhere")


def test_a_stored_picture_that_was_lost_comes_back_into_the_store(
    catalog: Catalog, mira: Subject, tmp_path: Path
) -> None:
    write_picture(tmp_path / "a.png")
    import_pictures(catalog, mira, [tmp_path])
    (member,) = select_memberships(catalog, mira)
    picture_path(catalog, member).unlink()
    assert relink(catalog, tmp_path) == 1
    assert check_picture(catalog, member, deep=True) == "ok"
    assert select_memberships(catalog, mira, "state:missing") == []


def test_a_thumbnail_is_made_again_after_the_cache_was_emptied(catalog: Catalog, mira: Subject, tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png")
    import_pictures(catalog, mira, [tmp_path])
    (member,) = select_memberships(catalog, mira)
    path: Any = get_thumbnail(catalog, member)
    first = path.read_bytes()
    path.unlink()
    assert get_thumbnail(catalog, member).read_bytes() == first
