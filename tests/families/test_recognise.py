"""Single files are told by their tensors, folders by their configurations, neither by its name."""

import pytest

from studio import plugins
from studio.families import DiffusersConfigs
from studio.model_files.header import Header
from studio.models.folder import weight_files
from tests.families import tiny

FAMILIES = [plugins.find("families", name).FAMILY for name in plugins.names("families")]

SD = {"input_blocks.0.0.weight": (320, 4, 3, 3)}
SD1 = SD | {"input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (320, 768)}
SD2 = SD | {"input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (320, 1024)}
SDXL = SD | {
    "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": (640, 2048),
    "label_emb.0.0.weight": (1280, 2816),
}
SD3 = {
    "joint_blocks.0.context_block.adaLN_modulation.1.weight": (9216, 1536),
    "pos_embed": (1, 36864, 1536),
}
SD35 = SD3 | {"joint_blocks.0.x_block.attn.ln_q.weight": (64,)}
CHROMA = {
    "double_blocks.0.img_attn.norm.key_norm.scale": (128,),
    "double_blocks.0.img_attn.qkv.weight": (9216, 3072),
    "img_in.weight": (3072, 64),
    "distilled_guidance_layer.in_proj.weight": (5120, 64),
}
SCHNELL = {
    "double_blocks.0.img_attn.norm.key_norm.scale": (128,),
    "double_blocks.0.img_mod.lin.weight": (18432, 3072),
    "img_in.weight": (3072, 64),
}
DEV = SCHNELL | {"guidance_in.in_layer.weight": (3072, 256)}
FLUX2 = {
    "double_blocks.0.img_attn.norm.key_norm.scale": (128,),
    "double_stream_modulation_img.lin.weight": (18432, 3072),
    "single_stream_modulation.lin.weight": (9216, 3072),
    "img_in.weight": (3072, 128),
}
LUMINA2 = {
    "cap_embedder.0.weight": (2304,),
    "cap_embedder.1.weight": (2304, 2304),
    "layers.0.attention.qkv.weight": (3840, 2304),
    "noise_refiner.0.attention.qkv.weight": (3840, 2304),
}
PIXART = {
    "y_embedder.y_proj.fc1.weight": (1152, 4096),
    "t_block.1.weight": (6912, 1152),
    "blocks.0.cross_attn.kv_linear.weight": (2304, 1152),
    "blocks.0.mlp.fc1.weight": (4608, 1152),
    "x_embedder.proj.weight": (1152, 4, 2, 2),
}
SANA = {
    "y_embedder.y_proj.fc1.weight": (2240, 2304),
    "t_block.1.weight": (13440, 2240),
    "blocks.0.cross_attn.kv_linear.weight": (4480, 2240),
    "blocks.0.mlp.inverted_conv.conv.weight": (11200, 2240, 1, 1),
    "x_embedder.proj.weight": (2240, 32, 1, 1),
}
HUNYUAN = {
    "double_blocks.0.img_attn_qkv.weight": (10752, 3584),
    "txt_in.individual_token_refiner.blocks.0.norm1.weight": (3584,),
    "img_in.proj.weight": (3584, 64, 1, 1),
}

FILES = {
    "sd1": (SD1, "sd1", ""),
    "sd1 inpaint": (SD1 | {"input_blocks.0.0.weight": (320, 9, 3, 3)}, "sd1", "inpaint"),
    "sd1 v": (SD1 | {"v_pred": (0,)}, "sd1", ""),
    "sd2": (SD2, "sd2", ""),
    "sd2 inpaint": (SD2 | {"input_blocks.0.0.weight": (320, 9, 3, 3)}, "sd2", "inpaint"),
    "sdxl": (SDXL, "sdxl", ""),
    "sdxl v": (SDXL | {"v_pred": (0,), "ztsnr": (0,)}, "sdxl", ""),
    "sdxl inpaint": (SDXL | {"input_blocks.0.0.weight": (320, 9, 3, 3)}, "sdxl", "inpaint"),
    "sdxl refiner": (SDXL | {"label_emb.0.0.weight": (1536, 2560)}, "sdxl", "refiner"),
    "sd3": (SD3, "sd3", ""),
    "sd3.5 large": (SD35, "sd3", "3.5-large"),
    "sd3.5 medium": (SD35 | {"joint_blocks.0.x_block.attn2.ln_q.weight": (64,)}, "sd3", "3.5-medium"),
    "flux schnell": (SCHNELL, "flux1", "schnell"),
    "flux dev": (DEV, "flux1", ""),
    "flux control": (DEV | {"img_in.weight": (3072, 128)}, "flux1", "control"),
    "flux fill": (DEV | {"img_in.weight": (3072, 384)}, "flux1", "fill"),
    "flux2 klein": (FLUX2, "flux2", ""),
    "flux2 dev": (FLUX2 | {"guidance_in.in_layer.weight": (6144, 256)}, "flux2", "dev"),
    "chroma": (CHROMA, "chroma", ""),
    "qwen": (
        {
            "txt_norm.weight": (3584,),
            "img_in.weight": (3072, 64),
            "transformer_blocks.0.attn.add_q_proj.weight": (3072, 3072),
        },
        "qwen_image",
        "",
    ),
    "lumina2": (LUMINA2, "lumina2", ""),
    "z-image": (LUMINA2 | {"x_pad_token": (1, 3840), "cap_pad_token": (1, 3840)}, "z_image", ""),
    "pixart": (PIXART, "pixart", ""),
    "sana": (SANA, "sana", ""),
    "sana sprint": (SANA | {"cfg_embedder.mlp.0.weight": (2240, 256)}, "sana", "sprint"),
    "hidream": ({"double_stream_blocks.0.block.adaLN_modulation.1.weight": (30720, 2560)}, "hidream", ""),
    "hunyuan": (HUNYUAN, "hunyuan_image", ""),
    "hunyuan distilled": (
        HUNYUAN | {"guidance_in.in_layer.weight": (3584, 256)},
        "hunyuan_image",
        "distilled",
    ),
    "auraflow": ({"double_layers.0.attn.w1q.weight": (3072, 3072)}, "auraflow", ""),
}
STRANGE = {
    "nothing": {},
    "a LoRA": {"lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight": (16, 320)},
    "depth to image": SD2 | {"input_blocks.0.0.weight": (320, 5, 3, 3)},
    "PixArt-Alpha": PIXART | {"csize_embedder.mlp.0.weight": (384, 256)},
    "Playground 2.5": SDXL | {"edm_mean": (4,)},
    "Hunyuan video": HUNYUAN | {"img_in.proj.weight": (3072, 16, 1, 2, 2)},
    "Chroma Radiance": CHROMA | {"nerf_blocks.0.norm": (64,)},
}


def who(shapes):
    found = {family.name: family.recognise(shapes) for family in FAMILIES}
    return {name: variant for name, variant in found.items() if variant is not None}


@pytest.mark.parametrize("prefix", ["", "model.", "model.diffusion_model."])
@pytest.mark.parametrize("name", FILES)
def test_one_family_knows_a_file_and_its_variant(name, prefix):
    shapes, family, variant = FILES[name]
    marks = {"v_pred", "ztsnr"}
    assert who({(key if key in marks else prefix + key): shape for key, shape in shapes.items()}) == {family: variant}


@pytest.mark.parametrize("name", STRANGE)
def test_nobody_knows_what_is_none_of_theirs(name):
    assert who(STRANGE[name]) == {}


TOLD_BY_WIDTH = ("sd1", "sd2", "sdxl")  # which tiny models have not
NAMED_AS_BY_MAKERS = ("qwen_image", "hidream", "z_image", "kandinsky5")
LOOK_ALIKE = {"flux1_kontext": "", "flux2_base": "", "kandinsky3": None}


@pytest.mark.parametrize("name", [name for name in tiny.BUILDERS if not name.startswith(NAMED_AS_BY_MAKERS)])
def test_a_denoiser_in_diffusers_names_is_taken_for_no_other(name, card):
    found = card(name)
    part = next(part for part in ("transformer", "unet") if (found.path / part).is_dir())
    shapes = {key: shape for file in weight_files(found.path / part) for key, shape in Header.read(file).shapes.items()}
    assert who(shapes) == {}
    told = {each.name: each.recognise(shapes, in_diffusers=True) for each in FAMILIES}
    variant = None if name.startswith(TOLD_BY_WIDTH) else LOOK_ALIKE.get(name, found.variant)
    assert {key: value for key, value in told.items() if value is not None} == (
        {} if variant is None else {found.family.name: variant}
    )


FOLDERS = {
    "sd1": "",
    "sd1_inpaint": "inpaint",
    "sd2": "",
    "sd2_base": "base",
    "sdxl_inpaint": "inpaint",
    "sdxl_turbo": "turbo",
    "sdxl_lcm": "lcm",
    "sdxl_refiner": "refiner",
    "sd3_medium": "3.5-medium",
    "sd3_large": "3.5-large",
    "flux1_schnell": "schnell",
    "flux1_fill": "fill",
    "flux1_control": "control",
    "flux1_kontext": "kontext",
    "flux2": "",
    "flux2_base": "klein-base",
    "z_image_turbo": "turbo",
    "sana_sprint": "sprint",
    "hunyuan_image_distilled": "distilled",
}


@pytest.mark.parametrize("name", tiny.BUILDERS)
def test_a_folder_is_told_by_its_configurations(name, card):
    found = card(name)
    assert name.startswith(found.family.name)
    assert found.variant == FOLDERS.get(name, "")
    assert found.defaults.steps == found.family.capabilities.defaults.steps


@pytest.mark.parametrize(
    ("pipeline", "family", "variant"),
    [
        ("Flux2Pipeline", "flux2", "dev"),
        ("QwenImageEditPlusPipeline", "qwen_image", "edit"),
        ("FluxControlPipeline", "flux1", "control"),
        ("Kandinsky5T2IPipeline", "kandinsky5", ""),
    ],
)
def test_a_folder_may_be_told_by_its_pipeline_alone(pipeline, family, variant):
    folder = DiffusersConfigs({"_class_name": pipeline}, {})
    assert {
        each.name: each.detection.variant_of(folder)
        for each in FAMILIES
        if each.detection.variant_of(folder) is not None
    } == {family: variant}
