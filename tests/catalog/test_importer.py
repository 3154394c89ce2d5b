"""Importing: every file accounted for, one journal entry, and a killed import that goes on where it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from loratui.captions.importing import import_with_captions
from loratui.catalog import blobs, decoding
from loratui.catalog.blobs import check_picture, picture_path, thumbnail_path
from loratui.catalog.importer import import_pictures, list_refused
from loratui.catalog.journal import redo, undo
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject
from loratui.config import Settings
from loratui.errors import Cancelled, LoratuiError, NotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog
    from loratui.config import Home
    from loratui.events import Progress


def make_pictures(folder: Path, count: int, *, side: int = 80, suffix: str = ".png") -> list[Path]:
    """Different noise pictures, named 0 upwards."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        pixels = np.random.default_rng([number, side]).integers(0, 256, (side, side, 3), dtype=np.uint8)
        paths.append(folder / f"{number}{suffix}")
        Image.fromarray(pixels).save(paths[-1])
    return paths


def names(catalog: Catalog, subject: Subject) -> list[str]:
    return [member.name for member in select_memberships(catalog, subject)]


def test_pictures_of_a_folder_come_in_natural_order_with_file_and_thumbnail(
    catalog: Catalog, mira: Subject, tmp_path: Path
) -> None:
    make_pictures(tmp_path / "in", 12)
    result = import_pictures(catalog, mira, [tmp_path / "in"])
    assert (result.imported, result.duplicates, result.refused) == (12, 0, [])
    assert names(catalog, mira) == [f"{number}.png" for number in range(12)]
    for member in select_memberships(catalog, mira):
        assert member.role == "inbox"
        assert check_picture(catalog, member, deep=True) == "ok"
        assert thumbnail_path(catalog.home, member.sha256).is_file()


def test_links_that_lead_to_themselves_are_refused_and_the_rest_is_imported(
    catalog: Catalog, mira: Subject, tmp_path: Path
) -> None:
    make_pictures(tmp_path / "in", 2)
    for name in ("self", "self.png", "0.txt", "kohya.json"):
        (tmp_path / "in" / name).symlink_to(name)
    (tmp_path / "there").symlink_to("back")
    (tmp_path / "back").symlink_to("there")
    done = import_with_captions(catalog, mira, [tmp_path / "in", tmp_path / "there"], Settings())
    assert done.pictures.imported == 2
    refused = {item.path.name: item.reason for item in done.pictures.refused}
    assert refused == dict.fromkeys(("self", "self.png", "there"), "A link that leads to itself.")


def test_one_bad_file_never_stops_the_others_and_gets_a_row(catalog: Catalog, mira: Subject, tmp_path: Path) -> None:
    paths = make_pictures(tmp_path, 6, suffix=".jpg")
    paths[2].write_bytes(paths[2].read_bytes()[:900])
    paths[4].write_bytes(b"")
    (tmp_path / "page.jpg").write_text("<!doctype html>not found")
    (tmp_path / "broken.png").symlink_to(tmp_path / "nowhere.png")
    result = import_pictures(catalog, mira, [tmp_path])
    assert result.imported == 4
    assert {one.path.name for one in result.refused} == {"2.jpg", "4.jpg", "page.jpg", "broken.png"}
    assert all(one.reason for one in result.refused)
    assert {row.display_path: row.reason for row in list_refused(catalog, mira)} == {
        str(one.path): one.reason for one in result.refused
    }
    # Another import has the same word on them, not a second one; a file that became good has none.
    make_pictures(tmp_path, 3, side=90, suffix=".jpg")
    assert len(import_pictures(catalog, mira, [tmp_path]).refused) == 3
    assert len(list_refused(catalog, mira)) == 3


