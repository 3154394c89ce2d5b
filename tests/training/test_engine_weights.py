"""What a checkpoint does in other programs is what the trainer trained."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from loratui.training.keys import TEXT_ENCODER, UNET, to_kohya
from loratui.training.lorafile import read_header
from loratui.training.tensorfile import read_tensors

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from .conftest import MakeRun


def train_a_little(make_run: MakeRun) -> Any:
    # A fast rate, so that deltas are far from zero; alpha is not rank.
    run = make_run(recipe={"epochs": 1, "rank": 4, "alpha": 3.0, "learning_rate": 0.05, "text_encoder_lr": 0.05})
    assert run.train() == 0, run.end
    return run


def delta_of_file(path: Path) -> dict[str, Any]:
    """The change of every weight by kohya's definition: alpha / rank x up x down."""
    tensors = read_tensors(path)
    names = {key.partition(".")[0] for key in tensors}
    deltas = {}
    for name in names:
        down, up = (tensors[f"{name}.lora_{part}.weight"] for part in ("down", "up"))
        scale = float(tensors[f"{name}.alpha"]) / down.shape[0]
        deltas[name] = scale * (up.reshape(up.shape[0], -1) @ down.reshape(down.shape[0], -1))
    return deltas


def test_the_file_loads_in_diffusers_and_changes_the_weights_as_trained(
    make_run: MakeRun, tiny_base: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import torch
    from diffusers import StableDiffusionPipeline
    from diffusers.utils import logging as diffusers_logging

    run = train_a_little(make_run)
    expected = delta_of_file(run.checkpoint())
    pipeline = StableDiffusionPipeline.from_pretrained(tiny_base, safety_checker=None, local_files_only=True)
    models = {UNET: pipeline.unet, TEXT_ENCODER: pipeline.text_encoder}
    before = {
        to_kohya(component, name.removesuffix(".weight")): value.clone()
        for component, model in models.items()
        for name, value in model.state_dict().items()
        if name.endswith(".weight")
    }
    diffusers_logging.set_verbosity_warning()
    diffusers_logging.enable_propagation()
    with caplog.at_level(logging.WARNING):
        pipeline.load_lora_weights(str(run.checkpoint().parent), weight_name=run.checkpoint().name)
    assert not [record for record in caplog.records if "key" in record.getMessage().lower()]
    pipeline.fuse_lora()
    changed = set()
    for component, model in models.items():
        for name, value in model.state_dict().items():
            if not name.endswith(".base_layer.weight"):
                continue
            key = to_kohya(component, name.removesuffix(".base_layer.weight"))
            delta = (value - before[key]).flatten(1)
            assert torch.allclose(delta, torch.from_numpy(expected[key]), atol=1e-6), key
            assert delta.abs().max() > 1e-4
            changed.add(key)
    # Every layer of the file arrived: none was missing, none unexpected.
    assert changed == expected.keys()


def test_the_file_holds_what_the_trainer_computed_with(make_run: MakeRun) -> None:
    import torch

    from loratui.training.engine.device import choose_compute
    from loratui.training.engine.loading import load_base
    from loratui.training.engine.samples import Samples
    from loratui.training.engine.state import load_state
    from loratui.training.engine.trainer import Trainer
    from loratui.training.runspec import read_run

    run = train_a_little(make_run)
    spec = read_run(run.folder)
    compute = choose_compute("cpu", "fp32")
    base = load_base(spec.base, compute.device, compute.dtype)
    trainer = Trainer(spec, base, Samples(spec), compute, 1)
    saved = load_state(run.folder)
    assert saved is not None
    trainer.restore(saved.weights, saved.optimizer, {})
    expected = delta_of_file(run.checkpoint())
    seen = set()
    for component, model in ((UNET, base.unet), (TEXT_ENCODER, base.text_encoder)):
        for name, module in model.named_modules():
            if hasattr(module, "get_delta_weight"):
                key = to_kohya(component, name)
                delta = module.get_delta_weight("default").flatten(1)
                assert torch.allclose(delta, torch.from_numpy(expected[key]), atol=1e-6)
                seen.add(key)
    assert seen == expected.keys()


def test_a_checkpoint_says_what_readers_of_kohya_files_look_for(make_run: MakeRun) -> None:
    run = train_a_little(make_run)
    metadata = read_header(run.checkpoint()).metadata
    assert metadata["ss_network_module"] == "networks.lora"
    assert (metadata["ss_network_dim"], metadata["ss_network_alpha"]) == ("4", "3.0")
    assert metadata["ss_base_model_version"] == "sd_v1"
    assert (metadata["ss_epoch"], metadata["ss_steps"], metadata["ss_max_train_steps"]) == ("1", "7", "7")
    assert metadata["modelspec.architecture"] == "stable-diffusion-v1/lora"
    assert metadata["modelspec.trigger_phrase"] == "kim"
    tensors = read_header(run.checkpoint()).tensors
    assert tensors["lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight"].shape == (4, 32)
    assert tensors["lora_unet_mid_block_attentions_0_proj_in.lora_down.weight"].shape == (4, 64, 1, 1)


def test_two_batches_accumulated_are_one_batch_of_twice_the_size(make_run: MakeRun) -> None:
    import torch

    from loratui.training.engine.device import choose_compute
    from loratui.training.engine.latents import LatentStore
    from loratui.training.engine.loading import load_base
    from loratui.training.engine.samples import Samples, Step, Use
    from loratui.training.engine.trainer import Trainer
    from loratui.training.runspec import read_run

    spec = read_run(make_run().folder)
    compute = choose_compute("cpu", "fp32")
    # Pictures 0, 1, 4 and 7 share a bucket.
    uses = tuple(Use(picture, 1, position) for position, picture in enumerate((0, 1, 4, 7, 0)))
    gradients = []
    for batches in ((uses,), (uses[:3], uses[3:])):
        base = load_base(spec.base, compute.device, compute.dtype)
        samples = Samples(spec)
        samples.load_latents(LatentStore(spec.latents_cache, base, compute.device), lambda done: None)
        trainer = Trainer(spec, base, samples, compute, 10)
        trainer.run_step(Step(batches), 0)
        gradients.append(trainer.weights[0].flat.grad)
    assert gradients[0] is not None
    assert gradients[1] is not None
    assert gradients[0].abs().max() > 0
    assert torch.allclose(gradients[0], gradients[1], atol=1e-6)


def test_all_chance_about_a_sample_follows_from_the_seed(make_run: MakeRun) -> None:
    import torch

    from loratui.training.engine.latents import LatentStore
    from loratui.training.engine.loading import load_base
    from loratui.training.engine.samples import Samples, Use
    from loratui.training.runspec import read_run

    spec = read_run(make_run(recipe={"caption_dropout": 0.3}).folder)
    device = torch.device("cpu")
    base = load_base(spec.base, device, torch.float32)
    samples = Samples(spec)
    samples.load_latents(LatentStore(spec.latents_cache, base, device), lambda done: None)
    uses = [Use(0, epoch, position) for epoch in range(1, 6) for position in range(8)]
    one = samples.draw(uses, timesteps=1000)
    # The same sample alone, and later: in any company it is the same.
    for index in (0, 17, 39):
        again = samples.draw([uses[index]], timesteps=1000)
        assert torch.equal(again.latents[0], one.latents[index])
        assert torch.equal(again.noise[0], one.noise[index])
        assert again.timesteps[0] == one.timesteps[index]
        assert again.captions[0] == one.captions[index]
    assert len(one.timesteps.unique()) > 30
    dropped = one.captions.count("")
    assert 4 <= dropped <= 20
    kept = [caption for caption in one.captions if caption]
    assert len(set(kept)) > 3
    assert all(caption.startswith("photo of kim, ") for caption in kept)


def test_real_stable_diffusion_has_the_192_and_72_layers_that_kohya_trains(shared: Path) -> None:
    import torch
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    from loratui.training.engine.lora import find_targets
    from loratui.training.keys import from_kohya

    configs = shared / "models" / "configs" / "sd15"
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(configs / "unet"))
        text = CLIPTextModel(CLIPTextConfig.from_pretrained(configs / "text_encoder"))
    for component, model, count in ((UNET, unet, 192), (TEXT_ENCODER, text, 72)):
        targets = find_targets(component, model)
        assert len(targets) == count
        for path in targets:
            name = to_kohya(component, path)
            assert from_kohya(name)[1].removeprefix("text_model.") == path.removeprefix("text_model.")
