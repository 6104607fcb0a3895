import pytest

from studio.errors import ModelError
from studio.families import sd1
from studio.models.loras.file import LoraFile
from studio.models.loras.fit import fit
from studio.models.loras.places import Place
from tests.models import original, small
from tests.models.loras import files

QUERY = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"


@pytest.fixture(scope="module")
def painting():
    return files.model(small.sd1())


def fitted(tensors, model, tmp_path, family=sd1.FAMILY):
    return fit(LoraFile.read(files.write(tensors, tmp_path / "x.safetensors")), model, family)


def weights(shapes):
    return {
        name.removesuffix(".weight"): shape
        for name, shape in shapes.items()
        if name.endswith(".weight") and len(shape) > 1
    }


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
    assert [each.places for each in found.fitted] == [(Place("unet", QUERY),)]
    assert (found.unknown, found.misshaped, found.share) == ((), (), 1)


@pytest.mark.parametrize(
    "prefix", ["lora_te_text_model_", "lora_te1_text_model_", "text_encoder.text_model.", "text_encoder."]
)
def test_a_text_encoders_modules_are_found_with_and_without_its_wrapper(painting, tmp_path, prefix):
    module = "encoder.layers.1.self_attn.q_proj"
    name = module.replace(".", "_") if prefix.endswith("_") else module
    found = fitted(files.kohya(prefix + name, painting["text_encoder"][f"{module}.weight"]), painting, tmp_path)
    assert [each.places for each in found.fitted] == [(Place("text_encoder", module),)]


def test_every_module_is_found_by_its_makers_name_too(painting, tmp_path):
    theirs = {name.removeprefix("model."): shape for name, shape in files_of_unet().items()}
    tensors = {}
    for name, shape in weights(theirs).items():
        tensors |= files.kohya(name, shape)
    found = fitted(tensors, painting, tmp_path)
    assert (found.unknown, found.misshaped) == ((), ())
    assert {place.module for each in found.fitted for place in each.places} == weights(painting["unet"]).keys()


def files_of_unet():
    return {name: tuple(tensor.shape) for name, tensor in original.unet(small.sd1().unet).items()}


def test_what_the_model_has_not_is_told_by_name(painting, tmp_path):
    tensors = files.kohya(f"unet.{QUERY}", (32, 32)) | files.kohya("lora_unet_down_blocks_9", (32, 32))
    found = fitted(tensors, painting, tmp_path)
    assert (found.unknown, found.share) == (("lora_unet_down_blocks_9",), 0.5)


def test_what_does_not_fit_is_told_with_both_shapes(painting, tmp_path):
    found = fitted(files.kohya(f"unet.{QUERY}", (40, 32)), painting, tmp_path)
    assert str(found.misshaped[0]) == f"unet.{QUERY}: down (2, 32), up (40, 2) for a weight of (32, 32)"
    assert (found.fitted, found.share) == ((), 0)


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
