"""Small models and parts with random weights, of the true architectures, saved as people get them."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from studio.diffusion.batching import execute_all
from studio.diffusion.oom_retry import draw_batch
from studio.diffusion.sample_request import batch_of
from studio.models.card import ModelCard
from studio.parameters.signature import grouped
from tests import here


def drawing(seed=0, size=(64, 64)):
    """A picture of random patches."""
    patches = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    return Image.fromarray(patches).resize(size, Image.Resampling.NEAREST)


@cache
def spark_unet():
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel.from_pretrained(here.card("spark").path / "unet")


def shaken(module, seed, size=0.05):
    """The module with noise on all weights, so that layers which begin at zero do something."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(size * torch.randn(parameter.shape, generator=generator))
    return module


def controlnet(folder: Path, seed=1, unet=None, like=None, modes=None) -> str:
    """For a U-Net, Spark's own where none is given, or for whatever the pipeline ``like`` draws with.

    With ``modes`` it is a union, made for so many kinds of picture.
    """
    import diffusers
    from diffusers import ControlNetModel, ControlNetUnionModel

    if transformer := getattr(like, "transformer", None):
        kind = getattr(diffusers, type(transformer).__name__.replace("Transformer2DModel", "ControlNetModel"))
        config = {**transformer.config, "num_layers": 1, "num_single_layers": 1, "extra_conditioning_channels": 0}
        config |= {"num_mode": modes} if modes else {}
        torch.manual_seed(seed)
        shaken(kind.from_config(config), seed).save_pretrained(folder)
        return str(folder)
    unet = unet or (like.unet if like else spark_unet())
    kind = ControlNetUnionModel if modes else ControlNetModel
    shape = dict(kind.from_unet(unet, load_weights_from_unet=False).config)
    shape.pop("_use_default_values")  # else what is changed below is changed back
    heads = unet.config.addition_embed_type_num_heads  # which from_unet forgets
    more = {"num_control_type": modes, "num_trans_channel": 16, "num_proj_channel": 16} if modes else {}
    torch.manual_seed(seed)
    net = kind.from_config({**shape, "addition_embed_type_num_heads": heads, "in_channels": 4} | more)
    shaken(net, seed).save_pretrained(folder)
    return str(folder)


def t2i_adapter(folder: Path, seed=1, channels=(32, 64)) -> str:
    from diffusers import T2IAdapter

    torch.manual_seed(seed)
    T2IAdapter(in_channels=3, channels=list(channels), num_res_blocks=1).save_pretrained(folder)
    return str(folder)


def image_encoder(folder: Path, **larger: int) -> None:
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(0)
    shape = {
        "hidden_size": 32,
        "intermediate_size": 37,
        "projection_dim": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 32,
        "patch_size": 8,
    }
    config = CLIPVisionConfig(**{**shape, **larger})
    CLIPVisionModelWithProjection(config).save_pretrained(folder / "image_encoder")


def ip_adapter(folder: Path, seed=1, unet=None, name="ip.safetensors") -> str:
    """As the files people have: ``image_proj.…`` and ``ip_adapter.N.to_k_ip.weight``, the encoder beside it."""
    unet = unet or spark_unet()
    generator, width = torch.Generator().manual_seed(seed), unet.config.cross_attention_dim
    sizes = {"proj.weight": (4 * width, 24), "proj.bias": (4 * width,), "norm.weight": (width,), "norm.bias": (width,)}
    state = {f"image_proj.{key}": torch.randn(size, generator=generator) for key, size in sizes.items()}
    modules = dict(unet.named_modules())
    listening = [key.removesuffix(".processor") for key in unet.attn_processors if "attn2" in key]
    for n, key in enumerate(listening):
        inner = modules[key].to_q.out_features
        for which in ("to_k_ip", "to_v_ip"):
            state[f"ip_adapter.{2 * n + 1}.{which}.weight"] = torch.randn((inner, width), generator=generator) / 4
    folder.mkdir(parents=True, exist_ok=True)
    save_file(state, folder / name)
    image_encoder(folder)
    return str(folder / name)


def embedding(path: Path, width=160, words=2, key="emb_params", seed=1) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: torch.randn((words, width), generator=torch.Generator().manual_seed(seed))}, path)
    return str(path)


def vae(folder: Path, seed=1) -> str:
    """Spark's own, shaken a little."""
    from diffusers import AutoencoderTiny

    made = AutoencoderTiny.from_pretrained(here.card("spark").path / "vae")
    shaken(made, seed, 0.01).save_pretrained(folder)
    return str(folder)


def kl_vae(latent_channels=4):
    from diffusers import AutoencoderKL

    torch.manual_seed(0)
    return AutoencoderKL(
        block_out_channels=(16, 32),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=latent_channels,
        norm_num_groups=8,
        sample_size=64,
    )


