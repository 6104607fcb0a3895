"""LoRA files with random tensors, in every form, and what they make of a weight: reckoned in float64, by hand.

Nothing here uses the studio's own formulas: a weight is a list of numbers, a form what its paper says of them.
"""

from itertools import product
from types import MappingProxyType

import numpy as np
import torch
from safetensors.torch import save_file

PREFIXES = {
    "unet": "lora_unet_",
    "transformer": "lora_transformer_",
    "text_encoder": "lora_te1_",
    "text_encoder_2": "lora_te2_",
    "text_encoder_3": "lora_te3_",
}


class Maker:
    """Draws tensors for one module after another."""

    def __init__(self, seed=0, size=0.3):
        self.random, self.size, self.made = np.random.default_rng(seed), size, 0

    def numbers(self, *shape, size=None):
        return self.random.standard_normal(shape) * (self.size if size is None else size)

    def rank(self, most):
        """Another one for each module, as in files that were resized."""
        self.made += 1
        return min(most, (2, 4, 3, 8)[self.made % 4])


def lora(make, own, alpha=None, rank=None):
    out, ins, *kernel = own.shape
    rank = rank or make.rank(min(out, ins))
    alpha = {} if alpha == "none" else {"alpha": np.array(alpha or float(make.random.integers(1, 9)))}
    return {"lora_up.weight": make.numbers(out, rank, *[1] * len(kernel)),
            "lora_down.weight": make.numbers(rank, ins, *kernel)} | alpha  # fmt: skip


def without_alpha(make, own):
    return lora(make, own, "none")


def locon(make, own):
    """With a core where there is a kernel."""
    out, ins, *kernel = own.shape
    if not kernel:
        return lora(make, own)
    rank = 3
    return {"lora_up.weight": make.numbers(out, rank, 1, 1), "lora_down.weight": make.numbers(rank, ins, 1, 1),
            "lora_mid.weight": make.numbers(rank, rank, *kernel, size=0.5), "alpha": np.array(2.0)}  # fmt: skip


def dora_out(make, own):
    lengths = np.abs(1 + make.numbers(len(own), *[1] * (own.ndim - 1)))
    return lora(make, own) | {"dora_scale": lengths * np.sqrt((own**2).sum())}


def dora_in(make, own):
    lengths = np.abs(1 + make.numbers(1, own.shape[1], *[1] * (own.ndim - 2)))
    return lora(make, own) | {"dora_scale": lengths * np.sqrt((own**2).sum())}


def loha(make, own):
    out, ins, *kernel = own.shape
    rank = make.rank(min(out, ins))
    found = {"alpha": np.array(2.0)}
    for n in (1, 2):
        if kernel:
            found |= {f"hada_t{n}": make.numbers(rank, rank, *kernel, size=0.5)}
            found |= {f"hada_w{n}_a": make.numbers(rank, out), f"hada_w{n}_b": make.numbers(rank, ins)}
        else:
            found |= {f"hada_w{n}_a": make.numbers(out, rank), f"hada_w{n}_b": make.numbers(rank, ins)}
    return found


def loha_flat(make, own):
    """Without a core, the kernel spelled out in the second factor."""
    rank, flat = 2, own[0].size
    return {"alpha": np.array(4.0)} | {
        f"hada_w{n}_{side}": make.numbers(*shape)
        for n, (side, shape) in product((1, 2), (("a", (len(own), rank)), ("b", (rank, flat))))
    }


def _parts(number):
    """Two factors, the smaller first."""
    small = max(n for n in range(1, int(number**0.5) + 1) if number % n == 0)
    return small, number // small


def lokr(make, own):
    """Both whole; alpha is what LyCORIS leaves there, and says nothing."""
    out, ins = _parts(len(own)), _parts(own.shape[1])
    return {"lokr_w1": make.numbers(out[0], ins[0]), "lokr_w2": make.numbers(out[1], ins[1], *own.shape[2:]),
            "alpha": np.array(7.0)}  # fmt: skip


def lokr_factors(make, own):
    """Both in factors, the second with a core where there is a kernel."""
    out, ins, kernel = _parts(len(own)), _parts(own.shape[1]), own.shape[2:]
    found = {"lokr_w1_a": make.numbers(out[0], 2), "lokr_w1_b": make.numbers(2, ins[0]), "alpha": np.array(3.0)}
    if kernel:
        return found | {"lokr_t2": make.numbers(2, 2, *kernel, size=0.5), "lokr_w2_a": make.numbers(2, out[1]),
                        "lokr_w2_b": make.numbers(2, ins[1])}  # fmt: skip
    return found | {"lokr_w2_a": make.numbers(out[1], 2), "lokr_w2_b": make.numbers(2, ins[1])}


