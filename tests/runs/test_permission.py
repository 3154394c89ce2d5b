"""Trainings of persons and of pictures that may not be used, at every door that leads to a trainer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from loratui.catalog.edits import store_tag_scores
from loratui.catalog.importer import import_pictures
from loratui.catalog.query import select_memberships
from loratui.catalog.roles import set_role
from loratui.catalog.runs import get_run, list_checkpoints, list_runs
from loratui.catalog.subjects import add_subject, edit_subject, get_subject, record_consent, withdraw_consent
from loratui.errors import RefusedError
from loratui.runs import forecast
from loratui.runs.folder import RunFolder
from loratui.runs.permission import require_permission
from loratui.runs.service import resume_run, start_training
from loratui.runs.worker import Worker

if TYPE_CHECKING:
    from loratui.catalog.rows import Run
    from loratui.catalog.store import Catalog


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are turned by hand: what happens between queue and start is what these tests are about."""
    monkeypatch.setattr("loratui.runs.service.ensure_worker", lambda catalog: False)


@pytest.fixture
def cavixo(catalog: Catalog, ada: str, tmp_path: Path) -> str:
    """A subject of another kind with one of Ada's pictures, and one of its own."""
    add_subject(catalog, "Cavixo", "cavixo")
    Image.radial_gradient("L").convert("RGB").save(tmp_path / "own.png")
    import_pictures(catalog, "Cavixo", [tmp_path / "pictures" / "a.png", tmp_path / "own.png"])
    set_role(catalog, "Cavixo", "primary", "all")
    return "Cavixo"


def rate(catalog: Catalog, query: str, rating: str) -> None:
    for member in select_memberships(catalog, "Ada", query):
        store_tag_scores(catalog, member.picture_id, "wd@1/p1", [(rating, "rating", 0.9)])


def work(catalog: Catalog, run: Run) -> Run:
    """Turn a worker until the run is over."""
    worker = Worker(catalog, dict(os.environ))
    for _ in range(4000):
        worker.go_round()
        if get_run(catalog, run.name).state not in ("queued", "running"):
            break
    return get_run(catalog, run.name)


def test_neither_start_nor_forecast_pass_a_sexual_picture(catalog: Catalog, ada: str) -> None:
    rate(catalog, "name:a.png", "explicit")
    with pytest.raises(RefusedError, match=r"a\.png \(rated explicit"):
        start_training(catalog, ada)
    report = forecast.inspect_subject(catalog, ada)
    (blocker,) = report.blockers
    assert blocker.code == "unfit"
    assert "a.png" in blocker.message
    assert "rejected sha:" in blocker.hint
    assert list_runs(catalog) == []
    set_role(catalog, ada, "rejected", "name:a.png")
    assert start_training(catalog, ada, changes={"epochs": 1}).state == "queued"


def test_pictures_of_a_person_that_nobody_rated_are_doubted(catalog: Catalog, ada: str) -> None:
    rate(catalog, "name:a.png", "general")
    doubts = {doubt.code: doubt for doubt in forecast.inspect_subject(catalog, ada).doubts}
    assert doubts["unrated"].message.startswith("1 training picture was")
    rate(catalog, "all", "general")
    assert "unrated" not in {doubt.code for doubt in forecast.inspect_subject(catalog, ada).doubts}


def test_a_tagger_that_gives_no_ratings_is_named_where_pictures_of_a_person_have_none(
    catalog: Catalog, ada: str
) -> None:
    for member in select_memberships(catalog, "Ada"):
        store_tag_scores(catalog, member.picture_id, "cast@1/p1", [("smile", "general", 0.9)])
    (doubt,) = (one for one in forecast.inspect_subject(catalog, ada).doubts if one.code == "unrated")
    assert doubt.message == "2 training pictures have no rating: cast gives none."
    assert "a tagger that rates" in doubt.hint


def test_consent_that_ends_in_the_queue_stops_the_run_at_the_worker(catalog: Catalog, ada: str) -> None:
    run = start_training(catalog, ada, changes={"epochs": 1})
    withdraw_consent(catalog, ada)
    after = work(catalog, run)
    assert after.state == "failed"
    assert "consent was withdrawn" in after.reason
    assert "subject consent" in after.hint
    assert not RunFolder(run.folder).events_file.exists()
    with pytest.raises(RefusedError, match="consent"):
        resume_run(catalog, run.name)
    record_consent(catalog, ada, who="Ada", scope="training")
    assert work(catalog, resume_run(catalog, run.name)).state == "done"


