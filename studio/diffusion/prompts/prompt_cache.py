"""What a loaded model has made of words, so that each wording is read once."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Final

from studio.diffusion.prompts.encode import Embedding

if TYPE_CHECKING:
    import torch

_MOST: Final = 2**28


class Remembered:
    """The embeddings of one loaded model that were used last, up to ``most`` bytes, in main memory.

    A key holds all that decides how the words are read: their weights, the layer, and what the text encoders are
    at that time.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most, self._size = most, 0
        self._kept: OrderedDict[Hashable, Embedding] = OrderedDict()  # the one used last at the end

    def of(self, key: Hashable, device: "torch.device", read: Callable[[], Embedding]) -> Embedding:
        """The embedding on a device: the one that is kept for ``key``, or what ``read`` makes."""
        if key not in self._kept:
            self._keep(key, read().to("cpu"))
        self._kept.move_to_end(key)
        return self._kept[key].to(device)

    def _keep(self, key: Hashable, embedding: Embedding) -> None:
        self._kept[key] = embedding
        self._size += embedding.bytes
        while self._size > self._most and len(self._kept) > 1:
            self._size -= self._kept.popitem(last=False)[1].bytes
