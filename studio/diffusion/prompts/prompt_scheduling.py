"""Lets conditionings act: the first as arguments, later ones step by step, parts joined by AND at once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from inspect import signature
from typing import TYPE_CHECKING, Any

from studio.diffusion.prompts.encode import Conditioning, Embedding
from studio.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor


class Composition:
    """The conditionings of one pipeline call, those of each picture; it knows which step is next.

    All have equally many steps, parts and tokens. Without any it does nothing: the pipeline reads the prompts itself.
    """

    def __init__(self, read: Sequence[Sequence[Conditioning]]) -> None:
        self._read, self._step = [each for each in read if each], 0

    def __bool__(self) -> bool:
        return bool(self._read)

    def arguments(self) -> dict[str, Any]:
        """The embeddings of the first step, as pipelines take them."""
        if not self:
            return {}
        first, negative = self._part(0), self._negative
        given: dict[str, Any] = {"prompt_embeds": first.hidden, "negative_prompt_embeds": negative.hidden}
        if first.pooled is not None:
            given |= {"pooled_prompt_embeds": first.pooled, "negative_pooled_prompt_embeds": negative.pooled}
        return given

    def callback(self, pipeline: Any) -> dict[str, Any]:
        """What the pipeline is told to call after each step, where words change with the steps.

        Raises InputError for one that calls nothing.
        """
        if all(len(set(map(_identity, each))) == 1 for each in self._read):
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
        steps = len(self._read[0])
        self._step = min(done * steps // of, steps - 1)
        return tensors | self._laid_out(self._part(0), tensors["prompt_embeds"])

    @property
    def _now(self) -> list[Conditioning]:
        """What guides this step, of each picture."""
        return [each[self._step] for each in self._read]

    @property
    def _negative(self) -> Embedding:
        return _stacked([one.negative for one in self._now])

    def _part(self, n: int) -> Embedding:
        """The n-th part of each picture's prompt."""
        return _stacked([one.parts[n][1] for one in self._now])

    @contextmanager
    def acting(self, pipeline: Any) -> Iterator[None]:
        """While inside, the U-Net answers for all parts together; each costs one more run of it."""
        if not self or self._parts == 1:
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

        rows = list(answer[0].split(len(self._read)))
        words, nothing = self._places(len(rows))
        without = rows[nothing]
        change = self._weighted(0, rows[words] - without)
        for n in range(1, self._parts):
            told = given | self._told(self._part(n), given)
            heard = unet.forward(*args, **told)[0].split(len(self._read))[words]
            change = change + self._weighted(n, heard - without)
        rows[words] = without + change
        return (torch.cat(rows), *answer[1:])

    @property
    def _parts(self) -> int:
        return len(self._read[0][0].parts)

    def _weighted(self, n: int, change: "Tensor") -> "Tensor":
        """What the n-th part changes of each picture, times its weight."""
        import torch

        weights = torch.tensor([one.parts[n][0] for one in self._now], device=change.device)
        return (change * weights.view(-1, *[1] * (change.ndim - 1))).to(change.dtype)

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

        rows = [self._negative] * (len(now) // len(self._read))
        rows[self._places(len(rows))[0] if len(rows) > 1 else 0] = part
        laid = {"prompt_embeds": torch.cat([row.hidden for row in rows])}
        if part.pooled is not None:
            laid["add_text_embeds"] = torch.cat([row.pooled for row in rows if row.pooled is not None])
        return {name: tensor.to(now.device, now.dtype) for name, tensor in laid.items()}

    def _places(self, rows: int) -> tuple[int, int]:
        """Where among the U-Net's answers that with the prompt is, and where that without.

        Guidance has two, without and with; that of instructions has three, of which the last sees no picture either.
        """
        if rows not in (2, 3):
            raise InputError("AND needs guidance above 1; raise it, or join the words with a comma")
        return (1, 0) if rows == 2 else (0, 1)


def _stacked(embeddings: Sequence[Embedding]) -> Embedding:
    """Several pictures' embeddings as one of as many rows."""
    import torch

    pooled = [one.pooled for one in embeddings if one.pooled is not None]
    return Embedding(torch.cat([one.hidden for one in embeddings]), torch.cat(pooled) if pooled else None)


def _identity(one: Conditioning) -> tuple[int, ...]:
    """What tells conditionings apart: equal words share one embedding."""
    return (*(id(part) for _, part in one.parts), id(one.negative))