def test_a_rating_that_comes_while_the_run_is_queued_stops_it(catalog: Catalog, ada: str) -> None:
    run = start_training(catalog, ada, changes={"epochs": 1})
    rate(catalog, "name:b.png", "questionable")
    after = work(catalog, run)
    assert (after.state, "b.png (rated questionable" in after.reason) == ("failed", True)
    # What was frozen is what is trained: rejecting the picture now does not help this run.
    set_role(catalog, ada, "rejected", "name:b.png")
    with pytest.raises(RefusedError, match="made of pictures") as caught:
        resume_run(catalog, run.name)
    assert "start a new training" in caught.value.hint
    assert start_training(catalog, ada, changes={"epochs": 1}).state == "queued"


def test_another_kind_or_name_helps_no_run_of_a_person(catalog: Catalog, ada: str) -> None:
    run = start_training(catalog, ada, changes={"epochs": 1}, comment='{"fail_at": 1}')
    assert work(catalog, run).state == "failed"
    withdraw_consent(catalog, ada)
    edit_subject(catalog, ada, name="Nora")
    with pytest.raises(RefusedError, match="stays a person"):
        edit_subject(catalog, "Nora", kind="character")
    with pytest.raises(RefusedError, match="'Nora' is a person"):
        resume_run(catalog, run.name)


def test_a_run_frozen_as_a_person_stays_one(catalog: Catalog, ada: str) -> None:
    run = start_training(catalog, ada, changes={"epochs": 1}, comment='{"fail_at": 1}')
    assert work(catalog, run).state == "failed"
    # As a library may hold it from before persons stayed persons.
    with catalog.write() as connection:
        connection.exec_driver_sql("UPDATE subject SET kind = 'character'")
    rate(catalog, "name:a.png", "explicit")
    with pytest.raises(RefusedError, match="made of pictures"):
        resume_run(catalog, run.name)


def test_nobody_trains_on_from_weights_of_a_person_without_consent(catalog: Catalog, ada: str, tmp_path: Path) -> None:
    first = work(catalog, start_training(catalog, ada, changes={"epochs": 1}))
    assert first.state == "done"
    (checkpoint,) = list_checkpoints(catalog, first.id)
    add_subject(catalog, "Style", "styletok", kind="style")
    Image.radial_gradient("L").convert("RGB").save(tmp_path / "style.png")
    import_pictures(catalog, "Style", [tmp_path / "style.png"])
    set_role(catalog, "Style", "primary", "all")
    moved = tmp_path / "harmless.safetensors"
    moved.write_bytes(Path(checkpoint.path).read_bytes())
    second = start_training(catalog, "Style", continue_from=first.name, changes={"epochs": 1})
    withdraw_consent(catalog, ada)
    for weights in (first.name, f"{first.name}@1", checkpoint.path, str(moved)):
        with pytest.raises(RefusedError, match="'Ada' is a person"):
            start_training(catalog, "Style", continue_from=weights, changes={"epochs": 1})
    after = work(catalog, second)
    assert (after.state, "'Ada' is a person" in after.reason) == ("failed", True)


def test_an_old_copy_of_a_subject_is_no_way_around(catalog: Catalog, ada: str) -> None:
    agreed = get_subject(catalog, ada)
    withdraw_consent(catalog, ada)
    with pytest.raises(RefusedError, match="consent"):
        start_training(catalog, agreed)
    assert list_runs(catalog) == []


def test_a_queued_run_whose_samples_a_person_may_not_show_is_stopped_at_the_worker(
    catalog: Catalog, ada: str, tmp_path: Path
) -> None:
    add_subject(catalog, "Zoe", "zoetok")
    Image.radial_gradient("L").convert("RGB").save(tmp_path / "zoe.png")
    import_pictures(catalog, "Zoe", [tmp_path / "zoe.png"])
    set_role(catalog, "Zoe", "primary", "all")
    run = start_training(catalog, "Zoe", changes={"epochs": 1}, sample_prompts=["nude {trigger}"])
    edit_subject(catalog, "Zoe", kind="person")
    record_consent(catalog, "Zoe", who="Zoe", scope="training")
    after = work(catalog, run)
    assert (after.state, "can't say nude, and Zoe is a person" in after.reason) == ("failed", True)


