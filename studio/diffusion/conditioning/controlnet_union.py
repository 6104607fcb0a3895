"""A union ControlNet, made for several kinds of picture, as a plain one made for the kind it is shown.

diffusers has pipelines of its own for them, which take no plain ControlNet beside one. Told beforehand what its
picture is, it answers like any other, so that all pipelines with ControlNets take it, several times over even.
"""

from functools import cache
from typing import Any


def told_mode(net: Any, mode: int | None) -> Any:
    """The ControlNet, told the number of what it is shown; as it is, where pipelines tell it or it need not know."""
    from diffusers import ControlNetUnionModel

    return _told()(net, mode) if isinstance(net, ControlNetUnionModel) else net


@cache
def _told() -> Any:
    """The module class, which needs torch."""
    import torch
    from torch import nn

    class Told(nn.Module):
        def __init__(self, net: Any, mode: int) -> None:
            super().__init__()
            self.net, self.mode, self.config = net, mode, net.config

        def forward(self, *, sample: Any, controlnet_cond: Any, **named: Any) -> Any:
            kinds = torch.zeros(len(sample), self.config.num_control_type, device=sample.device, dtype=sample.dtype)
            kinds[:, self.mode] = 1
            seen = {"controlnet_cond": [controlnet_cond], "control_type": kinds, "control_type_idx": [self.mode]}
            return self.net(sample=sample, **seen, **named)

    return Told
