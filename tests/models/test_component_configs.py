import json

import pytest
import torch

from studio.models import component_configs
from tests.models import original


@pytest.fixture(scope="module")
def laid(tmp_path_factory):
    def lay(family, variant=""):
        folder = tmp_path_factory.mktemp("base")
        component_configs.lay_out(component_configs.own_base(family), variant, folder)
        return folder

    return lay


def sizes(folder) -> dict[str, int]:
    """How many numbers each part of the model has, built from its configuration without memory for any."""
    import diffusers
    import transformers

    index = json.loads((folder / "model_index.json").read_text())
    found = {}
    for name, value in index.items():
        if isinstance(value, list) and name.startswith(("unet", "vae", "text")) and value[0]:
            kind = getattr(diffusers if value[0] == "diffusers" else transformers, value[1])
            with torch.device("meta"):
                if value[0] == "diffusers":
                    model = kind.from_config(kind.load_config(folder, subfolder=name))
                else:
                    model = kind(kind.config_class.from_pretrained(folder, subfolder=name))
            found[name] = sum(parameter.numel() for parameter in model.parameters())
    return found


@pytest.mark.parametrize(
    ("family", "variant", "parts"),
    [  # as the published models have them
        ("sd1", "", {"text_encoder": 123_060_480, "unet": 859_520_964, "vae": 83_653_863}),
        ("sd1", "inpaint", {"text_encoder": 123_060_480, "unet": 859_535_364, "vae": 83_653_863}),
        ("sd2", "", {"text_encoder": 340_387_840, "unet": 865_910_724, "vae": 83_653_863}),
        (
            "sdxl",
            "",
            {
                "text_encoder": 123_060_480,
                "text_encoder_2": 694_659_840,
                "unet": 2_567_463_684,
                "vae": 83_653_863,
            },
        ),
        ("sdxl", "refiner", {"text_encoder_2": 694_659_840, "unet": 2_259_526_660, "vae": 83_653_863}),
    ],
)
def test_the_configurations_are_those_of_the_published_models(laid, family, variant, parts):
    assert sizes(laid(family, variant)) == parts


@pytest.mark.parametrize(
    ("family", "variant"),
    [("sd1", ""), ("sd1", "inpaint"), ("sd2", ""), ("sdxl", ""), ("sdxl", "refiner")],
)
def test_diffusers_finds_every_tensor_of_a_published_file(laid, family, variant):
    """Its converters read the configuration as it is written, without the defaults of the classes."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint

    folder = laid(family, variant)
    for kind, part, written, convert in (
        (UNet2DConditionModel, "unet", original.unet, convert_ldm_unet_checkpoint),
        (AutoencoderKL, "vae", original.vae, convert_ldm_vae_checkpoint),
    ):
        config = json.loads((folder / part / "config.json").read_text())
        with torch.device("meta"):
            model = kind.from_config(config)
        found = convert(written(model), config=config)
        assert {name: tensor.numel() for name, tensor in found.items()} == {
            name: tensor.numel() for name, tensor in model.state_dict().items()
        }


@pytest.mark.parametrize(("family", "part", "pad"), [("sd1", "", 49407), ("sd2", "", 0), ("sdxl", "_2", 0)])
def test_clips_vocabulary_is_complete(laid, family, part, pad):
    from transformers import CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(laid(family) / f"tokenizer{part}", local_files_only=True)
    assert len(tokenizer) == 49408
    assert tokenizer("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]
    assert (tokenizer.pad_token_id, tokenizer.model_max_length) == (pad, 77)


@pytest.mark.parametrize("prediction", component_configs.PREDICTIONS)
def test_the_scheduler_is_told_what_the_denoiser_predicts(laid, prediction):
    from diffusers import EulerDiscreteScheduler

    config = json.loads((laid("sdxl") / "scheduler" / "scheduler_config.json").read_text())
    scheduler = EulerDiscreteScheduler.from_config(config | component_configs.PREDICTIONS[prediction])
    scheduler.set_timesteps(4)
    assert scheduler.config.prediction_type == ("v_prediction" if prediction.startswith("v") else "epsilon")
    assert (float(scheduler.sigmas[0]) > 1000) == (prediction == "v, zero terminal SNR")
