"""What nvidia-smi and the system say about cards and trainers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratui.runs.devices import DeviceUse, parse_devices, sample_devices, sample_process

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "NVIDIA GeForce RTX 4090, 2345, 24564, 97\n",
            [DeviceUse("NVIDIA GeForce RTX 4090", 2345 * MIB, 24564 * MIB, 97)],
        ),
        (
            "NVIDIA H100 80GB HBM3, 4, 81559, 0\nNVIDIA H100 80GB HBM3, 70211, 81559, 100\n",
            [
                DeviceUse("NVIDIA H100 80GB HBM3", 4 * MIB, 81559 * MIB, 0),
                DeviceUse("NVIDIA H100 80GB HBM3", 70211 * MIB, 81559 * MIB, 100),
            ],
        ),
        ("NVIDIA H100 80GB HBM3, 4, 81559, [N/A]\n", [DeviceUse("NVIDIA H100 80GB HBM3", 4 * MIB, 81559 * MIB, None)]),
        ("NVIDIA GB10, [N/A], [N/A], 3\n", [DeviceUse("NVIDIA GB10", None, None, 3)]),
        ("Tesla K80, [Not Supported], 11441, [Not Supported]\n", [DeviceUse("Tesla K80", None, 11441 * MIB, None)]),
        ("A card, with a comma, 1, 2, 3\n", [DeviceUse("A card, with a comma", MIB, 2 * MIB, 3)]),
        ("No devices were found\n", []),
        ("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n", []),
        ("", []),
    ],
)
def test_cards_are_read_from_what_nvidia_smi_prints(text: str, found: list[DeviceUse]) -> None:
    assert parse_devices(text) == found


@given(st.text())
def test_nothing_that_is_printed_breaks_the_reader(text: str) -> None:
    assert all(isinstance(device, DeviceUse) for device in parse_devices(text))


def make_program(folder: Path, script: str) -> None:
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_without_the_program_there_are_no_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert sample_devices() == []


def test_the_program_is_asked_for_every_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_program(tmp_path, "echo 'NVIDIA L40S, 10, 46068, 5'")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert sample_devices() == [DeviceUse("NVIDIA L40S", 10 * MIB, 46068 * MIB, 5)]


def test_a_program_without_a_driver_means_no_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_program(tmp_path, "echo 'NVIDIA-SMI has failed, a, b, c'; exit 9")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert sample_devices() == []


def test_a_process_tells_its_memory_and_a_gone_one_nothing() -> None:
    use = sample_process(os.getpid())
    assert use is not None
    assert use.memory > MIB
    assert use.cpu_percent >= 0
    assert sample_process(2**22 + 1) is None
