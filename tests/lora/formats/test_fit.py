import pytest

from studio import plugins
from studio.errors import ModelError
from studio.families import flux1, sd1
from studio.lora.formats.file import LoraFile
from studio.lora.formats.fit import fit
from studio.lora.formats.key_mapping import ModuleLocation
from tests.families import tiny
from tests.lora import files
from tests.models import original, small

QUERY = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"


@pytest.fixture(scope="module")
def painting():
    return files.model(small.sd1())


def fitted(tensors, model, tmp_path, family=sd1.FAMILY):
    return fit(LoraFile.read(files.write(tensors, tmp_path / "x.safetensors")), model, family)


@pytest.mark.parametrize(
    "name",
    [
        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q",
        "lycoris_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q",
        "lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q",
        "diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q",
        f"unet.{QUERY}",
        f"base_model.model.{QUERY}",
        f"unet.base_model.model.{QUERY}",
        QUERY,
    ],
)
def test_a_module_goes_by_many_names(painting, tmp_path, name):
    shape = painting["unet"][f"{QUERY}.weight"]
    found = fitted(files.kohya(name, shape), painting, tmp_path)
    assert [each.locations for each in found.matched] == [(ModuleLocation("unet", QUERY),)]
    assert (found.unknown, found.mismatched, found.share) == ((), (), 1)


@pytest.mark.parametrize(
    "prefix", ["lora_te_text_model_", "lora_te1_text_model_", "text_encoder.text_model.", "text_encoder."]
)
def test_a_text_encoders_modules_are_found_with_and_without_its_wrapper(painting, tmp_path, prefix):
    module = "encoder.layers.1.self_attn.q_proj"
    name = module.replace(".", "_") if prefix.endswith("_") else module
    found = fitted(files.kohya(prefix + name, painting["text_encoder"][f"{module}.weight"]), painting, tmp_path)
    assert [each.locations for each in found.matched] == [(ModuleLocation("text_encoder", module),)]


def layers(shapes):
    """The modules of two or four dimensions, which LoRAs are made for."""
    ends = ".weight"
    return {
        name.removesuffix(ends): shape for name, shape in shapes.items() if name.endswith(ends) and len(shape) in {2, 4}
    }


def for_all(shapes, prefix):
    """A kohya file for each of these modules, their names flattened where the prefix is."""
    tensors = {}
    for name, shape in layers(shapes).items():
        tensors |= files.kohya(prefix + (name.replace(".", "_") if prefix.endswith("_") else name), shape)
    return tensors


def changed(found):
    return sorted({place.module for each in found.matched for place in each.locations})


@pytest.mark.parametrize("prefix", ["lora_unet_", "model.diffusion_model."])
@pytest.mark.parametrize(("name", "build"), [("sd1", small.sd1), ("sd2", small.sd2), ("sdxl", small.sdxl)])
def test_each_module_of_a_unet_is_found_by_its_makers_name(name, build, prefix, tmp_path):
    unet, family = build().unet, plugins.find("families", name).FAMILY
    theirs = {key.removeprefix("model.diffusion_model."): tuple(t.shape) for key, t in original.unet(unet).items()}
    model = {"unet": files.shapes(unet)}
    found = fitted(for_all(theirs, prefix), model, tmp_path, family)
    assert (found.unknown, found.mismatched) == ((), ())
    assert changed(found) == sorted(layers(model["unet"]))


TRANSFORMERS = {
    "sd3": tiny.sd3_medium,
    "flux1": tiny.flux1,
    "flux2": tiny.flux2,
    "qwen_image": tiny.qwen_image,
    "z_image": tiny.z_image,
    "chroma": tiny.chroma,
}


@pytest.fixture(scope="module")
def transformers():
    return {name: {"transformer": files.shapes(build().transformer)} for name, build in TRANSFORMERS.items()}


@pytest.mark.parametrize("prefix", ["lora_unet_", "diffusion_model.", "transformer.", "lora_transformer_", ""])
@pytest.mark.parametrize("name", TRANSFORMERS)
def test_each_module_of_a_transformer_is_found_by_both_its_names(name, prefix, transformers, tmp_path):
    family, model = plugins.find("families", name).FAMILY, transformers[name]
    ours = model["transformer"]
    for shapes in filter(
        None, (files.makers(ours, family.detection.state_dict_keys), ours)
    ):  # Qwen-Image's makers use diffusers' names
        found = fitted(for_all(shapes, prefix), model, tmp_path, family)
        assert (found.unknown, found.mismatched, found.share) == ((), (), 1)
    assert changed(found) == sorted(layers(ours))


def test_a_fused_module_is_several_by_rows(transformers, tmp_path):
    model = transformers["flux1"]
    found = fitted(files.kohya("lora_unet_single_blocks_0_linear1", (224, 32)), model, tmp_path, flux1.FAMILY)
    begin = "single_transformer_blocks.0"
    assert found.matched[0].locations == (
        ModuleLocation("transformer", f"{begin}.attn.to_q", (0, 32)),
        ModuleLocation("transformer", f"{begin}.attn.to_k", (32, 64)),
        ModuleLocation("transformer", f"{begin}.attn.to_v", (64, 96)),
        ModuleLocation("transformer", f"{begin}.proj_mlp", (96, 224)),
    )


def test_halves_that_the_makers_have_the_other_way_round_are_swapped(transformers, tmp_path):
    model = transformers["flux1"]
    theirs = files.kohya("lora_unet_final_layer_adaLN_modulation_1", (64, 32))
    found = fitted(theirs, model, tmp_path, flux1.FAMILY)
    assert found.matched[0].locations == (
        ModuleLocation("transformer", "norm_out.linear", (0, 32), (32, 64)),
        ModuleLocation("transformer", "norm_out.linear", (32, 64), (0, 32)),
    )
    ours = fitted(files.kohya("transformer.norm_out.linear", (64, 32)), model, tmp_path, flux1.FAMILY)
    assert ours.matched[0].locations == (ModuleLocation("transformer", "norm_out.linear"),)


