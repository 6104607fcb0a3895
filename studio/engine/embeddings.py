"""Learned words (textual inversion): known for one job, forgotten after it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from studio.engine import parts as files
from studio.errors import InputError
from studio.models import parts as library

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline
    from torch import Tensor

_ENCODERS = (("tokenizer", "text_encoder"), ("tokenizer_2", "text_encoder_2"))
_NONE: "Mapping[str, list[Tensor]]" = MappingProxyType({})


@contextmanager
def known(
    pipeline: "DiffusionPipeline",
    embeddings: Sequence[tuple[str, str]],
    prompts: str,
    besides: "Mapping[str, list[Tensor]]" = _NONE,
) -> Iterator[None]:
    """While inside, the pipeline knows the words; after, its tokenizers and vocabulary are the same objects as before.

    ``embeddings`` pairs each word with its file, ``prompts`` is all text that will be read; ``besides`` are words and
    their vectors that came with a LoRA, and count where they are written. Raises InputError where one of
    ``embeddings`` is not in the text, and where a word means something already or was learned for another model.
    """
    written = [(word, vectors) for word, vectors in besides.items() if word in prompts]
    if not embeddings and not written:
        yield
        return
    used = [(t, e) for t, e in _ENCODERS if getattr(pipeline, e, None) is not None]
    own = [(getattr(pipeline, t), getattr(pipeline, e).get_input_embeddings()) for t, e in used]
    learned = [(word, list(files.tensors(library.find(ref, "embedding")).values())) for word, ref in embeddings]
    try:
        for word, vectors in learned + written:
            _refuse(word, prompts, [tokenizer for tokenizer, _ in own])
            for tokenizer, encoder in used:
                _learn(pipeline, tokenizer, encoder, word, vectors)
        yield
    finally:
        for (tokenizer, encoder), (words, vocabulary) in zip(used, own, strict=True):
            setattr(pipeline, tokenizer, words)
            getattr(pipeline, encoder).set_input_embeddings(vocabulary)


def _refuse(word: str, prompts: str, tokenizers: Sequence[Any]) -> None:
    if word not in prompts:
        raise InputError(f"the embedding's word '{word}' is not in the prompt; write it there, or leave it out")
    if any(word in tokenizer.get_vocab() for tokenizer in tokenizers):
        raise InputError(f"the word '{word}' means something to the model already; choose another, such as <{word}>")


def _learn(
    pipeline: "DiffusionPipeline", tokenizer: str, encoder: str, word: str, files_vectors: "list[Tensor]"
) -> None:
    """Add a word to one tokenizer, and its vectors to that one's encoder.

    A word of several vectors is written as WORD, WORD_1, WORD_2 …: the names that the library looks for.
    """
    import torch

    text = getattr(pipeline, encoder)
    vocabulary = text.get_input_embeddings()
    vectors = _fitting(word, files_vectors, vocabulary.embedding_dim)
    words = deepcopy(getattr(pipeline, tokenizer))
    names = [word, *(f"{word}_{n}" for n in range(1, len(vectors)))]
    words.add_tokens(names)
    places = words.convert_tokens_to_ids(names)
    weight = vocabulary.weight.new_zeros(
        max(vocabulary.num_embeddings, *(place + 1 for place in places)), vectors.shape[1]
    )
    weight[: vocabulary.num_embeddings] = vocabulary.weight.detach()
    weight[places] = vectors.to(weight)
    setattr(pipeline, tokenizer, words)
    rows, width = weight.shape
    text.set_input_embeddings(torch.nn.Embedding(rows, width, _weight=weight, _freeze=True))


def _fitting(word: str, vectors: "list[Tensor]", width: int) -> "Tensor":
    """Those vectors (words, width) of a file that an encoder of this width can read."""
    for each in vectors:
        if each.shape[-1] == width:
            return each.reshape(-1, width)
    raise InputError(f"the embedding '{word}' was learned for another kind of model; choose one that fits")
