"""Leases: one holder, passed on to children, gone with the last of them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from loratui.runs.leases import is_leased, take_lease

if TYPE_CHECKING:
    from pathlib import Path


def test_a_lease_is_held_by_one(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lease"
    assert not is_leased(path)
    lease = take_lease(path)
    assert lease is not None
    assert is_leased(path)
    assert take_lease(path) is None
    lease.close()
    assert not is_leased(path)
    with take_lease(path) or lease as again:
        assert again is not lease


def test_a_child_that_inherited_a_lease_holds_it_until_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "lease"
    lease = take_lease(path)
    assert lease is not None
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[lease.fd])
    lease.close()
    assert is_leased(path)
    child.communicate(b"\n")
    assert not is_leased(path)


def test_a_taker_waits_for_a_lease_that_is_about_to_be_free(tmp_path: Path) -> None:
    path = tmp_path / "lease"
    lease = take_lease(path)
    assert lease is not None
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.1)"], pass_fds=[lease.fd])
    lease.close()
    waited = take_lease(path, wait_s=20)
    assert waited is not None
    waited.close()
    child.wait()
