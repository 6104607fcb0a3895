"""Where parameters lie in single files of their makers' layout: each read is the one that diffusers saved."""

import pytest
import torch
from safetensors.torch import save_file

from studio.errors import ModelError
from studio.lora.tools.metadata_rewrite import copy_with_metadata
from studio.model_files.header import Header
from studio.models.card import ModelCard
from studio.models.parameter_index import parameter_locations
from studio.tensors import reading
from tests.diffusion import small
from tests.families import makers, tiny


@pytest.fixture(params=["flux1", "flux2", "sd3", "qwen_image", "z_image", "chroma"])
def model(request, tmp_path):
    """The card of a tiny model's single file, and its denoiser's parameters by diffusers' names."""
    pipeline = getattr(tiny, request.param)()
    small.shaken(pipeline.transformer, 1)
    pipeline.save_pretrained(tmp_path / "base")
    save_file(makers.tensors(request.param, pipeline.transformer), tmp_path / "x.safetensors")
    card = ModelCard.read(tmp_path / "x.safetensors", tmp_path / "base")
    known = dict(pipeline.transformer.named_parameters())
    return card, {name: value.detach() for name, value in known.items() if name.endswith((".weight", ".bias"))}


def test_each_parameter_is_found_and_written_back_where_it_was(model):
    card, known = model
    lying = parameter_locations(card)["transformer"]
    assert known.keys() <= lying.keys()
    assert [name for name, value in known.items() if not torch.equal(reading.read(lying[name]), value)] == []
    copy = card.path.with_name("copy.safetensors")
    copy_with_metadata(card.path, copy, {})
    header, source = Header.read(copy), Header.read(card.path)
    for name in known:
        reading.write(header, lying[name], reading.read(lying[name]))
    assert all(header.bytes_of(name) == source.bytes_of(name) for name in source.tensors)


def test_of_a_rounded_file_nothing_is_read(tmp_path):
    pytest.importorskip("gguf")
    pipeline = tiny.flux1()
    pipeline.save_pretrained(tmp_path / "base")
    made = makers.tensors("flux1", pipeline.transformer)
    card = ModelCard.read(makers.write_gguf(made, tmp_path / "x.gguf", "Q8_0"), tmp_path / "base")
    location = next(iter(parameter_locations(card)["transformer"].values()))
    with pytest.raises(ModelError, match="is not a safetensors file; give the model in that format"):
        reading.read(location)
