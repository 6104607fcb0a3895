"""Writes LoRA files of every form by hand, on meta-sized tensors: only names, shapes and alphas matter to reading."""

from math import prod
from pathlib import Path

import torch
from safetensors.torch import save_file

from studio.families.base.state_dict_keys import StateDictKeys


def shapes(module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(parameter.shape) for name, parameter in module.named_parameters()}


def model(pipeline) -> dict[str, dict[str, tuple[int, ...]]]:
    """The pipeline's denoiser and text encoders, as ``fit`` wants them."""
    modules = {name: part for name, part in pipeline.components.items() if isinstance(part, torch.nn.Module)}
    return {name: shapes(part) for name, part in modules.items() if name != "vae"}


def write(tensors: dict[str, torch.Tensor], file: Path, metadata: dict[str, str] | None = None) -> Path:
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, file, metadata)
    return file


def pair(weight: tuple[int, ...], rank: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """Up and down for a weight (out, in, …); for a convolution the down one has its kernel."""
    ones = (1,) * (len(weight) - 2)
    return torch.ones(weight[0], rank, *ones), torch.ones(rank, *weight[1:])


def kohya(target: str, weight: tuple[int, ...], rank: int = 2, alpha: float | None = 1.0) -> dict[str, torch.Tensor]:
    up, down = pair(weight, rank)
    tensors = {f"{target}.lora_up.weight": up, f"{target}.lora_down.weight": down}
    return tensors if alpha is None else tensors | {f"{target}.alpha": torch.tensor(alpha)}


def peft(target: str, weight: tuple[int, ...], rank: int = 2, adapter: str = "") -> dict[str, torch.Tensor]:
    up, down = pair(weight, rank)
    return {f"{target}.lora_B{adapter}.weight": up, f"{target}.lora_A{adapter}.weight": down}


def forms(weight: tuple[int, ...], rank: int = 2) -> dict[str, dict[str, torch.Tensor]]:
    """Each form's tensors for a weight (out, in, …), by the ends of their names."""
    out, inside, *kernel = weight
    flat = prod(weight[1:])
    up, down = pair(weight, rank)
    alpha = {"alpha": torch.tensor(1.0)}
    ones = torch.ones
    lora = {"lora_up.weight": up, "lora_down.weight": down, **alpha}
    pairs = {
        f"hada_w{n}_{side}": ones(size) for n in (1, 2) for side, size in (("a", (out, rank)), ("b", (rank, flat)))
    }
    glora = {"a1": (rank, inside), "a2": (inside, rank), "b1": (rank, inside), "b2": (out, rank)}
    found = {
        "lora": lora,
        "dora": lora | {"dora_scale": ones(out, *(1 for _ in weight[1:]))},
        "loha": pairs | alpha,
        "lokr": {"lokr_w1": ones(2, 2), "lokr_w2": ones(out // 2, inside // 2, *kernel), **alpha},
        "lokr, parted": {
            "lokr_w1": ones(2, 2),
            "lokr_w2_a": ones(out // 2, rank),
            "lokr_w2_b": ones(rank, flat // 2),
            **alpha,
        },
        "oft": {"oft_blocks": ones(4, out // 4, out // 4), **alpha},
        "boft": {"oft_blocks": ones(2, 4, out // 4, out // 4), "rescale": ones(out, 1), **alpha},
        "ia3": {"weight": ones(1, out), "on_input": torch.tensor(False)},
        "full": {"diff": ones(weight), "diff_b": ones(out)},
    }
    if kernel:
        core = ones(rank, rank, *kernel)
        turned = {f"hada_w{n}_a": ones(rank, out) for n in (1, 2)} | {
            f"hada_w{n}_b": ones(rank, inside) for n in (1, 2)
        }
        found["locon"] = {
            "lora_up.weight": up,
            "lora_down.weight": ones(rank, inside, 1, 1),
            "lora_mid.weight": core,
            **alpha,
        }
        found["loha, tucker"] = turned | {"hada_t1": core, "hada_t2": core.clone()} | alpha
    else:
        found["glora"] = {f"{role}.weight": ones(size) for role, size in glora.items()} | alpha
    return found


def makers(ours: dict[str, tuple[int, ...]], names: StateDictKeys) -> dict[str, tuple[int, ...]]:
    """The shapes of a denoiser's parameters as its makers have them, from diffusers' and a family's table."""
    parts: dict[str, dict[int, tuple[int, ...]]] = {}
    for name, shape in ours.items():
        module, _, end = name.rpartition(".")
        for part in names.to_original(module):
            normed = part.name.endswith(("query_norm", "key_norm")) or ".norms." in part.name
            kind = "scale" if normed else end  # as FLUX and Chroma have it
            parts.setdefault(f"{part.name}.{kind}", {})[part.position] = shape
    return {name: (sum(shape[0] for shape in found.values()), *found[0][1:]) for name, found in parts.items()}
