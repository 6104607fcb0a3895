"""AdamW, and Muon for the matrices of a network whose batches are large enough to pay for it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer


def adamw(parameters: "list[nn.Parameter]", rate: float) -> "Optimizer":
    """AdamW with the settings all stages share."""
    import torch

    return torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.99), weight_decay=0.01)


def muon(parameters: "list[nn.Parameter]", rate: float) -> "Optimizer":
    """Muon (Jordan et al., 2024) for matrices and convolutions; these are flattened to (out, in · height · width).

    PyTorch's takes matrices alone, so it is given views of the parameters, and their gradients before each step.
    Updates are scaled to the root mean square of AdamW's, so both can share a learning rate.
    """
    import torch

    flat = [torch.nn.Parameter(p.data.flatten(1)) for p in parameters]
    optimizer = torch.optim.Muon(flat, lr=rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")

    def pass_gradients(*_: Any) -> None:
        for view, parameter in zip(flat, parameters, strict=True):
            view.grad = None if parameter.grad is None else parameter.grad.flatten(1)

    optimizer.register_step_pre_hook(pass_gradients)
    return optimizer


def is_hidden_matrix(name: str, parameter: "nn.Parameter") -> bool:
    """Whether Muon suits it: weights between hidden layers, not embeddings nor the first and last convolution."""
    return parameter.ndim >= 2 and not any(part in name for part in ("embed", "conv_in", "conv_out"))
