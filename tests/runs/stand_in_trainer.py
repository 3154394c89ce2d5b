"""A trainer that learns nothing but keeps the run-folder contract: events, state, checkpoints, stop file, SIGTERM.

The recipe, or a JSON table in the run's comment, says how it behaves: epochs, steps_per_epoch, delay_s per step,
fail_at, crash_at, deaf (does not hear that it is asked to stop), broken_checkpoint, state_every.
"""

import argparse
import hashlib
import json
import os
import signal
import struct
import sys
import time
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    partial = path.with_suffix(".tmp")
    partial.write_bytes(content)
    partial.replace(path)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--attempt", type=int)
    parser.add_argument("--nonce")
    arguments = parser.parse_args()
    folder = arguments.folder
    run = json.loads((folder / "run.json").read_text())
    recipe = {"steps_per_epoch": 2, **run["recipe"], **json.loads(run.get("comment") or "{}")}
    assert run["nonce"] == arguments.nonce
    stopping = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: stopping.append(number))

    events_file = folder / "events.jsonl"
    lines = events_file.read_text().splitlines() if events_file.exists() else []
    seq = json.loads(lines[-1])["seq"] if lines else 0
    events = events_file.open("a", buffering=1)

    def say(kind: str, **data: object) -> None:
        nonlocal seq
        seq += 1
        events.write(
            json.dumps({"seq": seq, "type": kind, "data": data, "attempt": arguments.attempt, "at": ""}) + "\n"
        )

    state_file = folder / "state" / "manifest.json"
    state_file.parent.mkdir(exist_ok=True)
    step = json.loads(state_file.read_text())["step"] if state_file.exists() else 0
    per_epoch, epochs = recipe["steps_per_epoch"], recipe["epochs"]
    total = per_epoch * epochs
    say("start", pid=os.getpid(), total_steps=total, steps_per_epoch=per_epoch, device="none")
    print(f"attempt {arguments.attempt} begins at step {step}; device {os.environ.get('CUDA_VISIBLE_DEVICES')}")

    while step < total:
        time.sleep(recipe.get("delay_s", 0.0))
        step += 1
        if step == recipe.get("crash_at") and arguments.attempt == 1:
            raise ValueError("the stand-in was told to crash")
        if step == recipe.get("fail_at"):
            say("end", state="failed", reason="loss is NaN", hint="Lower the learning rate.", step=step)
            return 6
        say("step", step=step, epoch=(step - 1) // per_epoch + 1, loss=1.0 / step, lr=1e-4, images_per_s=5.0, eta_s=1.0)
        if step % per_epoch == 0:
            epoch = step // per_epoch
            suffix = f"-{epoch:06d}" if epoch < epochs else ""
            path = folder / "checkpoints" / f"{run['output_name']}{suffix}.safetensors"
            header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
            header += b" " * (-len(header) % 8)
            content = struct.pack("<Q", len(header)) + header + struct.pack("<f", float(step))
            write_atomically(path, content[:-2] if recipe.get("broken_checkpoint") == epoch else content)
            autov3 = hashlib.sha256(content[8 + len(header) :]).hexdigest()
            say("checkpoint", epoch=epoch, step=step, path=str(path), autov3=autov3, bytes=len(content))
            say("epoch", epoch=epoch, step=step, loss=1.0 / step)
        if step % recipe.get("state_every", 1) == 0:
            write_atomically(state_file, json.dumps({"step": step}).encode())
        if (stopping or (folder / "stop").exists()) and not recipe.get("deaf"):
            write_atomically(state_file, json.dumps({"step": step}).encode())
            say("end", state="stopped", reason="asked to stop", hint="", step=step)
            return 0
    say("end", state="done", reason="", hint="", step=step)
    return 0


if __name__ == "__main__":
    sys.exit(main())
