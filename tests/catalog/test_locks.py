"""Locks of jobs, and what they keep of work that was killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from loratui.catalog.locks import Renewal, find_cut_off, work_alone
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject, get_subject
from loratui.errors import Cancelled, ConflictError

if TYPE_CHECKING:
    from loratui.config import Home

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def die_at_work(home: Home, who: str) -> None:
    """Be killed while a renewal is under way."""
    with (
        open_catalog(home) as catalog,
        work_alone(catalog, get_subject(catalog, "Mira"), "tag", "tags", renewal=Renewal(who, MOMENT)),
    ):
        os.kill(os.getpid(), signal.SIGKILL)


def kill(home: Home, who: str) -> None:
    process = multiprocessing.get_context("spawn").Process(target=die_at_work, args=(home, who))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


def test_a_renewal_that_was_killed_is_found_until_one_by_the_same_model_takes_it_up(home: Home) -> None:
    with open_catalog(home) as catalog:
        mira = add_subject(catalog, "Mira", "Mirvok")[0]
        kill(home, "wd@1")
        kill(home, "cl@2")
        left = [Renewal("wd@1", MOMENT), Renewal("cl@2", MOMENT)]
        assert find_cut_off(catalog, mira, "tag") == left
        assert left[0].option == "--before=2026-01-02T03:04:05.000Z"
        assert find_cut_off(catalog, mira, "describe") == []
        with work_alone(catalog, mira, "tag", "tags pictures"):
            assert find_cut_off(catalog, mira, "tag") == [], "nobody knows how work ends that is going on"
            with (
                pytest.raises(ConflictError, match="This program tags pictures already, since"),
                work_alone(catalog, mira, "tag", "tags pictures"),
            ):
                pass
        assert find_cut_off(catalog, mira, "tag") == left
        with work_alone(catalog, mira, "tag", "tags pictures", renewal=left[0]):
            pass
        assert find_cut_off(catalog, mira, "tag") == left[1:]


def test_work_that_stops_by_itself_leaves_no_note_and_a_spoilt_file_stops_nothing(home: Home) -> None:
    with open_catalog(home) as catalog:
        mira = add_subject(catalog, "Mira", "Mirvok")[0]
        with (
            pytest.raises(OSError, match="full"),
            work_alone(catalog, mira, "tag", "tags", renewal=Renewal("wd@1", MOMENT)),
        ):
            raise OSError("the disk is full")
        assert find_cut_off(catalog, mira, "tag") == []
        (catalog.home.data / "locks" / f"tag-{mira.id}.lock").write_bytes(b"77 12:00\n\x00\x00\nnonsense\twd\n")
        assert find_cut_off(catalog, mira, "tag") == []
        with work_alone(catalog, mira, "tag", "tags"):
            pass


def test_work_that_a_person_stopped_is_found_until_it_is_taken_up(home: Home) -> None:
    with open_catalog(home) as catalog:
        mira = add_subject(catalog, "Mira", "Mirvok")[0]
        renewal = Renewal("wd@1", MOMENT)
        with pytest.raises(Cancelled), work_alone(catalog, mira, "tag", "tags pictures", renewal=renewal):
            raise Cancelled("stopped")
        assert find_cut_off(catalog, mira, "tag") == [renewal]
        with work_alone(catalog, mira, "tag", "tags pictures", renewal=renewal):
            pass
        assert find_cut_off(catalog, mira, "tag") == []


def test_who_would_do_anew_what_is_being_done_anew_is_told_how_to_go_on_with_that(home: Home) -> None:
    with open_catalog(home) as catalog:
        mira = add_subject(catalog, "Mira", "Mirvok")[0]
        mine = Renewal("wd@1", MOMENT + timedelta(seconds=5))
        with work_alone(catalog, mira, "tag", "tags pictures", renewal=Renewal("wd@1", MOMENT)):
            # As if another process had it.
            lock = catalog.home.data / "locks" / f"tag-{mira.id}.lock"
            lock.write_text("77 12:00\n" + lock.read_text().partition("\n")[2])
            with pytest.raises(ConflictError) as again, work_alone(catalog, mira, "tag", "tags", renewal=mine):
                pass
            with pytest.raises(ConflictError) as once, work_alone(catalog, mira, "tag", "tags"):
                pass
        assert "with --before=2026-01-02T03:04:05.000Z in place of --again" in again.value.hint
        assert "--" not in once.value.hint
        assert "already" in once.value.message


def test_beginning_once_more_what_was_cut_off_is_told_from_going_on_with_it(home: Home) -> None:
    from loratui.cli.session import tell_cut_off

    with open_catalog(home) as catalog:
        mira = add_subject(catalog, "Mira", "Mirvok")[0]
        with pytest.raises(Cancelled), work_alone(catalog, mira, "tag", "tags", renewal=Renewal("wd@1", MOMENT)):
            raise Cancelled("stopped")
        (on,) = tell_cut_off(catalog, "Mira", "tag", "Tagging")
        (anew,) = tell_cut_off(catalog, "Mira", "tag", "Tagging", again=True)
    way = "--before=2026-01-02T03:04:05.000Z goes on where it was."
    assert on == f"Tagging anew by wd@1 was cut off: the same command with {way}"
    assert anew == f"Tagging anew by wd@1 was cut off: --again begins with all pictures once more, where {way}"