def test_what_goes_on_from_a_person_shows_no_more_than_the_person_may(
    catalog: Catalog, ada: str, tmp_path: Path
) -> None:
    first = work(catalog, start_training(catalog, ada, changes={"epochs": 1}))
    add_subject(catalog, "Style", "styletok", kind="style")
    Image.radial_gradient("L").convert("RGB").save(tmp_path / "style.png")
    import_pictures(catalog, "Style", [tmp_path / "style.png"])
    set_role(catalog, "Style", "primary", "all")
    with pytest.raises(RefusedError, match="can't say nude, and Ada is a person"):
        start_training(catalog, "Style", continue_from=first.name, sample_prompts=["nude"])
    assert start_training(catalog, "Style", changes={"epochs": 1}, sample_prompts=["nude"]).state == "queued"
    second = start_training(catalog, "Style", continue_from=first.name, changes={"epochs": 1})
    with pytest.raises(RefusedError, match="can't say nude, and Ada is a person"):
        require_permission(catalog, second, ["nude"])


def test_a_forecast_is_blocked_by_prompts_and_weights_that_the_start_refuses(catalog: Catalog, ada: str) -> None:
    report = forecast.inspect_subject(catalog, ada)
    assert forecast.inspect_request(catalog, report, ["photo of {trigger}"]).blockers == ()
    found = forecast.inspect_request(catalog, report, ["nude {trigger}", " ", "hat"], "nowhere")
    assert [blocker.code for blocker in found.blockers] == ["weights", "prompt", "prompt"]
    assert "can't say nude, and Ada is a person" in found.blockers[1].message
    assert all(blocker.hint for blocker in found.blockers)


def test_no_training_starts_on_a_picture_of_a_person_who_took_consent_back(
    catalog: Catalog, ada: str, cavixo: str
) -> None:
    withdraw_consent(catalog, ada)
    with pytest.raises(RefusedError, match=r"1 picture of Cavixo can't be used: a\.png \(Ada is a person") as caught:
        start_training(catalog, cavixo)
    assert "subject consent Ada" in caught.value.hint
    (blocker,) = forecast.inspect_subject(catalog, cavixo).blockers
    assert (blocker.code, blocker.message, blocker.hint) == (
        "shared_consent",
        caught.value.message,
        caught.value.hint,
    )
    assert list_runs(catalog) == []
    record_consent(catalog, ada, who="Ada", scope="training")
    assert forecast.inspect_subject(catalog, cavixo).blockers == ()
    assert start_training(catalog, cavixo, changes={"epochs": 1}).state == "queued"


def test_a_queued_run_is_stopped_at_the_worker_when_somebody_in_its_pictures_takes_consent_back(
    catalog: Catalog, ada: str, cavixo: str
) -> None:
    run = start_training(catalog, cavixo, changes={"epochs": 1})
    withdraw_consent(catalog, ada)
    after = work(catalog, run)
    assert after.state == "failed"
    assert "made of 1 picture that can't be used: a.png (Ada is a person who has it too" in after.reason
    assert "subject consent Ada" in after.hint
    assert not RunFolder(run.folder).events_file.exists()
    # What was frozen is what is trained: rejecting the picture now does not help this run.
    set_role(catalog, cavixo, "rejected", "name:a.png")
    with pytest.raises(RefusedError, match="Ada is a person") as caught:
        resume_run(catalog, run.name)
    assert "start a new training" in caught.value.hint
    record_consent(catalog, ada, who="Ada", scope="training")
    assert work(catalog, resume_run(catalog, run.name)).state == "done"


def test_nobody_trains_on_from_weights_that_were_made_of_pictures_of_a_person_without_consent(
    catalog: Catalog, ada: str, cavixo: str, tmp_path: Path
) -> None:
    first = work(catalog, start_training(catalog, cavixo, changes={"epochs": 1}))
    add_subject(catalog, "Style", "styletok", kind="style")
    import_pictures(catalog, "Style", [tmp_path / "own.png"])
    set_role(catalog, "Style", "primary", "all")
    withdraw_consent(catalog, ada)
    with pytest.raises(RefusedError, match=f"{first.name} was made of 1 picture that can't be used"):
        start_training(catalog, "Style", continue_from=first.name, changes={"epochs": 1})
    assert start_training(catalog, "Style", changes={"epochs": 1}).state == "queued"
