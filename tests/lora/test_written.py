"""Files as diffusers and peft write them, their configuration along."""

import pytest

from studio.families import sd1
from studio.lora.formats.file import LoraFile
from studio.lora.formats.fit import fit
from tests.lora import files
from tests.models import small

peft = pytest.importorskip("peft")


@pytest.fixture(scope="module")
def trained():
    """A pipeline with adapters of several ranks and alphas, and the shapes of its parameters without them."""
    pipeline = small.sd1()
    shapes = files.model(pipeline)
    unet = peft.LoraConfig(
        r=4,
        lora_alpha=8,
        target_modules=["to_q", "to_k", "to_v", "conv1"],
        rank_pattern={"to_q": 2},
        alpha_pattern={"to_k": 3, "mid_block.attentions.0.transformer_blocks.0.attn1.to_v": 5},
    )
    pipeline.unet.add_adapter(unet)
    pipeline.text_encoder.add_adapter(peft.LoraConfig(r=3, lora_alpha=9, use_rslora=True, target_modules=["q_proj"]))
    return pipeline, shapes


def wrapped(module):
    """How strongly each adapter acts, by the module it is in."""
    found = ((name, getattr(layer, "scaling", {}).get("default")) for name, layer in module.named_modules())
    return {name: scale for name, scale in found if scale}


def check(file, shapes, wanted):
    found = fit(file, shapes, sd1.FAMILY)
    assert (file.unrecognised, found.unknown, found.mismatched) == ((), (), ())
    scales = {place.module: each.layer.scale for each in found.matched for place in each.locations}
    assert scales == pytest.approx(wanted)


def test_all_that_diffusers_wrote_is_read_as_strong_as_it_was_trained(trained, tmp_path):
    from diffusers.training_utils import _collate_lora_metadata

    pipeline, shapes = trained
    parts = {"unet": pipeline.unet, "text_encoder": pipeline.text_encoder}
    layers = {f"{name}_lora_layers": peft.get_peft_model_state_dict(part) for name, part in parts.items()}
    pipeline.save_lora_weights(tmp_path, **layers, **_collate_lora_metadata(parts))
    file = LoraFile.read(tmp_path / "pytorch_lora_weights.safetensors")
    check(file, shapes, wrapped(pipeline.unet) | wrapped(pipeline.text_encoder))


def test_all_that_peft_wrote_is_read_as_strong_as_it_was_trained(tmp_path):
    from torch import nn

    config = peft.LoraConfig(
        r=4, lora_alpha=2, target_modules=["to_q", "to_k"], alpha_pattern={"to_k": 6}, use_dora=True
    )
    inner = nn.ModuleDict({"attn": nn.ModuleDict({"to_q": nn.Linear(6, 8), "to_k": nn.Linear(6, 8)})})
    shapes = {"unet": files.shapes(inner)}
    model = peft.get_peft_model(inner, config)
    model.save_pretrained(tmp_path)
    file = LoraFile.read(tmp_path / "adapter_model.safetensors")
    check(file, shapes, wrapped(inner))
    assert all("dora_scale" in layer.tensors for layer in file.layers)
