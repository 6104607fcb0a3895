"""Lets conditionings act: the first as arguments, later ones step by step, parts joined by AND at once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from inspect import signature
from typing import TYPE_CHECKING, Any

from studio.engine.prompts import Conditioning, Embedding
from studio.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor


class Composition:
    """The conditionings of one pipeline call that makes ``pictures`` at once; it knows which step is next.

    Without any it does nothing: the pipeline reads the prompt itself.
    """

    def __init__(self, read: Sequence[Conditioning], pictures: int) -> None:
        self._read, self._pictures, self._step = read, pictures, 0

    def __bool__(self) -> bool:
        return bool(self._read)

    def arguments(self) -> dict[str, Any]:
        """The embeddings of the first step, as pipelines take them."""
        if not self:
            return {}
        (_, first), negative = self._read[0].parts[0], self._read[0].negative
        given: dict[str, Any] = {"prompt_embeds": first.hidden, "negative_prompt_embeds": negative.hidden}
        if first.pooled is not None:
            given |= {"pooled_prompt_embeds": first.pooled, "negative_pooled_prompt_embeds": negative.pooled}
        return {name: self._for_each(tensor) for name, tensor in given.items()}

    def callback(self, pipeline: Any) -> dict[str, Any]:
        """What the pipeline is told to call after each step, where words change with the steps.

        Raises InputError for one that calls nothing.
        """
        if len(set(map(_identity, self._read))) <= 1:
            return {}
        if "callback_on_step_end" not in signature(type(pipeline).__call__).parameters:
            raise InputError("words that change with the steps do not work for this task; take them out")

        def after(pipeline: Any, step: int, _time: int, tensors: dict[str, Any]) -> dict[str, Any]:
            return self._next(step + 1, pipeline.num_timesteps, tensors)

        return {"callback_on_step_end": after, "callback_on_step_end_tensor_inputs": ["latents", "prompt_embeds"]}

    def _next(self, done: int, of: int, tensors: dict[str, Any]) -> dict[str, Any]:
        """The pipeline's tensors after ``done`` of ``of`` steps, with what conditions the next one.

        Samplers that ask the model twice a step count more steps than were asked for.
        """
        self._step = min(done * len(self._read) // of, len(self._read) - 1)
        return tensors | self._laid_out(self._read[self._step].parts[0][1], tensors["prompt_embeds"])

    @contextmanager
    def acting(self, pipeline: Any) -> Iterator[None]:
        """While inside, the U-Net answers for all parts together; each costs one more run of it."""
        if not self or len(self._read[0].parts) == 1:
            yield
            return
        hook = pipeline.unet.register_forward_hook(self._answer, with_kwargs=True)
        try:
            yield
        finally:
            hook.remove()

    def _answer(self, unet: Any, args: tuple[Any, ...], given: dict[str, Any], answer: Any) -> Any:
        """Without words + the sum of each part's weight times what its words change.

        https://arxiv.org/abs/2206.01714, equation 11; the pipeline's guidance then acts on that sum.
        """
        import torch

        (first, _), *others = self._read[self._step].parts
        rows = list(answer[0].split(self._pictures))
        words, nothing = self._places(len(rows))
        without = rows[nothing]
        change = first * (rows[words] - without)
        for weight, part in others:
            told = given | self._told(part, given)
            change = change + weight * (unet.forward(*args, **told)[0].split(self._pictures)[words] - without)
        rows[words] = without + change
        return (torch.cat(rows), *answer[1:])

    def _told(self, part: Embedding, given: dict[str, Any]) -> dict[str, Any]:
        """A part's words for the U-Net, beside what else it is told."""
        laid = self._laid_out(part, given["encoder_hidden_states"])
        told: dict[str, Any] = {"encoder_hidden_states": laid["prompt_embeds"]}
        if "add_text_embeds" in laid:
            told["added_cond_kwargs"] = given["added_cond_kwargs"] | {"text_embeds": laid["add_text_embeds"]}
        return told

    def _laid_out(self, part: Embedding, now: "Tensor") -> dict[str, "Tensor"]:
        """A part among rows of the negative, or the part alone where there is no guidance, as in ``now``."""
        import torch

        rows = [self._read[self._step].negative] * (len(now) // self._pictures)
        rows[self._places(len(rows))[0] if len(rows) > 1 else 0] = part
        laid = {"prompt_embeds": torch.cat([self._for_each(row.hidden) for row in rows])}
        if part.pooled is not None:
            laid["add_text_embeds"] = torch.cat([self._for_each(row.pooled) for row in rows])
        return {name: tensor.to(now.device, now.dtype) for name, tensor in laid.items()}

    def _places(self, rows: int) -> tuple[int, int]:
        """Where among the U-Net's answers that with the prompt is, and where that without.

        Guidance has two, without and with; that of instructions has three, of which the last sees no picture either.
        """
        if rows not in (2, 3):
            raise InputError("AND needs guidance above 1; raise it, or join the words with a comma")
        return (1, 0) if rows == 2 else (0, 1)

    def _for_each(self, tensor: Any) -> "Tensor":
        repeated: Tensor = tensor.repeat(self._pictures, *[1] * (tensor.ndim - 1))
        return repeated


def _identity(one: Conditioning) -> tuple[int, ...]:
    """What tells conditionings apart: equal words share one embedding."""
    return (*(id(part) for _, part in one.parts), id(one.negative))
