"""Applies step conditionings to a pipeline: the first as arguments, later ones step by step, parts joined by AND at
once.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from inspect import signature
from typing import TYPE_CHECKING, Any

from studio.diffusion.prompts.encode import Embedding, StepConditioning
from studio.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor


class PromptSchedule:
    """The step conditionings of one pipeline call, for each picture; keeps track of the step.

    All have equally many steps, parts and tokens. Without any it does nothing: the pipeline encodes the prompts itself.
    """

    def __init__(self, conditionings: Sequence[Sequence[StepConditioning]]) -> None:
        self._conditionings, self._step = [each for each in conditionings if each], 0

    def __bool__(self) -> bool:
        return bool(self._conditionings)

    def arguments(self) -> dict[str, Any]:
        """The embeddings of the first step, as the pipeline's arguments."""
        if not self:
            return {}
        first, negative = self._part(0), self._negative
        arguments: dict[str, Any] = {"prompt_embeds": first.hidden, "negative_prompt_embeds": negative.hidden}
        if first.pooled is not None:
            arguments |= {"pooled_prompt_embeds": first.pooled, "negative_pooled_prompt_embeds": negative.pooled}
        return arguments

    def callback(self, pipeline: Any) -> dict[str, Any]:
        """The arguments for a callback after each step, where the conditioning changes between steps.

        Raises InputError for a pipeline without such a callback.
        """
        if all(len(set(map(_identity, each))) == 1 for each in self._conditionings):
            return {}
        if "callback_on_step_end" not in signature(type(pipeline).__call__).parameters:
            raise InputError("a prompt that changes between steps does not work for this task; remove the schedule")

        def after(pipeline: Any, step: int, _time: int, tensors: dict[str, Any]) -> dict[str, Any]:
            return self._next(step + 1, pipeline.num_timesteps, tensors)

        return {"callback_on_step_end": after, "callback_on_step_end_tensor_inputs": ["latents", "prompt_embeds"]}

    def _next(self, done: int, of: int, tensors: dict[str, Any]) -> dict[str, Any]:
        """The pipeline's tensors after ``done`` of ``of`` steps, with the conditioning of the next one.

        Samplers that call the model twice a step count more steps than requested.
        """
        steps = len(self._conditionings[0])
        self._step = min(done * steps // of, steps - 1)
        return tensors | self._in_rows(self._part(0), tensors["prompt_embeds"])

    @property
    def _current(self) -> list[StepConditioning]:
        """The conditioning of this step, for each picture."""
        return [each[self._step] for each in self._conditionings]

    @property
    def _negative(self) -> Embedding:
        return _concatenated([one.negative for one in self._current])

    def _part(self, n: int) -> Embedding:
        """The n-th part of each picture's prompt."""
        return _concatenated([one.parts[n][1] for one in self._current])

    @contextmanager
    def applied_to(self, pipeline: Any) -> Iterator[None]:
        """While inside, the U-Net predicts for all parts together; each further part costs one more run of it."""
        if not self or self._parts == 1:
            yield
            return
        hook = pipeline.unet.register_forward_hook(self._predict_all_parts, with_kwargs=True)
        try:
            yield
        finally:
            hook.remove()

    def _predict_all_parts(self, unet: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        """The prediction without the prompt, plus the weighted changes that each part makes.

        https://arxiv.org/abs/2206.01714, equation 11; the pipeline's guidance is then applied to that sum.
        """
        import torch

        rows = list(output[0].split(len(self._conditionings)))
        positive, negative = self._row_positions(len(rows))
        without = rows[negative]
        change = self._weighted(0, rows[positive] - without)
        for n in range(1, self._parts):
            of_part = kwargs | self._part_arguments(self._part(n), kwargs)
            prediction = unet.forward(*args, **of_part)[0].split(len(self._conditionings))[positive]
            change = change + self._weighted(n, prediction - without)
        rows[positive] = without + change
        return (torch.cat(rows), *output[1:])

    @property
    def _parts(self) -> int:
        return len(self._conditionings[0][0].parts)

    def _weighted(self, n: int, change: "Tensor") -> "Tensor":
        """The change that the n-th part makes to each picture, times its weight."""
        import torch

        weights = torch.tensor([one.parts[n][0] for one in self._current], device=change.device)
        return (change * weights.view(-1, *[1] * (change.ndim - 1))).to(change.dtype)

    def _part_arguments(self, part: Embedding, kwargs: dict[str, Any]) -> dict[str, Any]:
        """The U-Net's arguments with the embedding of a part."""
        embeds = self._in_rows(part, kwargs["encoder_hidden_states"])
        arguments: dict[str, Any] = {"encoder_hidden_states": embeds["prompt_embeds"]}
        if "add_text_embeds" in embeds:
            arguments["added_cond_kwargs"] = kwargs["added_cond_kwargs"] | {"text_embeds": embeds["add_text_embeds"]}
        return arguments

    def _in_rows(self, part: Embedding, now: "Tensor") -> dict[str, "Tensor"]:
        """A part in batch rows as in ``now``: among rows of the negative prompt, or alone without guidance."""
        import torch

        rows = [self._negative] * (len(now) // len(self._conditionings))
        rows[self._row_positions(len(rows))[0] if len(rows) > 1 else 0] = part
        embeds = {"prompt_embeds": torch.cat([row.hidden for row in rows])}
        if part.pooled is not None:
            embeds["add_text_embeds"] = torch.cat([row.pooled for row in rows if row.pooled is not None])
        return {name: tensor.to(now.device, now.dtype) for name, tensor in embeds.items()}

    def _row_positions(self, rows: int) -> tuple[int, int]:
        """Which of the batch rows has the prompt, and which has not.

        Guidance has two rows, without and with the prompt; instruction models have three, the last also without the
        picture.
        """
        if rows not in (2, 3):
            raise InputError("AND needs guidance above 1; raise it, or join the words with a comma")
        return (1, 0) if rows == 2 else (0, 1)


def _concatenated(embeddings: Sequence[Embedding]) -> Embedding:
    """The embeddings of several pictures, concatenated."""
    import torch

    pooled = [one.pooled for one in embeddings if one.pooled is not None]
    return Embedding(torch.cat([one.hidden for one in embeddings]), torch.cat(pooled) if pooled else None)


def _identity(one: StepConditioning) -> tuple[int, ...]:
    """Identifies a conditioning: equal wordings share one embedding."""
    return (*(id(part) for _, part in one.parts), id(one.negative))