def depth_model(folder: Path) -> str:
    from transformers import DPTConfig, DPTForDepthEstimation

    torch.manual_seed(0)
    config = DPTConfig(
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=37,
        backbone_out_indices=[0, 1, 2, 3],
        image_size=32,
        patch_size=16,
        neck_hidden_sizes=[16, 16, 32, 32],
        fusion_hidden_size=16,
        head_in_index=-1,
        is_hybrid=False,
    )
    model = shaken(DPTForDepthEstimation(config), 0, 0.1)
    model.head.head[4].bias.data += 1  # else all is cut off at nothing
    model.save_pretrained(folder)
    about = {"image_processor_type": "DPTImageProcessor", "size": {"height": 32, "width": 32}}
    (folder / "preprocessor_config.json").write_text(json.dumps(about))
    return str(folder)


def pose_model(folder: Path, seed=0) -> str:
    from transformers import VitPoseBackboneConfig, VitPoseConfig, VitPoseForPoseEstimation

    torch.manual_seed(seed)
    backbone = VitPoseBackboneConfig(
        image_size=[64, 48], patch_size=[16, 16], hidden_size=32, num_hidden_layers=2, num_attention_heads=4
    )
    config = VitPoseConfig(backbone_config=backbone, num_labels=17)
    VitPoseForPoseEstimation(config).save_pretrained(folder)
    return str(folder)


def sd1(folder: Path) -> ModelCard:
    """Stable Diffusion 1 with the text encoder and the words of Spark."""
    from diffusers import StableDiffusionPipeline, UNet2DConditionModel

    torch.manual_seed(2)
    unet = UNet2DConditionModel(
        block_out_channels=(32, 64),
        layers_per_block=1,
        sample_size=8,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=160,
        norm_num_groups=8,
    )
    spark = StableDiffusionPipeline.from_pretrained(here.card("spark").path, safety_checker=None)
    StableDiffusionPipeline(**{**spark.components, "unet": unet}).save_pretrained(folder)
    return ModelCard.read(folder)


def spark_with(channels: int, folder: Path) -> ModelCard:
    """Spark with more channels into its U-Net: 9 as one trained to inpaint has them, 8 as one for instructions."""
    from diffusers import StableDiffusionPipeline

    torch.manual_seed(1)
    pipeline = StableDiffusionPipeline.from_pretrained(here.card("spark").path, safety_checker=None)
    old = pipeline.unet.conv_in
    new = torch.nn.Conv2d(channels, old.out_channels, 3, padding=1)
    with torch.no_grad():
        new.weight[:, :4], new.weight[:, 4:] = old.weight, 0.2 * new.weight[:, 4:]
        new.bias.copy_(old.bias)
    pipeline.unet.conv_in = new
    pipeline.unet.register_to_config(in_channels=channels)
    pipeline.save_pretrained(folder)
    return ModelCard.read(folder)


def state(pipeline) -> dict[str, tuple]:
    """What a pipeline holds, to compare: every tensor's place, precision and kind, and every processor."""
    found = {}
    for name, module in pipeline.components.items():
        if isinstance(module, torch.nn.Module):
            tensors = [*module.named_parameters(), *module.named_buffers()]
            found |= {f"{name}.{key}": (t.data_ptr(), t.dtype, tuple(t.shape)) for key, t in tensors}
            found |= {f"{name}.{key}()": id(p) for key, p in getattr(module, "attn_processors", {}).items()}
            found[f"{name} as such"] = (id(module), tuple(sorted(vars(module))), str(getattr(module, "config", "")))
        else:
            found[name] = id(module)
    return found


def run(step, engine, **values):
    """What a step makes of these values of its parameters, which it is given as a workflow gives them."""
    return step.run(engine, **grouped(step.run, values))


def together(engine, seeds, draw):
    """What ``draw`` makes with an engine for each seed, while they share forward passes."""

    def execute(seed, execution):
        return draw(replace(engine, seed=seed, draw=execution.draw))

    made = dict(execute_all(seeds, execute, len(seeds)))
    for one in made.values():
        if isinstance(one, Exception):
            raise one
    return [made[seed] for seed in seeds]


def make(orders):
    """The picture of each order, those that go together in one pass."""
    made = {}
    while todo := [order for order in orders if order not in made]:
        some = batch_of(todo, len(todo))
        made |= zip(some, draw_batch(some), strict=True)
    return [made[order] for order in orders]


def difference(one: Image.Image, other: Image.Image) -> int:
    """The greatest difference of any level, of 255."""
    return int(np.abs(np.asarray(one).astype(int) - np.asarray(other)).max())