def oft(make, own, alpha=0.0):
    """Turned in blocks of four, or two, or one."""
    size = next(n for n in (4, 2, 1) if len(own) % n == 0)
    return {"oft_blocks": make.numbers(len(own) // size, size, size, size=0.2), "alpha": np.array(alpha)}


def oft_limited(make, own):
    """With a limit that bites, and rescaled."""
    scales = 1 + make.numbers(len(own), *[1] * (own.ndim - 1))
    return oft(make, own, 0.4 / len(own)) | {"rescale": scales}


def boft(make, own):
    """Two factors of blocks of two, where channels come in fours."""
    if len(own) % 4:
        return None
    return {"oft_blocks": make.numbers(2, len(own) // 2, 2, 2, size=0.2), "alpha": np.array(0.0)}


def ia3_out(make, own):
    return {"weight": make.numbers(len(own)), "on_input": np.array(0.0)}


def ia3_in(make, own):
    return {"weight": make.numbers(own.shape[1]), "on_input": np.array(1.0)}


def glora(make, own):
    out, ins, *kernel = own.shape
    flat = [1] * len(kernel)
    return {"a1.weight": make.numbers(ins, 3, *flat), "a2.weight": make.numbers(3, ins, *flat),
            "b1.weight": make.numbers(out, 3, *flat), "b2.weight": make.numbers(3, ins, *kernel),
            "alpha": np.array(2.0)}  # fmt: skip


def full(make, own):
    return {"diff": make.numbers(*own.shape, size=0.05)}


FORMS = MappingProxyType(
    {
        "LoRA": lora,
        "LoRA without alpha": without_alpha,
        "LoCon": locon,
        "DoRA, outputs": dora_out,
        "DoRA, inputs": dora_in,
        "LoHa": loha,
        "LoHa, flat": loha_flat,
        "LoKr": lokr,
        "LoKr in factors": lokr_factors,
        "OFT": oft,
        "OFT, limited": oft_limited,
        "BOFT": boft,
        "IA3": ia3_out,
        "IA3 on inputs": ia3_in,
        "GLoRA": glora,
        "difference": full,
    }
)
"""By what a person calls the form: what makes the tensors of a file for a module of some weight."""


def merged(of, own, strength):
    """What a weight, in float64, becomes by a file's tensors: own + strength · (what it is at 1 - own)."""
    of = {role: np.asarray(values, np.float64) for role, values in of.items()}
    made = next(rule(of, own) for mark, rule in _RULES if mark in of)
    if "dora_scale" in of:
        made = _brought_to(made, of["dora_scale"])
    return own + strength * (made - own)


def _scale(of, rank):
    return float(of["alpha"]) / rank if "alpha" in of else 1.0


def _by_lora(of, own):
    up, down = of["lora_up.weight"], of["lora_down.weight"]
    up = up.reshape(up.shape[:2])
    if "lora_mid.weight" not in of:
        return own + _scale(of, len(down)) * np.tensordot(up, down, (1, 0)).reshape(own.shape)
    inner = np.tensordot(of["lora_mid.weight"], down.reshape(down.shape[:2]), (1, 0))  # rank, kernel …, in
    return own + _scale(of, len(down)) * np.moveaxis(np.tensordot(up, inner, (1, 0)), -1, 1)


def _brought_to(made, lengths):
    result = made.copy()
    by_rows = lengths.shape[0] == len(made) and lengths.size == len(made)
    for n, length in enumerate(lengths.flatten()):
        row = result[n] if by_rows else result[:, n]
        row *= length / np.sqrt((row**2).sum())
    return result


def _by_loha(of, own):
    factors = []
    for n in "12":
        a, b = of[f"hada_w{n}_a"], of[f"hada_w{n}_b"]
        if f"hada_t{n}" in of:
            core = of[f"hada_t{n}"]
            whole = sum(
                np.multiply.outer(np.outer(a[i], b[j]), core[i, j]) for i in range(len(a)) for j in range(len(b))
            )
        else:
            whole = sum(np.outer(a[:, i], b[i]) for i in range(len(b)))
        factors.append(whole.reshape(own.shape))
    return own + _scale(of, len(of["hada_w1_b"])) * factors[0] * factors[1]


def _by_lokr(of, own):
    scale = 1.0
    if "lokr_w1" in of:
        first, second = of["lokr_w1"], of["lokr_w2"]
    else:
        a, b = of["lokr_w2_a"], of["lokr_w2_b"]
        first, scale = of["lokr_w1_a"] @ of["lokr_w1_b"], _scale(of, len(b))
        core = of.get("lokr_t2")
        second = a @ b if core is None else sum(
            np.multiply.outer(np.outer(a[i], b[j]), core[i, j]) for i in range(len(a)) for j in range(len(b))
        )  # fmt: skip
    result, (rows, columns) = own.copy(), second.shape[:2]
    for n, m in np.ndindex(first.shape):  # each number of the first times the whole second
        result[n * rows : (n + 1) * rows, m * columns : (m + 1) * columns] += scale * first[n, m] * second
    return result


def _turns(blocks, most):
    q = blocks - np.swapaxes(blocks, -1, -2)
    length = np.sqrt((q**2).sum())
    q = q * (most / length) if 0 < most < length else q
    one = np.eye(q.shape[-1])
    return np.linalg.solve(one - q, one + q)  # the two factors commute


def _by_oft(of, own):
    blocks = of["oft_blocks"]
    turns = _turns(blocks, float(of["alpha"]) * len(own))
    flat = own.reshape(len(own), -1)
    if blocks.ndim == 3:
        size, whole = turns.shape[-1], np.zeros((len(own), len(own)))
        for n, turn in enumerate(turns):
            whole[n * size : (n + 1) * size, n * size : (n + 1) * size] = turn.T
        flat = whole @ flat
    else:
        for n, factor in enumerate(turns):
            flat = _paired(len(own), 2**n, factor) @ flat
    return (flat.reshape(own.shape)) * of.get("rescale", 1.0)


def _paired(channels, apart, factor):
    """One factor of BOFT, of blocks of two: channel n and the one so far behind it are turned together."""
    whole, pairs = np.zeros((channels, channels)), [n for n in range(channels) if n // apart % 2 == 0]
    for turn, first in zip(factor, pairs, strict=True):
        at = [first, first + apart]
        whole[np.ix_(at, at)] = turn
    return whole


def _by_ia3(of, own):
    result = own.copy()
    for n, stretch in enumerate(of["weight"].flatten()):
        if of["on_input"]:
            result[:, n] *= 1 + stretch
        else:
            result[n] *= 1 + stretch
    return result


def _by_glora(of, own):
    a1, a2, b1, b2 = (of[f"{name}.weight"] for name in ("a1", "a2", "b1", "b2"))
    mixed = a1.reshape(a1.shape[:2]) @ a2.reshape(a2.shape[:2])
    inside = np.moveaxis(np.tensordot(own, mixed, (1, 0)), -1, 1)
    beside = b1.reshape(b1.shape[:2]) @ b2.reshape(len(b2), -1)
    return own + _scale(of, len(a2)) * (inside + beside.reshape(own.shape))


_RULES = (
    ("lora_up.weight", _by_lora),
    ("hada_w1_b", _by_loha),
    ("oft_blocks", _by_oft),
    ("on_input", _by_ia3),
    ("a1.weight", _by_glora),
    ("diff", lambda of, own: own + of["diff"]),
    ("lokr_w1", _by_lokr),
    ("lokr_w1_a", _by_lokr),
)


def modules(pipeline, component):
    """The linear layers and the convolutions of a component by name, but for those in groups."""
    return {
        name: module
        for name, module in getattr(pipeline, component).named_modules()
        if isinstance(module, torch.nn.Linear | torch.nn.Conv2d) and getattr(module, "groups", 1) == 1
    }


def written(path, tensors, **metadata):
    """A file of tensors by name, in float32; its path as text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: torch.tensor(np.asarray(values, np.float32)) for name, values in tensors.items()}, path, metadata)
    return str(path)


def file(path, pipeline, form, *, seed=0, size=0.3, components=("unet", "transformer", "text_encoder"), every=1):
    """A file that changes every n-th module of some components; also what it does, by component and module."""
    make, changes = Maker(seed, size), {}
    for component in components:
        for name, module in list(modules(pipeline, component).items() if hasattr(pipeline, component) else ())[::every]:
            if made := form(make, module.weight.detach().double().numpy()):
                changes[component, name] = as_float32(made)
    return written(path, named(changes)), changes


def vectors(path, pipeline, components, every=1):
    """A file that changes norms, and the biases of linear layers; also what it adds to which parameter."""
    make, tensors, added = Maker(), {}, {}
    for component in components:
        for name, parameter in list(getattr(pipeline, component).named_parameters())[::every]:
            module, _, kind = name.rpartition(".")
            weight = getattr(getattr(pipeline, component).get_submodule(module), "weight", None)
            if parameter.ndim == 1 and weight is not None:
                role = "w_norm" if kind == "weight" else "b_norm" if weight.ndim == 1 else "diff_b"
                added[component, name] = make.numbers(len(parameter)).astype(np.float32)
                tensors[f"{PREFIXES[component]}{_underscored(component, module)}.{role}"] = added[component, name]
    return written(path, tensors), added


def named(changes):
    """The tensors of changes by the names that kohya gives them."""
    return {
        f"{PREFIXES[component]}{_underscored(component, module)}.{role}": values
        for (component, module), of in changes.items()
        for role, values in of.items()
    }


def _underscored(component, module):
    return module.replace(".", "_")


def as_float32(of):
    """What a file can hold of numbers."""
    return {role: np.asarray(values, np.float32) for role, values in of.items()}
