"""Stable Diffusion 3 and 3.5: a transformer, flow matching, three text encoders."""

from dataclasses import replace
from types import MappingProxyType

from studio.families import ANY, Defaults, Family, Folder, Shapes, table
from studio.kinds import Size


def _layout(shapes: Shapes) -> str | None:
    """The table of positions has the edge of the largest picture squared: 192 patches, or 3.5 medium's 384."""
    if "joint_blocks.0.context_block.adaLN_modulation.1.weight" not in shapes:
        return None
    if "joint_blocks.0.x_block.attn.ln_q.weight" not in shapes:
        return ""
    return "3.5-medium" if "joint_blocks.0.x_block.attn2.ln_q.weight" in shapes else "3.5-large"


def _folder(folder: Folder) -> str:
    if not folder.says("transformer", "qk_norm"):
        return ""
    return "3.5-medium" if folder.says("transformer", "dual_attention_layers") else "3.5-large"


_PLAIN = Family(
    name="sd3",
    title="Stable Diffusion 3",
    classes=frozenset({"StableDiffusion3Pipeline"}),
    pipelines=table(
        text_to_image="StableDiffusion3Pipeline",
        image_to_image="StableDiffusion3Img2ImgPipeline",
        inpaint="StableDiffusion3InpaintPipeline",
        controlnet="StableDiffusion3ControlNetPipeline",
    ),
    multiple=16,
    defaults=Defaults(steps=28, guidance=7.0, size=Size(1024, 1024)),
    layout=_layout,
    folder=_folder,
    noise="flow",
    takes=ANY | {"second picture to follow"},
)

FAMILY = replace(
    _PLAIN,
    variants=MappingProxyType(
        {
            "3.5-medium": replace(
                _PLAIN,
                title="Stable Diffusion 3.5 medium",
                defaults=Defaults(steps=40, guidance=4.5, size=Size(1024, 1024)),
            ),
            "3.5-large": replace(
                _PLAIN,
                title="Stable Diffusion 3.5 large",
                defaults=Defaults(steps=28, guidance=3.5, size=Size(1024, 1024)),
            ),
        }
    ),
)
