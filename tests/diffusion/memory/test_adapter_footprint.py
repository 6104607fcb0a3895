"""What a guide's parts weigh, read from headers, against what is then loaded."""

import pytest

from studio.diffusion.loading.adapter_cache import AdapterCache
from studio.diffusion.memory.adapter_footprint import AdapterFootprint, named
from studio.diffusion.memory.memory_footprint import ModelFootprint
from studio.errors import InputError
from studio.parameters.conditioning import ControlImage, Guide, ReferenceImage
from tests import here
from tests.diffusion import small


@pytest.fixture(scope="module")
def model():
    return ModelFootprint.of(here.card("spark"))


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    home = tmp_path_factory.mktemp("parts")
    return {
        "net": small.controlnet(home / "net"),
        "adapter": small.t2i_adapter(home / "adapter"),
        "ip": small.ip_adapter(home / "ip"),
        "vae": small.vae(home / "vae"),
        "net file": str(home / "net" / "diffusion_pytorch_model.safetensors"),
    }


def size(module):
    return sum(each.numel() for each in module.state_dict().values())


def loaded(path, kind="controlnet"):
    import torch

    return AdapterCache(here.library().adapters, "cpu").diffusers(
        here.library().adapters.find(path, kind), torch.float32
    )


def test_a_controlnet_counts_once_however_often_it_is_used(model, paths):
    twice = Guide(controls=(ControlImage(paths["net"], None), ControlImage(paths["net"], None, weight=0.5)))
    (net,) = AdapterFootprint.of(twice, model, here.library().adapters).nets
    assert net.weights == size(loaded(paths["net"]))


def test_a_controlnet_that_is_one_file_is_of_the_models_shape(model, paths):
    file, folder = (
        AdapterFootprint.of(Guide(controls=(ControlImage(paths[key], None),)), model, here.library().adapters)
        for key in ("net file", "net")
    )
    assert file.weights == folder.weights
    (net,) = file.nets
    assert net.config == model.denoisers[0].config


def test_adapters_and_the_encoder_they_look_through_stay_all_the_time(model, paths):
    import torch

    adapter = AdapterFootprint.of(
        Guide(controls=(ControlImage(paths["adapter"], None, adapter=True),)), model, here.library().adapters
    )
    assert (adapter.nets, adapter.staying) == ((), size(loaded(paths["adapter"])))
    ip, part = (
        AdapterFootprint.of(Guide(references=(ReferenceImage(paths["ip"], None),)), model, here.library().adapters),
        here.library().adapters.find(paths["ip"], "ip-adapter"),
    )
    encoder = AdapterCache(here.library().adapters, "cpu").transformers(
        part, "CLIPVisionModelWithProjection", part.encoder, torch.float32
    )
    own = sum(each.numel() for name, each in encoder.state_dict().items() if "position_ids" not in name)
    from safetensors.torch import load_file

    assert ip.staying == own + sum(each.numel() for each in load_file(paths["ip"]).values())


def test_another_vae_decodes_in_the_models_place(model, paths):
    extras = AdapterFootprint.of(Guide(vae=paths["vae"]), model, here.library().adapters)
    assert extras.weights == size(loaded(paths["vae"], "vae"))
    assert model.decoding_with(extras.vae).decoders == [extras.vae]
    assert model.decoding_with(None) is model


def test_what_is_not_there_is_named_before_anything_is_loaded():
    with pytest.raises(InputError, match="no VAE 'nope'"):
        list(named(Guide(vae="nope"), here.library().adapters))
