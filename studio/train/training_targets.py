"""What a denoiser is asked in training: a picture made noisy, and the answer that would be right."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from studio.families.base.training import TimestepConvention

if TYPE_CHECKING:
    from torch import Tensor

SNR: Final = 5.0
"""Min-SNR-γ (arXiv 2303.09556): nearly clean pictures count no more than one of this ratio of signal to noise."""


@dataclass(frozen=True)
class Question:
    """Noisy latents, the time (one for each) as the denoiser wants it told, the right answer, how much each counts."""

    noisy: "Tensor"
    time: "Tensor"
    answer: "Tensor"
    weight: "Tensor"

    def loss(self, said: "Tensor") -> "Tensor":
        """The weighted mean squared error of what the denoiser said."""
        each: Tensor = (said.float() - self.answer).square().flatten(1).mean(1)
        return (each * self.weight).mean()


def moments(count: int, generator: Any) -> "Tensor":
    """``count`` times from 0 to 1, one in each of as many slices, in random order: less noise in the gradient."""
    import torch

    order = torch.randperm(count, generator=generator)
    return (order + torch.rand(count, generator=generator)) / count


def diffusion(scheduler: Any, clean: "Tensor", noise: "Tensor", when: "Tensor") -> Question:
    """As a model of Gaussian diffusion is asked, by the schedule of its own scheduler; ``when`` is from 0 to 1."""
    import torch

    time = (when * scheduler.config.num_train_timesteps).long().to(clean.device)
    kept = scheduler.alphas_cumprod.to(clean.device, torch.float32)[time]
    signal, noisiness = (_like(share.sqrt(), clean) for share in (kept, 1 - kept))
    answers = {
        "epsilon": noise,
        "v_prediction": signal * noise - noisiness * clean,
        "sample": clean,
    }
    wanted = scheduler.config.prediction_type
    weight = _weight(kept / (1 - kept).clamp(min=1e-8), wanted)
    return Question(signal * clean + noisiness * noise, time, answers[wanted], weight)


def _weight(ratio: "Tensor", predicted: str) -> "Tensor":
    """Min-SNR for what predicts noise; a velocity's error is balanced by itself (arXiv 2202.00512)."""
    import torch

    if predicted == "epsilon":
        return (SNR / ratio).clamp(max=1)
    return ratio.clamp(max=SNR) if predicted == "sample" else torch.ones_like(ratio)


def flow(scheduler: Any, clean: "Tensor", noise: "Tensor", when: "Tensor", convention: TimestepConvention) -> Question:
    """As a model of flow matching is asked: middle shares of noise most often (arXiv 2403.03206), and shifted."""
    import torch

    middle = torch.special.ndtri(when.clamp(1e-6, 1 - 1e-6)).sigmoid()
    share = _shifted(scheduler, middle, clean).to(clean.device)
    mixed = _like(share, clean)
    forward = noise - clean
    timestep = share * scheduler.config.num_train_timesteps
    time = {"timestep": timestep, "sigma": share, "one_minus_sigma": 1 - share}[convention]
    answer = -forward if convention == "one_minus_sigma" else forward
    return Question((1 - mixed) * clean + mixed * noise, time, answer, torch.ones_like(share))


def _shifted(scheduler: Any, share: "Tensor", clean: "Tensor") -> "Tensor":
    """The shares of noise as the model's scheduler shifts them for pictures of this size."""
    from math import exp

    config = scheduler.config
    if not config.use_dynamic_shifting:
        factor = config.shift
    else:
        slope = (config.max_shift - config.base_shift) / (config.max_image_seq_len - config.base_image_seq_len)
        factor = exp(config.base_shift + slope * (_tokens(clean) - config.base_image_seq_len))
    shifted: Tensor = factor * share / (1 + (factor - 1) * share)
    return shifted


def _tokens(clean: "Tensor") -> int:
    """How many patches of two by two a picture's latents are."""
    return clean.shape[1] if clean.ndim == 3 else clean[0, 0].numel() // 4


def _like(values: "Tensor", clean: "Tensor") -> "Tensor":
    return values.view(-1, *[1] * (clean.ndim - 1))
