"""Sample images while training: right, repeatable, resumed, and never at the training's cost."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from loratui.errors import UsageError
from loratui.training.lorafile import autov3
from loratui.training.sampling import SampleRequest, Sampling, choose_sampling, fill_placeholders, plan_samples

if TYPE_CHECKING:
    from .conftest import MakeRun, Run

SAMPLES: dict[str, Any] = {"prompts": ["photo of kim", "kim, red hat"], "steps": 3, "cfg": 3.0, "sampler": "ddim"}
NAMES = [f"kim-0001-e00000{epoch}-0{number}.png" for epoch in (1, 2) for number in (1, 2)]
TWO_EPOCHS = {"epochs": 2}


def files(run: Run) -> list[str]:
    return sorted(path.name for path in (run.folder / "samples").iterdir())


def same_weights(one: Run, other: Run) -> bool:
    return autov3(one.checkpoint()) == autov3(other.checkpoint())


def test_a_trainer_renders_each_prompt_at_each_checkpoint_and_trains_to_the_same_bits(make_run: MakeRun) -> None:
    plain = make_run("plain", recipe=TWO_EPOCHS)
    assert plain.train() == 0
    assert not (plain.folder / "samples").exists()
    run = make_run("sampled", recipe=TWO_EPOCHS, samples=SAMPLES)
    process = run.spawn()
    assert process.wait(120) == 0, (run.folder / "log.txt").read_text()
    assert files(run) == NAMES
    assert run.told("sample") == [
        {"epoch": epoch, "path": str(run.folder / "samples" / name), "prompt": prompt, "seed": 1}
        for (epoch, prompt), name in zip(
            [(epoch, prompt) for epoch in (1, 2) for prompt in SAMPLES["prompts"]], NAMES, strict=True
        )
    ]
    assert same_weights(run, plain)
    with Image.open(run.folder / "samples" / NAMES[3]) as image:
        assert (image.size, image.mode) == ((32, 32), "RGB")
        record = json.loads(str(image.info["loratui"]))
    assert (record["run"], record["epoch"], record["prompt"], record["seed"]) == ("kim-0001", 2, "kim, red hat", 1)


@pytest.mark.parametrize(
    "recipe",
    [
        {"text_encoder_lr": 5e-4},
        {"precision": "bf16", "gradient_checkpointing": True},
        {"precision": "fp16", "noise_offset": 0.0},
    ],
    ids=["text encoder", "bf16", "fp16"],
)
def test_samples_change_no_weight_whatever_is_trained(make_run: MakeRun, recipe: dict[str, Any]) -> None:
    plain = make_run("plain", recipe={**TWO_EPOCHS, **recipe})
    run = make_run("sampled", recipe={**TWO_EPOCHS, **recipe}, samples={**SAMPLES, "sampler": "euler_a"})
    assert [plain.train(), run.train()] == [0, 0]
    assert files(run) == NAMES
    assert not run.told("warning")
    assert same_weights(run, plain)


def test_a_sample_is_what_the_checkpoint_renders_elsewhere(make_run: MakeRun, tiny_base: Path) -> None:
    import torch
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    recipe = {"epochs": 1, "learning_rate": 2e-2, "text_encoder_lr": 2e-2}
    run = make_run(recipe=recipe, samples={**SAMPLES, "negative": "blurry", "seeds": [4]})
    assert run.train() == 0
    pipeline = StableDiffusionPipeline.from_pretrained(tiny_base, local_files_only=True)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)

    def render() -> Any:
        image = pipeline(
            "photo of kim",
            negative_prompt="blurry",
            generator=torch.Generator().manual_seed(4),
            num_inference_steps=3,
            guidance_scale=3.0,
            width=32,
            height=32,
        ).images[0]
        return np.asarray(image, int)

    before = render()
    pipeline.load_lora_weights(run.checkpoint())
    sample = np.asarray(Image.open(run.folder / "samples" / NAMES[0]), int)
    np.testing.assert_allclose(sample, render(), atol=1)
    assert np.abs(sample - before).max() > 5


def test_a_run_stopped_among_its_samples_renders_the_rest_when_resumed(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    from loratui.training.engine import previews

    whole = make_run("whole", recipe=TWO_EPOCHS, samples=SAMPLES)
    assert whole.train() == 0
    run = make_run("run", recipe=TWO_EPOCHS, samples=SAMPLES)
    real = previews.write_png
    # After the first sample of each epoch; the last attempt has only the second of the last epoch left to do.
    for attempt, expected in ((1, NAMES[:1]), (2, NAMES[:3])):

        def write_and_stop(path: Path, *content: Any) -> None:
            real(path, *content)
            if path.name in (NAMES[0], NAMES[2]):
                (run.folder / "stop").touch()

        with monkeypatch.context() as patched:
            patched.setattr(previews, "write_png", write_and_stop)
            assert run.train(attempt) == 0
        assert run.end["state"] == "stopped"
        assert files(run) == expected
        (run.folder / "stop").unlink()
    first = (run.folder / "samples" / NAMES[0]).stat()
    assert run.train(attempt=3) == 0
    assert run.end["state"] == "done"
    assert files(run) == NAMES
    assert [Path(told["path"]).name for told in run.told("sample")] == NAMES
    assert (run.folder / "samples" / NAMES[0]).stat().st_mtime_ns == first.st_mtime_ns
    for name in NAMES:
        assert (run.folder / "samples" / name).read_bytes() == (whole.folder / "samples" / name).read_bytes()
    assert same_weights(run, whole)


def test_a_sample_that_was_rendered_and_not_told_is_told_without_rendering_it(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    from loratui.training.engine import previews

    run = make_run(recipe={"epochs": 1}, samples=SAMPLES)
    real = previews.write_png

    def write_and_die(path: Path, *content: Any) -> None:
        real(path, *content)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        # As if killed between the file and its event.
        patched.setattr(previews, "write_png", write_and_die)
        with pytest.raises(KeyboardInterrupt):
            run.train()
    first = run.folder / "samples" / NAMES[0]
    before = first.stat().st_mtime_ns
    assert not run.told("sample")
    assert run.train(attempt=2) == 0
    assert first.stat().st_mtime_ns == before
    assert [Path(told["path"]).name for told in run.told("sample")] == NAMES[:2]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("no kernel for this"), "RuntimeError: no kernel for this"),
        (MemoryError(), "not enough memory"),
        (OSError(28, "No space left on device", "x.png"), "No space left on device"),
    ],
)
def test_a_sample_that_fails_is_warned_of_once_and_the_training_goes_on(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    from loratui.training.engine import previews

    plain = make_run("plain", recipe=TWO_EPOCHS)
    run = make_run("run", recipe=TWO_EPOCHS, samples=SAMPLES)

    def fail(*_: Any, **__: Any) -> None:
        raise error

    assert plain.train() == 0
    monkeypatch.setattr(previews, "denoise", fail)
    assert run.train() == 0
    assert run.end["state"] == "done"
    (warning,) = run.told("warning")
    assert words in warning["message"]
    assert warning["hint"]
    assert not run.told("sample")
    assert same_weights(run, plain)


def test_samples_that_can_not_be_written_cost_a_warning_and_no_checkpoint(make_run: MakeRun) -> None:
    run = make_run(recipe={"epochs": 1}, samples=SAMPLES)
    (run.folder / "samples").write_text("in the way")
    assert run.train() == 0
    assert "samples" in run.told("warning")[0]["message"]
    assert run.checkpoint().exists()


def test_a_sample_prompt_beyond_what_the_base_reads_warns(make_run: MakeRun) -> None:
    run = make_run(recipe={"epochs": 1}, samples={**SAMPLES, "prompts": ["word, " * 90], "steps": 1})
    assert run.train() == 0
    assert any("77 tokens" in warning["message"] for warning in run.told("warning"))
    assert files(run) == NAMES[:1]


def test_samples_that_make_no_sense_end_the_run_in_words(make_run: MakeRun) -> None:
    run = make_run(samples={**SAMPLES, "sampler": "magic"})
    assert run.train() == 6
    assert "magic" in run.end["reason"]
    assert run.end["hint"]


def test_samples_come_with_the_checkpoints_or_every_so_many_epochs() -> None:
    def due(every: int) -> list[int]:
        request = SampleRequest(("a",), every=every)
        return [epoch for epoch in range(1, 8) if request.is_due(epoch, last=7, save_every=2)]

    assert due(0) == [2, 4, 6, 7]
    assert due(3) == [3, 6, 7]


def test_a_request_survives_its_file_and_counts_every_seed_of_a_prompt() -> None:
    request = SampleRequest(("a", "b"), "blurry", (3, 4), 2, Sampling(9, 1.5, "euler"))
    assert SampleRequest.from_dict(json.loads(json.dumps(request.to_dict()))) == request
    assert request.images() == [("a", 3), ("a", 4), ("b", 3), ("b", 4)]
    assert SampleRequest.from_dict({"prompts": ["a"]}) == SampleRequest(("a",))


def test_prompts_are_filled_in_once_each_and_sampled_as_their_base_needs() -> None:
    prompts = ["photo of {trigger}", "photo of kim", "{trigger}, a {class}"]
    request = plan_samples(prompts, trigger="kim", class_word="woman", resolution=64)
    assert request is not None
    assert request.prompts == ("photo of kim", "kim, a woman")
    assert request.sampling == choose_sampling(64) != choose_sampling(512)
    assert plan_samples([], trigger="kim", class_word="", resolution=64) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"prompts": []},
        {"prompts": [" "]},
        {"seeds": [-1]},
        {"seeds": []},
        {"every": -1},
        {"steps": 0},
        {"cfg": 51.0},
        {"sampler": "magic"},
    ],
)
def test_a_request_that_can_not_be_rendered_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        SampleRequest.from_dict({**SAMPLES, **wrong})
    assert caught.value.hint


def test_placeholders_are_filled_and_other_braces_stay() -> None:
    assert fill_placeholders("a {class_word}", trigger="mir", class_word="girl") == "a girl"
    assert fill_placeholders("{trigger}, a {class} {a|b}", trigger="mir{class}", class_word="girl") == (
        "mirgirl, a girl {a|b}"
    )


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("{foo}, a {class}", "Nothing is filled in for {foo}"),
        ("{trigger} {class_word} {}", "Nothing is filled in for {},"),
        ("{trigger} { }, hat", "Nothing is filled in for { },"),
        ("{trigger in a hat", "brace too few: {trigger"),
        ("a class}, {trigger}", "brace too few: class}"),
    ],
)
def test_a_prompt_with_a_placeholder_that_nothing_fills_is_refused(prompt: str, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        plan_samples([prompt], trigger="kim", class_word="woman", resolution=64)


def test_braces_of_other_tools_and_faces_are_no_placeholders() -> None:
    for prompt in ("{red|blue} hat", "{trigger}, :}", "{class_word} {2$$a|b}"):
        assert plan_samples([prompt], trigger="kim", class_word="woman", resolution=64) is not None