def test_a_fused_module_and_one_of_its_parts_are_the_same_twice(transformers, tmp_path):
    twice = files.kohya("lora_unet_double_blocks_0_img_attn_qkv", (96, 32))
    twice |= files.kohya("transformer.transformer_blocks.0.attn.to_k", (32, 32))
    with pytest.raises(ModelError, match="changes one module twice"):
        fitted(twice, transformers["flux1"], tmp_path, flux1.FAMILY)


@pytest.mark.parametrize(
    ("build", "prefix", "component", "module"),
    [
        (tiny.sdxl, "lora_te1_text_model_", "text_encoder", "encoder.layers.0.mlp.fc1"),
        (tiny.sdxl, "lora_te2_text_model_", "text_encoder_2", "text_model.encoder.layers.0.mlp.fc1"),
        (tiny.sdxl, "text_encoder_2.", "text_encoder_2", "text_model.encoder.layers.0.mlp.fc1"),
        (tiny.sd3, "lora_te3_", "text_encoder_3", "encoder.block.0.layer.0.SelfAttention.q"),
        (tiny.sdxl, "text_encoders.clip_g.transformer.", "text_encoder_2", "text_model.encoder.layers.0.mlp.fc1"),
        (tiny.flux1, "lora_te3_", "text_encoder_2", "encoder.block.0.layer.0.SelfAttention.q"),
    ],
)
def test_text_encoders_are_told_apart(build, prefix, component, module, tmp_path):
    pipeline = build()
    shape = files.shapes(getattr(pipeline, component))[f"{module}.weight"]
    inner = module.removeprefix("text_model.")
    target = prefix + (inner.replace(".", "_") if prefix.endswith("_") else inner)
    found = fitted(files.kohya(target, shape), files.model(pipeline), tmp_path)
    assert [each.locations for each in found.matched] == [(ModuleLocation(component, module),)]


@pytest.mark.parametrize(
    ("model", "target", "places"),
    [
        ({"unet": {"a.b_c.weight": (8, 6), "a_b.c.weight": (8, 6)}}, "lora_unet_a_b_c", "unet.a.b_c or unet.a_b.c"),
        (
            {"text_encoder": {"a.weight": (8, 6)}, "text_encoder_2": {"a.weight": (8, 6)}},
            "a",
            "text_encoder.a or text_encoder_2.a",
        ),
    ],
)
def test_a_name_that_could_be_two_modules_is_refused(model, target, places, tmp_path):
    with pytest.raises(ModelError, match=f"the LoRA's '{target}' could be {places}; get it in another format"):
        fitted(files.kohya(target, (8, 6)), model, tmp_path)


def test_the_first_loras_names_of_attention_are_known(painting, tmp_path):
    attention = QUERY.removesuffix("to_q")
    tensors = {
        f"unet.{attention}processor.{name}_lora.{side}.weight": tensor
        for name in ("to_q", "to_out")
        for side, tensor in zip(("up", "down"), files.pair((32, 32)), strict=True)
    }
    text = painting["text_encoder"]["encoder.layers.0.self_attn.v_proj.weight"]
    old = "text_encoder.text_model.encoder.layers.0.self_attn.to_v_lora"
    tensors |= {f"{old}.{side}.weight": tensor for side, tensor in zip(("up", "down"), files.pair(text), strict=True)}
    found = fitted(tensors, painting, tmp_path)
    assert changed(found) == [f"{attention}to_out.0", QUERY, "encoder.layers.0.self_attn.v_proj"]


def test_what_the_model_has_not_is_told_by_name(painting, tmp_path):
    tensors = files.kohya(f"unet.{QUERY}", (32, 32)) | files.kohya("lora_unet_down_blocks_9", (32, 32))
    found = fitted(tensors, painting, tmp_path)
    assert (found.unknown, found.share) == (("lora_unet_down_blocks_9",), 0.5)


def test_what_does_not_fit_is_told_with_both_shapes(painting, tmp_path):
    found = fitted(files.kohya(f"unet.{QUERY}", (40, 32)), painting, tmp_path)
    assert str(found.mismatched[0]) == f"unet.{QUERY}: down (2, 32), up (40, 2) for a weight of (32, 32)"
    assert (found.matched, found.share) == ((), 0)


def test_a_module_changed_under_two_names_is_refused(painting, tmp_path):
    twice = files.kohya(f"unet.{QUERY}", (32, 32)) | files.kohya(f"diffusion_model.{QUERY}", (32, 32))
    with pytest.raises(ModelError, match=f"changes one module twice, as 'diffusion_model.{QUERY}' and 'unet.{QUERY}'"):
        fitted(twice, painting, tmp_path)


@pytest.mark.parametrize("module", [QUERY, "down_blocks.0.resnets.0.conv1", "down_blocks.0.attentions.0.proj_in"])
def test_every_form_fits_linear_layers_and_convolutions(painting, tmp_path, module):
    shape = painting["unet"][f"{module}.weight"]
    for form, tensors in files.forms(shape).items():
        if form == "full" and f"{module}.bias" not in painting["unet"]:
            del tensors["diff_b"]
        named = {f"unet.{module}.{end}": tensor for end, tensor in tensors.items()}
        found = fitted(named, painting, tmp_path)
        assert found.share == 1, (form, found)
