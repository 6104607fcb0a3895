"""Learned words (textual inversion): known for one job, forgotten after it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from studio.diffusion.loading import adapter_cache as files
from studio.diffusion.patch import Method, patched
from studio.errors import InputError
from studio.models.adapters import Adapters

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline
    from torch import Tensor

_ENCODERS = (("tokenizer", "text_encoder"), ("tokenizer_2", "text_encoder_2"))
_NONE: "Mapping[str, list[Tensor]]" = MappingProxyType({})


@contextmanager
def known(
    pipeline: "DiffusionPipeline",
    index: Adapters,
    embeddings: Sequence[tuple[str, str]],
    prompts: Sequence[str],
    besides: "Mapping[str, list[Tensor]]" = _NONE,
) -> Iterator[None]:
    """While inside, the pipeline knows the words; after, its tokenizers are the same objects as before.

    ``embeddings`` pairs each word with its file in ``index``, ``prompts`` is all text that will be read, picture by
    picture; ``besides`` are words and their vectors that came with a LoRA, and count where they are written. No weight
    is touched: the words are put among what an encoder looks up in its vocabulary, wherever that lies. Raises
    InputError where one of ``embeddings`` is not in each text, and where a word means something already or was learned
    for another model.
    """
    written = [(word, vectors) for word, vectors in besides.items() if any(word in text for text in prompts)]
    if not embeddings and not written:
        yield
        return
    used = [(t, e) for t, e in _ENCODERS if getattr(pipeline, e, None) is not None]
    own = [getattr(pipeline, t) for t, _ in used]
    for word, _ in embeddings:
        _miss(word, prompts)
    learned = [(word, list(files.tensors(index.find(ref, "embedding")).values())) for word, ref in embeddings]
    with ExitStack() as stack:
        for word, vectors in learned + written:
            _refuse(word, own)
            for tokenizer, encoder in used:
                vocabulary = getattr(pipeline, encoder).get_input_embeddings()
                rows = _fitting(word, vectors, vocabulary.embedding_dim)
                stack.callback(setattr, pipeline, tokenizer, getattr(pipeline, tokenizer))
                places = _learn(pipeline, tokenizer, word, len(rows))
                stack.enter_context(patched(vocabulary, "forward", partial(_with_rows, places, rows)))
        yield


def _miss(word: str, prompts: Sequence[str]) -> None:
    if any(word not in text for text in prompts):
        raise InputError(f"the embedding's word '{word}' is not in the prompt; write it there, or leave it out")


def _refuse(word: str, tokenizers: Sequence[Any]) -> None:
    if any(word in tokenizer.get_vocab() for tokenizer in tokenizers):
        raise InputError(f"the word '{word}' means something to the model already; choose another, such as <{word}>")


def _learn(pipeline: "DiffusionPipeline", tokenizer: str, word: str, count: int) -> list[int]:
    """Give the pipeline a tokenizer that knows a word of ``count`` vectors; returns the numbers of its tokens.

    It is written as WORD, WORD_1, WORD_2 …: the names that the library looks for.
    """
    words = deepcopy(getattr(pipeline, tokenizer))
    names = [word, *(f"{word}_{n}" for n in range(1, count))]
    words.add_tokens(names)
    setattr(pipeline, tokenizer, words)
    places: list[int] = words.convert_tokens_to_ids(names)
    return places


def _with_rows(places: Sequence[int], rows: "Tensor", own: Method) -> Method:
    """A vocabulary's ``forward`` that gives these rows for the tokens at these places."""
    import torch

    def forward(tokens: "Tensor") -> "Tensor":
        here = [tokens == place for place in places]
        found: Tensor = own(tokens.masked_fill(torch.stack(here).any(0), 0))
        for row, these in zip(rows, here, strict=True):
            found = found.where(~these[..., None], row.to(found))
        return found

    return forward


def _fitting(word: str, vectors: "list[Tensor]", width: int) -> "Tensor":
    """Those vectors (words, width) of a file that an encoder of this width can read."""
    for each in vectors:
        if each.shape[-1] == width:
            return each.reshape(-1, width)
    raise InputError(f"the embedding '{word}' was learned for another kind of model; choose one that fits")
