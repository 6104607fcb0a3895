"""AdamW, and Muon for the narrow matrices of a network."""

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

_WIDEST: Final = 100


def adamw(parameters: "list[nn.Parameter]") -> "Optimizer":
    """AdamW with the settings all stages share."""
    import torch

    return torch.optim.AdamW(parameters, betas=(0.9, 0.99), weight_decay=0.01)


def muon(parameters: "list[nn.Parameter]") -> "Optimizer":
    """Muon (Jordan et al., 2024) for matrices and convolutions; these are flattened to (out, in · height · width).

    PyTorch's implementation takes only matrices, so it gets views of the parameters, and their gradients before each
    step. Updates are scaled to the root mean square of AdamW's, so both can share a learning rate.
    """
    import torch

    flat = [torch.nn.Parameter(p.data.flatten(1)) for p in parameters]
    optimizer = torch.optim.Muon(flat, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")

    def pass_gradients(*_: Any) -> None:
        for view, parameter in zip(flat, parameters, strict=True):
            view.grad = None if parameter.grad is None else parameter.grad.flatten(1)

    optimizer.register_step_pre_hook(pass_gradients)
    return optimizer


def suits_muon(name: str, parameter: "nn.Parameter") -> bool:
    """Whether it is a matrix between hidden layers of a U-Net, at most 100 wide on its narrow side.

    Those are in the two finest levels, which decide edges. Muon's cost grows with the width: on all of Spark's matrices
    it takes as long as the rest of a step of 32 small drawings, on the narrow ones a twentieth of that.
    """
    outside = ("text_encoder", "embed", "conv_in", "conv_out")
    narrow = parameter.ndim >= 2 and min(parameter.shape[0], parameter[0].numel()) <= _WIDEST
    return narrow and not any(part in name for part in outside)
