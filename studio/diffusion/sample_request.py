"""One picture that a step asks a model for, and which of them can be made together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from studio.diffusion.pipelines import Pipelines
from studio.diffusion.prompts import encode
from studio.models.card import ModelCard
from studio.parameters.request import Request

Report = Callable[[int, int], None]
"""Given a denoising step's number, from 1, and how many there are."""
Show = Callable[[bytes], None]
"""Given a preview, as JPEG."""
Note = Callable[[dict[str, Any]], None]
"""Given an account of a forward pass, for the record."""


@dataclass(frozen=True, eq=False)
class Order:
    """One picture: what is asked of which model, with which seed, and who hears how it goes.

    ``report`` and ``note`` are as in an Engine, ``show`` is given previews.
    """

    pipelines: Pipelines
    card: ModelCard
    request: Request
    seed: int
    report: Report
    note: Note
    show: Show | None = None

    def goes_with(self, other: "Order") -> bool:
        """Whether one forward pass can make both: they differ in seed, prompts, start picture and mask at most."""
        return self.card == other.card and self._alike == other._alike

    @cached_property
    def _alike(self) -> tuple[Any, ...]:
        """What all pictures of a forward pass have in common; a family may call its pipeline otherwise by the words."""
        request = self.request
        arguments = self.card.family.arguments(request.task, encode.plain(request))
        told = {name: value for name, value in arguments.items() if name not in {"prompt", "negative_prompt"}}
        return told, request.task, replace(request, prompt="", negative_prompt="", image=None, mask=None)


def sharing(orders: Sequence[Order], most: int) -> list[Order]:
    """The first of the orders and those that share a forward pass with it, ``most`` in all.

    Those come first whose prompts are nearest to its own in length: prompts that are read in equally many pieces can
    be heard in one pass.
    """
    first, *others = orders
    length = len(first.request.prompt)
    alike = [other for other in others if first.goes_with(other)]
    return [first, *sorted(alike, key=lambda other: abs(len(other.request.prompt) - length))[: most - 1]]
