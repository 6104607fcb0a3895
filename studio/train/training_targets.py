"""The training targets: latents with noise, and what the denoiser should predict for them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from studio.families.base.training import TimestepConvention

if TYPE_CHECKING:
    from torch import Tensor

SNR: Final = 5.0
"""Min-SNR-γ (arXiv 2303.09556): nearly clean pictures get the weight of this signal-to-noise ratio."""


@dataclass(frozen=True)
class TrainingTarget:
    """Noisy latents, a timestep for each as the denoiser takes it, the right prediction, and a loss weight for each."""

    noisy: "Tensor"
    timestep: "Tensor"
    target: "Tensor"
    weight: "Tensor"

    def loss(self, prediction: "Tensor") -> "Tensor":
        """The weighted mean squared error of a prediction."""
        each: Tensor = (prediction.float() - self.target).square().flatten(1).mean(1)
        return (each * self.weight).mean()


def stratified_times(count: int, generator: Any) -> "Tensor":
    """``count`` times from 0 to 1, one in each of as many slices, in random order: less noise in the gradient."""
    import torch

    order = torch.randperm(count, generator=generator)
    return (order + torch.rand(count, generator=generator)) / count


def diffusion(scheduler: Any, clean: "Tensor", noise: "Tensor", times: "Tensor") -> TrainingTarget:
    """The target of a Gaussian diffusion model, by its scheduler's noise schedule; ``times`` are from 0 to 1."""
    import torch

    timestep = (times * scheduler.config.num_train_timesteps).long().to(clean.device)
    alphas = scheduler.alphas_cumprod.to(clean.device, torch.float32)[timestep]
    signal, sigma = (_like(share.sqrt(), clean) for share in (alphas, 1 - alphas))
    targets = {
        "epsilon": noise,
        "v_prediction": signal * noise - sigma * clean,
        "sample": clean,
    }
    prediction_type = scheduler.config.prediction_type
    weight = _weight(alphas / (1 - alphas).clamp(min=1e-8), prediction_type)
    return TrainingTarget(signal * clean + sigma * noise, timestep, targets[prediction_type], weight)


def _weight(snr: "Tensor", prediction_type: str) -> "Tensor":
    """Min-SNR for models that predict noise; a velocity's error is balanced by itself (arXiv 2202.00512)."""
    import torch

    if prediction_type == "epsilon":
        return (SNR / snr).clamp(max=1)
    return snr.clamp(max=SNR) if prediction_type == "sample" else torch.ones_like(snr)


def flow(
    scheduler: Any, clean: "Tensor", noise: "Tensor", times: "Tensor", convention: TimestepConvention
) -> TrainingTarget:
    """The target of a flow matching model: logit-normal shares of noise (arXiv 2403.03206), shifted."""
    import torch

    logit_normal = torch.special.ndtri(times.clamp(1e-6, 1 - 1e-6)).sigmoid()
    sigmas = _shifted(scheduler, logit_normal, clean).to(clean.device)
    mixed = _like(sigmas, clean)
    velocity = noise - clean
    timesteps = sigmas * scheduler.config.num_train_timesteps
    model_time = {"timestep": timesteps, "sigma": sigmas, "one_minus_sigma": 1 - sigmas}[convention]
    target = -velocity if convention == "one_minus_sigma" else velocity
    return TrainingTarget((1 - mixed) * clean + mixed * noise, model_time, target, torch.ones_like(sigmas))


def _shifted(scheduler: Any, sigmas: "Tensor", clean: "Tensor") -> "Tensor":
    """The shares of noise as the model's scheduler shifts them for pictures of this size."""
    from math import exp

    config = scheduler.config
    if not config.use_dynamic_shifting:
        shift = config.shift
    else:
        slope = (config.max_shift - config.base_shift) / (config.max_image_seq_len - config.base_image_seq_len)
        shift = exp(config.base_shift + slope * (_tokens(clean) - config.base_image_seq_len))
    shifted: Tensor = shift * sigmas / (1 + (shift - 1) * sigmas)
    return shifted


def _tokens(clean: "Tensor") -> int:
    """How many patches of two by two the latents of a picture have."""
    return clean.shape[1] if clean.ndim == 3 else clean[0, 0].numel() // 4


def _like(values: "Tensor", clean: "Tensor") -> "Tensor":
    return values.view(-1, *[1] * (clean.ndim - 1))
