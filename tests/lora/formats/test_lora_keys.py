import pytest

from studio.families import flux1, sd1, sdxl
from studio.lora.formats.key_mapping import ModuleIndex, ModuleLocation
from studio.lora.formats.lora_keys import namer

UNET, TEXT = {"mid_block.resnets.0.conv1.weight": (8, 8, 3, 3)}, {"text_model.encoder.layers.0.mlp.fc1.weight": (8, 8)}
BARE = {"encoder.layers.0.mlp.fc1.weight": (8, 8), "text_projection.weight": (8, 8)}
FLUX = {"transformer_blocks.0.attn.to_q.weight": (8, 8)}
MODELS = (
    (sd1.FAMILY, {"unet": UNET, "text_encoder": TEXT}),
    (sdxl.FAMILY, {"unet": UNET, "text_encoder": TEXT, "text_encoder_2": BARE}),
    (flux1.FAMILY, {"transformer": FLUX, "text_encoder": BARE}),
)


@pytest.mark.parametrize(("family", "model"), MODELS)
def test_what_is_written_is_found_again(family, model):
    name, index = namer({*model}), ModuleIndex.of(model, family)
    for component, shapes in model.items():
        for parameter in shapes:
            module = parameter.removesuffix(".weight")
            target = name(component, module, "diff").removesuffix(".diff")
            assert index.find(target) == (ModuleLocation(component, module),)


def test_they_are_those_that_other_programs_know():
    kohya, both, peft = (
        namer(parts) for parts in (["unet", "text_encoder"], ["unet", "text_encoder_2"], ["transformer"])
    )
    assert kohya("unet", "mid_block.resnets.0.conv1", "up") == "lora_unet_mid_block_resnets_0_conv1.lora_up.weight"
    layer = "encoder.layers.0.mlp.fc1"
    assert kohya("text_encoder", layer, "diff") == "lora_te_text_model_encoder_layers_0_mlp_fc1.diff"
    assert both("text_encoder_2", layer, "down") == "lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight"
    assert peft("transformer", "blocks.0.to_q", "up") == "transformer.blocks.0.to_q.lora_B.weight"
    assert peft("transformer", "x", "diff_b") == "transformer.x.diff_b"