def test_importing_again_reads_nothing_and_adds_nothing(
    catalog: Catalog, mira: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_pictures(tmp_path, 5)
    import_pictures(catalog, mira, [tmp_path])

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("a file was read again")

    monkeypatch.setattr(decoding, "read_picture_file", fail)
    result = import_pictures(catalog, mira, [tmp_path])
    assert (result.imported, result.duplicates, result.skipped) == (0, 5, 5)
    assert result.warnings == []


def test_a_file_that_changed_is_a_new_picture(catalog: Catalog, mira: Subject, tmp_path: Path) -> None:
    (path,) = make_pictures(tmp_path, 1)
    import_pictures(catalog, mira, [path])
    make_pictures(tmp_path, 1, side=90)
    assert import_pictures(catalog, mira, [path]).imported == 1
    assert [member.width for member in select_memberships(catalog, mira)] == [80, 90]


def test_the_same_bytes_under_another_name_are_counted_and_noted(
    catalog: Catalog, mira: Subject, tmp_path: Path
) -> None:
    (path,) = make_pictures(tmp_path, 1)
    (tmp_path / "copy.png").write_bytes(path.read_bytes())
    result = import_pictures(catalog, mira, [tmp_path])
    assert (result.imported, result.duplicates, result.skipped) == (1, 1, 0)
    assert [(one.path, one.name) for one in result.duplicate_files] == [(tmp_path / "copy.png", "0.png")]
    (member,) = select_memberships(catalog, mira)
    assert member.note == "same bytes: copy.png"
    import_pictures(catalog, mira, [tmp_path / "copy.png"])
    assert select_memberships(catalog, mira)[0].note == "same bytes: copy.png"


def test_a_picture_of_another_subject_is_shared_and_said(catalog: Catalog, mira: Subject, tmp_path: Path) -> None:
    make_pictures(tmp_path, 3)
    vera, _ = add_subject(catalog, "Vera", "verandel")
    import_pictures(catalog, mira, [tmp_path / "0.png", tmp_path / "1.png"])
    result = import_pictures(catalog, vera, [tmp_path])
    assert (result.imported, result.also_in) == (3, {"Mira": 2})
    assert "2 pictures are also in subject Mira" in result.warnings
    with catalog.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM picture").scalar() == 3


def test_undo_takes_an_import_back_and_redo_brings_it_again(catalog: Catalog, mira: Subject, tmp_path: Path) -> None:
    make_pictures(tmp_path, 4)
    import_pictures(catalog, mira, [tmp_path])
    entry = undo(catalog)
    assert entry.label == "import 4 pictures into Mira"
    assert names(catalog, mira) == []
    redo(catalog)
    assert len(names(catalog, mira)) == 4
    undo(catalog)
    # The pictures stayed in the store, so coming back costs no decoding.
    assert import_pictures(catalog, mira, [tmp_path]).imported == 4
    assert all(check_picture(catalog, member) == "ok" for member in select_memberships(catalog, mira))


def test_in_place_pictures_stay_where_they_are(catalog: Catalog, mira: Subject, tmp_path: Path) -> None:
    paths = make_pictures(tmp_path / "in", 2)
    import_pictures(catalog, mira, [tmp_path / "in"], in_place=True)
    assert [picture_path(catalog, member) for member in select_memberships(catalog, mira)] == paths
    assert not list(catalog.home.store.glob("??"))
    # A moved file that is imported again from its new place is the same picture there.
    paths[0].rename(tmp_path / "moved.png")
    result = import_pictures(catalog, mira, [tmp_path / "moved.png"], in_place=True)
    assert result.imported == 0
    assert picture_path(catalog, select_memberships(catalog, mira)[0]) == tmp_path / "moved.png"


def test_a_lost_stored_file_is_healed_by_importing_it_again(catalog: Catalog, mira: Subject, tmp_path: Path) -> None:
    make_pictures(tmp_path, 1)
    import_pictures(catalog, mira, [tmp_path])
    (member,) = select_memberships(catalog, mira)
    picture_path(catalog, member).unlink()
    blobs.refresh_states(catalog)
    import_pictures(catalog, mira, [tmp_path])
    (member,) = select_memberships(catalog, mira)
    assert (member.state, check_picture(catalog, member, deep=True)) == ("ok", "ok")


def test_hidden_files_and_clutter_are_passed_over_and_loops_end(
    catalog: Catalog, mira: Subject, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    make_pictures(folder, 2)
    make_pictures(folder / "deep" / "er", 1, side=60)
    make_pictures(folder / ".git", 1, side=61)
    make_pictures(tmp_path / "elsewhere", 1, side=62)
    (folder / "._0.png").write_bytes(b"\0\x05\x16\x07")
    (folder / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    (folder / "loop").symlink_to(folder)
    (folder / "linked folder").symlink_to(tmp_path / "elsewhere")
    (folder / "linked.png").symlink_to(tmp_path / "elsewhere" / "0.png")
    os.mkfifo(folder / "pipe.png")
    result = import_pictures(catalog, mira, [folder, folder])
    assert (result.imported, result.refused) == (4, [])
    assert names(catalog, mira) == ["0.png", "1.png", "linked.png", "0.png"]


def test_the_library_itself_is_never_imported(catalog: Catalog, mira: Subject, tmp_path: Path) -> None:
    make_pictures(tmp_path / "in", 2)
    import_pictures(catalog, mira, [tmp_path])
    result = import_pictures(catalog, mira, [tmp_path])
    assert (result.imported, result.duplicates, result.refused) == (0, 2, [])


def test_names_that_are_not_utf_8_and_odd_names_come_in(catalog: Catalog, mira: Subject, tmp_path: Path) -> None:
    paths = make_pictures(tmp_path / "made", 4)
    (tmp_path / "in").mkdir()
    odd = [b"caf\xe9.png", b"-rf.png", "two\nlines, & a e\u0301.PNG".encode(), b"x" * 251 + b".png"]
    for path, name in zip(paths, odd, strict=True):
        path.rename(os.fsdecode(bytes(tmp_path / "in") + b"/" + name))
    result = import_pictures(catalog, mira, [tmp_path / "in"])
    assert (result.imported, result.refused) == (4, [])
    assert "caf\ufffd.png" in names(catalog, mira)
    stored = {os.path.basename(member.source_path) for member in select_memberships(catalog, mira)}  # noqa: PTH119
    assert stored == set(odd)
    # They are recognised again, and in place too.
    assert import_pictures(catalog, mira, [tmp_path / "in"]).skipped == 4


def test_captions_are_matched_to_their_pictures_and_orphans_reported(
    catalog: Catalog, mira: Subject, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    make_pictures(folder, 3)
    (folder / "0.png").rename(folder / "u\u0308.png")
    (folder / "\u00fc.txt").write_text("composed name", encoding="utf-8")
    (folder / "1.png.caption").write_text("full name")
    (folder / "9.txt").write_bytes(b"na\xefve orphan")
    (folder / "meta_cap.json").write_text(json.dumps({"1": {"tags": "a, b"}}))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    (folder / "broken.txt").write_text("its picture is refused, but there")
    result = import_pictures(catalog, mira, [folder])
    by_id = {member.id: member.name for member in select_memberships(catalog, mira)}
    found = sorted((path.name, by_id[id_]) for id_, path in result.sidecars)
    assert found == [
        ("1.png.caption", "1.png"),
        ("meta_cap.json", "1.png"),
        ("meta_cap.json", "2.png"),
        ("meta_cap.json", "u\u0308.png"),
        ("\u00fc.txt", "u\u0308.png"),
    ]
    assert result.orphans == [folder / "9.txt"]
    assert any("9.txt" in warning for warning in result.warnings)


def test_a_picture_named_alone_brings_its_caption(catalog: Catalog, mira: Subject, tmp_path: Path) -> None:
    make_pictures(tmp_path, 2)
    (tmp_path / "0.txt").write_text("smile")
    result = import_pictures(catalog, mira, [tmp_path / "0.png"])
    assert result.imported == 1
    assert [path for _, path in result.sidecars] == [tmp_path / "0.txt"]


def test_a_path_that_does_not_exist_is_told_before_anything_is_imported(
    catalog: Catalog, mira: Subject, tmp_path: Path
) -> None:
    make_pictures(tmp_path, 1)
    with pytest.raises(NotFoundError) as caught:
        import_pictures(catalog, mira, [tmp_path / "0.png", tmp_path / "gone"])
    assert caught.value.hint
    with pytest.raises(NotFoundError):
        import_pictures(catalog, "Nobody", [tmp_path])
    assert names(catalog, mira) == []


def test_a_picture_over_the_limit_is_refused_and_can_be_allowed(
    catalog: Catalog, mira: Subject, tmp_path: Path
) -> None:
    make_pictures(tmp_path, 1, side=200)
    assert "megapixels" in import_pictures(catalog, mira, [tmp_path], max_megapixels=0.03).refused[0].reason
    assert import_pictures(catalog, mira, [tmp_path]).imported == 1
    assert list_refused(catalog, mira) == []


def test_progress_ends_at_the_total_and_estimates_the_rest(catalog: Catalog, mira: Subject, tmp_path: Path) -> None:
    make_pictures(tmp_path, 30, side=300)
    seen: list[Progress] = []
    import_pictures(catalog, mira, [tmp_path], report=seen.append, workers=1)
    assert (seen[-1].done, seen[-1].total, seen[-1].eta_s) == (30, 30, 0.0)
    assert [one.done for one in seen] == sorted(one.done for one in seen)
    assert all(one.eta_s is not None and one.eta_s >= 0 for one in seen)


def test_a_cancelled_import_keeps_what_was_read(catalog: Catalog, mira: Subject, tmp_path: Path) -> None:
    make_pictures(tmp_path, 60, side=200)
    cancel = threading.Event()

    def stop_soon(progress: Progress) -> None:
        if progress.done >= 1:
            cancel.set()

    with pytest.raises(Cancelled):
        import_pictures(catalog, mira, [tmp_path], report=stop_soon, cancel=cancel, workers=1)
    kept = len(names(catalog, mira))
    assert 0 < kept < 60
    result = import_pictures(catalog, mira, [tmp_path])
    assert (result.imported, result.duplicates) == (60 - kept, kept)


def test_a_full_disk_ends_the_import_and_keeps_what_was_stored(
    catalog: Catalog, mira: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_pictures(tmp_path, 6)
    sync = os.fsync
    left = iter(range(3))

    def fill_up(handle: int) -> None:
        if os.path.isfile(f"/proc/self/fd/{handle}") and next(left, None) is None:  # noqa: PTH113
            raise OSError(28, "No space left on device")
        sync(handle)

    monkeypatch.setattr(os, "fsync", fill_up)
    with pytest.raises(LoratuiError, match="disk is full"):
        import_pictures(catalog, mira, [tmp_path], workers=1)
    monkeypatch.undo()
    assert list((catalog.home.store / "incoming").iterdir()) == []
    assert len(names(catalog, mira)) < 6
    assert all(check_picture(catalog, member, deep=True) == "ok" for member in select_memberships(catalog, mira))
    import_pictures(catalog, mira, [tmp_path])
    assert len(names(catalog, mira)) == 6


def test_two_imports_at_once_do_not_get_into_each_others_way(catalog: Catalog, mira: Subject, tmp_path: Path) -> None:
    make_pictures(tmp_path, 20)
    results = []

    def work() -> None:
        results.append(import_pictures(catalog, mira, [tmp_path]))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result.imported for result in results) == [0, 20]
    assert len(names(catalog, mira)) == 20


_CHILD = """
import os, signal, sys
from loratui.catalog.importer import import_pictures
from loratui.catalog.store import open_catalog
from loratui.config import find_home
def report(progress):
    if progress.done >= int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
with open_catalog(find_home({"LORATUI_HOME": sys.argv[1]})) as catalog:
    import_pictures(catalog, "Mira", [sys.argv[2]], workers=2, report=report)
"""


@pytest.mark.parametrize("after", [1, 30])
def test_an_import_that_was_killed_goes_on_with_nothing_twice_and_nothing_missing(
    home: Home, tmp_path: Path, after: int
) -> None:
    make_pictures(tmp_path / "in", 80, side=300)
    with open_catalog(home) as catalog:
        add_subject(catalog, "Mira", "miravel")
    # It kills itself, so that no speed of the machine can let it finish first.
    child = subprocess.run([sys.executable, "-c", _CHILD, str(home.data), str(tmp_path / "in"), str(after)])
    assert child.returncode == -signal.SIGKILL
    with open_catalog(home) as catalog:
        with catalog.read() as connection:
            read_before = connection.exec_driver_sql("SELECT count(*) FROM picture").scalar_one()
        assert read_before < 80
        result = import_pictures(catalog, "Mira", [tmp_path / "in"])
        assert (result.imported, result.duplicates, result.refused) == (80, 0, [])
        members = select_memberships(catalog, "Mira")
        assert [member.name for member in members] == [f"{number}.png" for number in range(80)]
        assert len({member.sha256 for member in members}) == 80
        assert all(check_picture(catalog, member, deep=True) == "ok" for member in members)
    assert not list((home.store / "incoming").iterdir())
