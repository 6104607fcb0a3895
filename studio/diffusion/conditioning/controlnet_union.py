"""A union ControlNet, made for several kinds of picture, in the role of a plain one made for a single kind.

diffusers has separate pipelines for union ControlNets, which take no plain ControlNet beside one. With its control type
fixed beforehand, a union ControlNet is called like any other, so all ControlNet pipelines take it, also several times.
"""

from functools import cache
from typing import Any


def with_control_type(net: Any, mode: int | None) -> Any:
    """The ControlNet with its control type fixed; unchanged where pipelines pass the type, or it has only one."""
    from diffusers import ControlNetUnionModel

    return _single_type_class()(net, mode) if isinstance(net, ControlNetUnionModel) else net


@cache
def _single_type_class() -> Any:
    """The module class, which needs torch."""
    import torch
    from torch import nn

    class SingleTypeControlNet(nn.Module):
        def __init__(self, net: Any, mode: int) -> None:
            super().__init__()
            self.net, self.mode, self.config = net, mode, net.config

        def forward(self, *, sample: Any, controlnet_cond: Any, **named: Any) -> Any:
            kinds = torch.zeros(len(sample), self.config.num_control_type, device=sample.device, dtype=sample.dtype)
            kinds[:, self.mode] = 1
            seen = {"controlnet_cond": [controlnet_cond], "control_type": kinds, "control_type_idx": [self.mode]}
            return self.net(sample=sample, **seen, **named)

    return SingleTypeControlNet
