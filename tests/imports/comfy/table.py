"""Write ``assets/comfyui.md``, which nodes of ComfyUI are read: ``python -m tests.imports.comfy.table``."""

from pathlib import Path
from typing import Final

from studio.imports.comfy import export, sampler_nodes
from studio.imports.comfy.nodes import CANVAS, GROUPS

FILE: Final = Path("assets/comfyui.md")
_BECOMES: Final = {
    "Outputs": "where reading begins, backwards",
    "Models": "`model` of each step that draws",
    "Text encoders": "left: they come with the model",
    "Parts of a model": "steps `lora`, `vae`, `control`; `clip_skip`",
    "Shifts": "left: the model's own",
    "Prompts": "`prompt`, `negative_prompt`; step `embedding`",
    "Conditionings": "BREAK, AND and schedules in the prompt; steps `region`, `control`, `instruct`",
    "Samplers": "steps `generate`, `edit`, `inpaint`, `outpaint`, `refine`; workflow `hires`",
    "Sampling, piece by piece": "`sampler`, `steps`, `guidance`, `seed`",
    "Latents": "`size`, `count`, where a step's picture comes from",
    "Pictures and masks": "`image`, `mask`; steps `lines`, `outpaint`, `upscale`",
    "Values": "the settings they lead to, computed as there",
}


def table() -> str:
    """The page's text."""
    rows = [f"| {group} | {', '.join(f'`{name}`' for name in kinds)} | {_BECOMES[group]} |"
            for group, kinds in GROUPS.items()]  # fmt: skip
    return "\n".join(
        [
            "# ComfyUI",
            "",
            "Which nodes are read. Any other is left by its name and passed where it leads on; of several inputs that",
            "may be its output none is taken, and a value or a text that it computes is left out. What the canvas",
            f"alone knows is resolved: {', '.join(CANVAS)}, subgraphs, bypassed and muted nodes, comments in prompts.",
            "",
            "| | nodes | become |",
            "|---|---|---|",
            *rows,
            "",
            "`studio export --to comfyui` writes the steps",
            f"{', '.join(f'`{step}`' for step in export.STEPS)}, for models of {', '.join(sampler_nodes.FAMILIES)}.",
            "",
        ]
    )


if __name__ == "__main__":
    FILE.write_text(table(), "utf-8")
