"""Misplaced pictures: what each check finds, who says so, and that nothing is rejected by it."""

from __future__ import annotations

import shutil
import threading
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageDraw, ImageFilter

from loratui.captions.clearness import TrainingSize
from loratui.captions.faces import open_detector
from loratui.captions.misplaced import CheckResult, check_subject, list_suspects
from loratui.captions.tagger import open_tagger
from loratui.captions.tagging import tag_pictures
from loratui.catalog.blobs import picture_path
from loratui.catalog.edits import add_tags, remove_tags, store_tag_scores
from loratui.catalog.findings import Measured, findings_of, list_known, store_findings
from loratui.catalog.importer import import_pictures
from loratui.catalog.journal import history
from loratui.catalog.query import select_memberships
from loratui.catalog.roles import remove_pictures, set_role
from loratui.catalog.store import Catalog, open_catalog
from loratui.catalog.subjects import add_subject, edit_subject
from loratui.catalog.vocabulary import FLAGS
from loratui.errors import Cancelled, NotFoundError, RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loratui.config import Home
    from loratui.events import Progress


@pytest.fixture
def catalog(home: Home) -> Iterator[Catalog]:
    with open_catalog(home) as opened:
        yield opened


@pytest.fixture
def mira(catalog: Catalog, tmp_path: Path) -> str:
    """A subject with a sharp, a blurred, a tiny, a dark and a bright picture."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    sharp = Image.effect_noise((600, 500), 80).filter(ImageFilter.GaussianBlur(0.7)).convert("RGB")
    sharp.save(folder / "sharp.png")
    small = Image.effect_noise((40, 33), 200).convert("RGB")
    small.resize((600, 500), Image.Resampling.BICUBIC).save(folder / "blurred.png")
    sharp.crop((0, 0, 200, 180)).save(folder / "tiny.png")
    sharp.rotate(90, expand=True).point(lambda value: value // 8).save(folder / "dark.png")
    bright = Image.new("RGB", (600, 600), "white")
    ImageDraw.Draw(bright).line((0, 0, 600, 600), "black", 9)
    bright.save(folder / "bright.png")
    add_subject(catalog, "Mira", "miratok")
    import_pictures(catalog, "Mira", [folder])
    return "Mira"


def found_by(result: CheckResult) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for suspect in result.suspects:
        found.setdefault(suspect.kind, []).append(suspect.membership.name)
    return found


def score(catalog: Catalog, subject: str, query: str, tags: dict[str, float], tagger: str = "wd@1/p1") -> None:
    for member in select_memberships(catalog, subject, query):
        rows = [(tag, "general", value) for tag, value in tags.items()]
        store_tag_scores(catalog, member.picture_id, tagger, [*rows, ("general", "rating", 0.9)])


def names(catalog: Catalog, subject: str, query: str) -> list[str]:
    return [member.name for member in select_memberships(catalog, subject, query)]


def test_what_checks_found_is_listed_later_without_looking_again_but_for_rejected_pictures(
    catalog: Catalog, mira: str
) -> None:
    assert list_suspects(catalog, mira) == []
    result = check_subject(catalog, mira, ["blur", "tiny", "dark", "bright"])
    assert list_suspects(catalog, mira) == list(result.suspects)
    set_role(catalog, mira, "rejected", "name:tiny")
    assert [each.kind for each in list_suspects(catalog, mira)] == ["blur", "dark", "bright"]


def test_what_is_equally_bad_comes_in_the_order_it_was_added_now_and_later(
    catalog: Catalog, mira: str, tmp_path: Path
) -> None:
    for number in range(12):
        Image.linear_gradient("L").rotate(30 * number).resize((40, 40)).save(tmp_path / f"same_{number:02}.png")
    import_pictures(catalog, mira, sorted(tmp_path.glob("same_*.png"), reverse=True))
    found = check_subject(catalog, mira, ["tiny"]).suspects
    alike = [one.membership.id for one in found if one.membership.name.startswith("same")]
    assert len(alike) > 2 and alike == sorted(alike)
    assert [one.membership.id for one in list_suspects(catalog, mira)] == [one.membership.id for one in found]


def test_what_import_measured_is_told_and_kept_as_flags(catalog: Catalog, mira: str) -> None:
    before = [entry.id for entry in history(catalog)]
    result = check_subject(catalog, mira, ["blur", "tiny", "dark", "bright"])
    assert found_by(result) == {
        "blur": ["blurred.png"],
        "tiny": ["tiny.png"],
        "dark": ["dark.png"],
        "bright": ["bright.png"],
    }
    assert {each.kind: each.model for each in result.suspects} == {
        "blur": "sharpness/1",
        "tiny": "size/512",
        "dark": "luminance/1",
        "bright": "luminance/1",
    }
    assert all(each.value >= 1 and each.why for each in result.suspects)
    for kind, (name,) in found_by(result).items():
        assert names(catalog, mira, f"flag:{kind}") == [name]
        assert names(catalog, mira, result.query_of(kind)) == [name]
    assert names(catalog, mira, "-flag:blur -flag:tiny -flag:dark -flag:bright") == ["sharp.png"]
    # Nothing was rejected, and there is nothing to undo.
    assert {member.role for member in select_memberships(catalog, mira)} == {"inbox"}
    assert [entry.id for entry in history(catalog)] == before


def test_a_check_made_again_forgets_what_is_no_longer_so(catalog: Catalog, mira: str) -> None:
    assert found_by(check_subject(catalog, mira, ["tiny"], training=TrainingSize(1024)))["tiny"][0] == "tiny.png"
    assert len(names(catalog, mira, "flag:tiny")) == 5
    check_subject(catalog, mira, ["blur"])
    assert len(names(catalog, mira, "flag:tiny")) == 5, "another check leaves it alone"
    assert found_by(check_subject(catalog, mira, ["tiny"], training=TrainingSize(128))) == {}
    assert names(catalog, mira, "flag:tiny") == []


def test_what_is_wrong_with_nasty_files_is_told_by_name(catalog: Catalog, shared: Path) -> None:
    add_subject(catalog, "Torture", "tortok")
    import_pictures(catalog, "Torture", [shared / "data/torture"])
    found = found_by(check_subject(catalog, "Torture"))
    assert "upscaled_blur.jpg" in found["blur"]
    assert "solid_grey.png" not in found["blur"], "one flat colour is not out of focus"
    assert {"python.ico", "lab.tif"} <= set(found["tiny"])


def test_rejected_pictures_are_left_out(catalog: Catalog, mira: str) -> None:
    set_role(catalog, mira, "rejected", "name:blurred.png")
    result = check_subject(catalog, mira, ["blur"])
    assert (result.checked, result.suspects) == (4, ())


def test_checks_that_need_something_say_what(catalog: Catalog, mira: str) -> None:
    result = check_subject(catalog, mira)
    skipped = {each.kind: each.why for each in result.skipped}
    assert set(skipped) == {"unfit", "faces", "people", "text", "other"}
    assert "YuNet" in skipped["faces"]
    assert "loratui tag Mira" in skipped["text"]
    assert set(result.kinds) | set(skipped) == set(FLAGS)
    with pytest.raises(UsageError, match="no check 'bluur'"):
        check_subject(catalog, mira, ["bluur"])


def test_where_a_tagger_was_sure_of_nothing_the_check_leads_to_the_threshold(catalog: Catalog, mira: str) -> None:
    score(catalog, mira, "all", {"watermark": 0.3})
    (skipped,) = check_subject(catalog, mira, ["text"]).skipped
    assert "tagged by wd. Nothing scored 0.35 or more" in skipped.why
    assert "loratui rules set Mira --general-threshold 0.30" in skipped.why
    assert "loratui tag" not in skipped.why


def test_text_and_people_come_from_tags_and_a_person_has_the_last_word(catalog: Catalog, mira: str) -> None:
    score(catalog, mira, "all", {"1girl": 0.9, "smile": 0.8})
    score(catalog, mira, "name:sharp.png", {"watermark": 0.7, "English_Text": 0.4, "2girls": 0.5})
    score(catalog, mira, "name:dark.png", {"watermark": 0.2, "1boy": 0.6, "1girl": 0.6})
    add_tags(catalog, mira, "name:tiny.png", ["Signature"])
    result = check_subject(catalog, mira, ["text", "people"])
    assert found_by(result) == {"people": ["dark.png", "sharp.png"], "text": ["sharp.png", "tiny.png"]}
    said = {(each.kind, each.membership.name): (each.model, each.why) for each in result.suspects}
    assert said["text", "sharp.png"] == ("wd@1/p1", "watermark, english text")
    assert said["text", "tiny.png"] == ("person", "signature")
    assert said["people", "dark.png"] == ("wd@1/p1", "1girl, 1boy")
    remove_tags(catalog, mira, "name:sharp.png", ["watermark", "english text", "2girls"])
    assert found_by(check_subject(catalog, mira, ["text", "people"])) == {"people": ["dark.png"], "text": ["tiny.png"]}
    edit_subject(catalog, mira, kind="style")
    result = check_subject(catalog, mira)
    assert "no fault there" in {each.kind: each.why for each in result.skipped}["people"]
    assert "people" in found_by(check_subject(catalog, mira, ["people"])), "unless it is asked for by name"


def test_unfit_pictures_are_flagged_with_the_reason(catalog: Catalog, mira: str) -> None:
    score(catalog, mira, "all", {"1girl": 0.9})
    (member,) = select_memberships(catalog, mira, "name:sharp.png")
    store_tag_scores(catalog, member.picture_id, "wd@1/p1", [("explicit", "rating", 0.9), ("child", "general", 0.4)])
    (suspect,) = check_subject(catalog, mira, ["unfit"]).suspects
    assert (suspect.membership.name, suspect.model) == ("sharp.png", "wd@1/p1")
    assert "rated explicit, with signs of youth (child)" in suspect.why
    assert names(catalog, mira, "flag:unfit") == ["sharp.png"]


def test_a_picture_of_another_subject_is_found_by_its_tags(catalog: Catalog, mira: str, tmp_path: Path) -> None:
    for index in range(4):
        Image.linear_gradient("L").rotate(90 * index).resize((80 + index, 90)).convert("RGB").save(
            tmp_path / f"pot{index}.png"
        )
    add_subject(catalog, "Pot", "pottok", kind="object")
    import_pictures(catalog, "Pot", [tmp_path / f"pot{index}.png" for index in range(4)])
    assert "no tagger" in check_subject(catalog, "Pot", ["other"]).skipped[0].why
    score(catalog, mira, "all", {"1girl": 0.9, "solo": 0.9, "red_hair": 0.8})
    score(catalog, "Pot", "all", {"teapot": 0.9, "no_humans": 0.8, "solo": 0.2})
    # One of hers is a pot.
    score(catalog, mira, "name:dark.png", {"teapot": 0.8, "no_humans": 0.9})
    (suspect,) = check_subject(catalog, mira, ["other"]).suspects
    assert (suspect.membership.name, suspect.model) == ("dark.png", "wd@1/p1")
    assert suspect.why.startswith("looks like Pot (")
    (finding,) = findings_of(catalog, mira, ["other"])
    pots = {member.picture_id for member in select_memberships(catalog, "Pot")}
    assert finding.detail["subject"] == "Pot"
    assert pots.issuperset(finding.detail["nearest"])
    assert check_subject(catalog, "Pot", ["other"]).suspects == ()
    # Once both have it, it is no stranger in either.
    import_pictures(catalog, "Pot", [tmp_path / "pictures" / "dark.png"])
    assert check_subject(catalog, mira, ["other"]).suspects == ()


def test_faces_are_counted_once_for_a_model(catalog: Catalog, shared: Path, tmp_path: Path) -> None:
    hopper = Image.open(shared / "data/torture/hopper.iccprofile.tif").convert("RGB")
    two = Image.new("RGB", (330, 180), "grey")
    two.paste(hopper, (10, 20))
    two.paste(hopper.resize((150, 150)), (170, 15))
    two.save(tmp_path / "two.png")
    hopper.save(tmp_path / "one.png")
    add_subject(catalog, "Grace", "gratok", kind="person")
    import_pictures(catalog, "Grace", [tmp_path / "two.png", tmp_path / "one.png"])
    import_pictures(catalog, "Grace", [shared / "data/photos/cat/00.jpg"])
    model = shared / "models/yunet"
    told: list[Progress] = []
    result = check_subject(catalog, "Grace", ["faces"], faces=model, workers=2, report=told.append)
    (suspect,) = result.suspects
    assert (suspect.membership.name, suspect.why) == ("two.png", "2 faces")
    assert suspect.model == open_detector(model).id
    assert suspect.model.startswith("yunet_n_dynamic@")
    counted = {finding.picture_id: finding for finding in findings_of(catalog, "Grace", ["faces"])}
    assert sorted(finding.value for finding in counted.values()) == [0, 0, 1]
    assert len(counted[suspect.membership.picture_id].detail["faces"]) == 2
    assert told[-1].done == told[-1].total
    # A second look reads nothing: the rows stay as they are, also without the files.
    for member in select_memberships(catalog, "Grace"):
        next(catalog.home.store.rglob(f"{member.sha256}*")).unlink()
    again = check_subject(catalog, "Grace", ["faces"], faces=model)
    assert again.suspects == result.suspects
    assert {finding.id for finding in findings_of(catalog, "Grace", ["faces"])} == {
        finding.id for finding in counted.values()
    }


@pytest.mark.parametrize("resolution", [0, -5])
def test_a_resolution_without_pixels_is_refused(resolution: int) -> None:
    with pytest.raises(UsageError, match=f"resolution of {resolution} ") as caught:
        TrainingSize(resolution)
    assert "--resolution 512" in caught.value.hint


def test_pictures_that_cannot_be_read_are_told_by_the_checks_that_read_them(
    catalog: Catalog, mira: str, shared: Path
) -> None:
    for name in ("tiny", "dark"):
        (member,) = select_memberships(catalog, mira, f"name:{name}.png")
        picture_path(catalog, member).unlink()
    result = check_subject(catalog, mira, ["tiny", "faces"], faces=shared / "models/yunet", workers=2)
    (told,) = result.skipped
    assert told.kind == "faces" and told.why.startswith("2 pictures can't be read; dark.png: ")
    assert len(findings_of(catalog, mira, ["faces"])) == 3


def test_faces_are_counted_in_pictures_as_large_as_import_takes(catalog: Catalog, shared: Path, tmp_path: Path) -> None:
    add_subject(catalog, "Wide", "widetok")
    Image.new("RGB", (11_000, 9_200), "white").save(tmp_path / "wide.png")
    import_pictures(catalog, "Wide", [tmp_path / "wide.png"], max_megapixels=178)
    result = check_subject(catalog, "Wide", ["faces"], faces=shared / "models/yunet")
    assert (result.kinds, result.skipped) == (("faces",), ())
    assert len(findings_of(catalog, "Wide", ["faces"])) == 1


def test_another_model_counts_again_and_its_word_replaces_the_first(catalog: Catalog, mira: str) -> None:
    (member,) = select_memberships(catalog, mira, "name:sharp.png")
    store_findings(catalog, [Measured(member.picture_id, "faces", "old@1/f1", 3.0)])
    assert names(catalog, mira, "flag:faces") == ["sharp.png"]
    store_findings(catalog, [Measured(member.picture_id, "faces", "new@1/f1", 0.0)])
    assert names(catalog, mira, "flag:faces") == []
    assert list_known(catalog, "faces", "old@1/f1", [member.picture_id]) == {}


def test_a_stopped_count_of_faces_goes_on_where_it_was(catalog: Catalog, mira: str, shared: Path) -> None:
    cancel = threading.Event()

    class Detector:
        id = "stand-in@1/f1"
        seen = 0

        def find_faces(self, picture: Image.Image) -> list[object]:
            Detector.seen += 1
            if Detector.seen == 2:
                cancel.set()
            return []

    from loratui.captions.headcount import count_faces

    pictures = select_memberships(catalog, mira)
    with pytest.raises(Cancelled):
        count_faces(
            catalog,
            pictures,
            Detector(),  # type: ignore[arg-type]
            workers=1,
            report=lambda _: None,
            cancel=cancel,
            pass_over=lambda picture, why: pytest.fail(why),
        )
    kept = list_known(catalog, "faces", Detector.id, [picture.picture_id for picture in pictures])
    assert 2 <= len(kept) < 5
    with pytest.raises(Cancelled):
        check_subject(catalog, mira, ["blur"], cancel=cancel)


def test_two_checks_at_once_keep_one_row_for_each_picture(
    catalog: Catalog, mira: str, shared: Path, home: Home
) -> None:
    """Both read every picture, and whoever is second puts its word in place of the same one."""
    before = threading.Barrier(2)
    results: list[int] = []

    def check() -> None:
        with open_catalog(home) as own:
            before.wait(30)
            found = check_subject(own, mira, ["faces", "tiny"], faces=shared / "models/yunet", workers=2)
            results.append(len(found.suspects))

    threads = [threading.Thread(target=check) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert results == [1, 1]
    assert len(findings_of(catalog, mira, ["faces"])) == 5
    assert names(catalog, mira, "flag:tiny") == ["tiny.png"]


def test_what_is_said_of_a_picture_in_one_subject_stays_when_another_that_has_it_is_checked(
    catalog: Catalog, mira: str, tmp_path: Path
) -> None:
    tiko = add_subject(catalog, "Tiko", "tikotok")[0]
    import_pictures(catalog, tiko, [tmp_path / "pictures"])
    for member in select_memberships(catalog, mira):
        store_tag_scores(
            catalog, member.picture_id, "wd@1/p1", [("text_focus", "general", 0.9), ("2girls", "general", 0.9)]
        )
    assert len(check_subject(catalog, mira, ["text", "people"]).suspects) == 10
    assert names(catalog, "Tiko", "flag:text OR flag:people") == [], "nobody has checked it"
    # In Tiko a person says of two pictures that it isn't so.
    remove_tags(catalog, tiko, "name:sharp.png OR name:dark.png", ["text focus", "2girls"])
    assert len(check_subject(catalog, tiko, ["text", "people"]).suspects) == 6
    for kind in ("text", "people"):
        assert len(names(catalog, mira, f"flag:{kind}")) == 5
        assert names(catalog, "Tiko", f"flag:{kind}") == ["blurred.png", "bright.png", "tiny.png"]
        assert {one.model for one in findings_of(catalog, tiko, [kind])} == {"wd@1/p1"}
    assert len(list_suspects(catalog, mira)) == 10
    assert len(list_suspects(catalog, tiko)) == 6
    # Made again, it is kept once.
    check_subject(catalog, tiko, ["text"])
    assert len(findings_of(catalog, tiko, ["text"])) == 3


def test_a_picture_that_was_removed_meanwhile_is_no_error(catalog: Catalog, mira: str) -> None:
    remove_pictures(catalog, mira, "name:sharp.png")
    store_findings(catalog, [Measured(999_999, "faces", "gone@1/f1", 3.0)])
    assert check_subject(catalog, mira, ["blur"]).checked == 4


def test_what_is_no_face_detector_is_said(catalog: Catalog, mira: str, shared: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no face detector at"):
        check_subject(catalog, mira, ["faces"], faces=tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError, match=r"no yunet\*\.onnx"):
        check_subject(catalog, mira, ["faces"], faces=tmp_path / "empty")
    with pytest.raises(RefusedError, match="no YuNet"):
        check_subject(catalog, mira, ["faces"], faces=shared / "models/wd_contract_imagenet/model.onnx")
    (tmp_path / "yunet.onnx").write_bytes(b"no model")
    with pytest.raises(RefusedError, match="can't be opened"):
        check_subject(catalog, mira, ["faces"], faces=tmp_path / "yunet.onnx")


@pytest.fixture
def lost_photos(catalog: Catalog, shared: Path, tmp_path: Path) -> tuple[str, ...]:
    """Twelve subjects with photos; the first photo of each is in the one before it by mistake, and not in its own."""
    folders = sorted(path for path in (shared / "data/photos").iterdir() if path.is_dir())
    for place, folder in enumerate(folders):
        lost = folders[(place + 1) % len(folders)]
        mixed = tmp_path / folder.name
        mixed.mkdir()
        for file in sorted(folder.glob("*.jpg"))[1:]:
            shutil.copy(file, mixed)
        shutil.copy(lost / "00.jpg", mixed / f"lost_{lost.name}.jpg")
        add_subject(catalog, folder.name, f"{folder.name.replace('_', '')}tok", kind="object")
        import_pictures(catalog, folder.name, [mixed])
    return tuple(folder.name for folder in folders)


def look_for_lost(
    catalog: Catalog, subjects: tuple[str, ...], tagger: Path | None = None
) -> tuple[dict[str, str], list[str]]:
    """What is said of the lost photos that are found, and the false alarms."""
    suspects = [
        suspect for name in subjects for suspect in check_subject(catalog, name, ["other"], tagger=tagger).suspects
    ]
    hits = {each.membership.name: each.why for each in suspects if each.membership.name.startswith("lost_")}
    return hits, [each.membership.name for each in suspects if each.membership.name not in hits]


def test_photos_put_into_another_subject_are_found_by_real_tags(
    catalog: Catalog, shared: Path, lost_photos: tuple[str, ...]
) -> None:
    """A classifier behind the WD contract stands in for a tagger: its tags are what is in the photos."""
    for name in lost_photos:
        tag_pictures(catalog, name, "", shared / "models/wd_contract_imagenet")
    hits, false = look_for_lost(catalog, lost_photos)
    print(f"by tags {len(hits)} of 12 found, false alarms {false}")
    right = [name for name, why in hits.items() if f"looks like {name[5:-4]} (" in why]
    assert len(right) >= 6
    assert len(false) <= 3


def test_embeddings_tell_subjects_apart_better_than_tags(
    catalog: Catalog, shared: Path, lost_photos: tuple[str, ...], tmp_path: Path
) -> None:
    onnx = pytest.importorskip("onnx")
    # What the last layer reads becomes a second output, as some re-exports of taggers have it.
    model = onnx.load(shared / "models/wd_contract_imagenet/model.onnx")
    inner = next(node for node in model.graph.node if node.op_type == "Gemm").input[0]
    model.graph.output.append(onnx.helper.make_tensor_value_info(inner, onnx.TensorProto.FLOAT, ["n", 1280]))
    folder = tmp_path / "with_embedding"
    folder.mkdir()
    onnx.save(model, folder / "model.onnx")
    shutil.copy(shared / "models/wd_contract_imagenet/selected_tags.csv", folder)
    hits, false = look_for_lost(catalog, lost_photos, folder)
    print(f"by embeddings {len(hits)} of 12 found, false alarms {false}")
    assert [name for name, why in hits.items() if f"looks like {name[5:-4]} (" not in why] == []
    assert len(hits) >= 11
    assert false == []
    (suspect,) = check_subject(catalog, lost_photos[0], ["other"], tagger=folder).suspects
    assert suspect.model == f"{open_tagger(folder).id}/embedding"
    # The vectors are kept: without the files there is nothing to read, and the answer is the same.
    shutil.rmtree(catalog.home.store)
    assert look_for_lost(catalog, lost_photos, folder) == (hits, false)
