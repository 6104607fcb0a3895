"""A cache of a loaded model's prompt embeddings, so that each wording is encoded once."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Final

from studio.diffusion.prompts.encode import Embedding

if TYPE_CHECKING:
    import torch

_MAX_BYTES: Final = 2**28


class PromptCache:
    """The most recently used embeddings of one loaded model, up to ``max_bytes``, in main memory.

    A key holds everything that decides the embedding: the wording with its weights, the layer, and the state of the
    text encoders.
    """

    def __init__(self, max_bytes: int = _MAX_BYTES) -> None:
        self._max_bytes, self._size = max_bytes, 0
        self._embeddings: OrderedDict[Hashable, Embedding] = OrderedDict()  # the most recently used last

    def get(self, key: Hashable, device: "torch.device", encode: Callable[[], Embedding]) -> Embedding:
        """The embedding on a device: the cached one for ``key``, or the result of ``encode``."""
        if key not in self._embeddings:
            self._store(key, encode().to("cpu"))
        self._embeddings.move_to_end(key)
        return self._embeddings[key].to(device)

    def _store(self, key: Hashable, embedding: Embedding) -> None:
        self._embeddings[key] = embedding
        self._size += embedding.bytes
        while self._size > self._max_bytes and len(self._embeddings) > 1:
            self._size -= self._embeddings.popitem(last=False)[1].bytes
