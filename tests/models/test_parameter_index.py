import pytest
import torch
from safetensors.torch import save_file

from studio.families import flux1
from studio.models.card import ModelCard
from studio.models.parameter_index import parameters
from tests.families import makers, tiny
from tests.lora import files
from tests.models import original, small


def modules(shapes):
    """Weights and biases, the text encoders' without the wrapper that comes and goes."""
    return {
        name.removeprefix("text_model."): shape for name, shape in shapes.items() if name.endswith(("weight", "bias"))
    }


def same(found, wanted, *, but=()):
    return found.keys() == wanted.keys() and all(
        {name: shape for name, shape in modules(wanted[part]).items() if not name.startswith(but)}.items()
        <= modules(found[part]).items()
        for part in wanted
    )


BUT = ("embeddings.position_embedding", "text_projection")  # OpenCLIP has them bare


def test_of_a_folder(sd1_folder):
    found = parameters(ModelCard.read(sd1_folder))
    assert same(found, files.model(small.sd1()))


@pytest.mark.parametrize("build", [small.sd1, small.sd2, small.sdxl])
def test_of_a_whole_file(build, tmp_path):
    pipeline = build()
    extra = {"model.diffusion_model.label_emb.0.0.weight": torch.zeros(128, 2816)} if build is small.sdxl else {}
    found = parameters(ModelCard.read(original.write(pipeline, tmp_path / "x.safetensors", extra=extra)))
    wanted = files.model(pipeline)
    if extra:  # the small one is told fewer sizes
        wanted["unet"]["add_embedding.linear_1.weight"] = (128, 2816)
    assert same(found, wanted, but=BUT)


def test_of_a_file_that_is_but_a_denoiser_the_rest_is_the_bases(tmp_path):
    pipeline = tiny.flux1()
    wanted = files.model(pipeline)
    theirs = files.makers(wanted["transformer"], flux1.FAMILY.detection.state_dict_keys)
    save_file({name: torch.zeros(shape) for name, shape in theirs.items()}, tmp_path / "x.safetensors")
    pipeline.save_pretrained(tmp_path / "base")
    found = parameters(ModelCard.read(tmp_path / "x.safetensors", tmp_path / "base"))
    assert same(found, wanted)


def test_of_a_file_of_fused_modules(tmp_path):
    pipeline = tiny.z_image()
    tensors = {
        f"model.diffusion_model.{name}": t for name, t in makers.tensors("z_image", pipeline.transformer).items()
    }
    save_file(tensors, tmp_path / "x.safetensors")
    found = parameters(ModelCard.read(tmp_path / "x.safetensors"))
    assert same(found, {"transformer": files.model(pipeline)["transformer"]})
