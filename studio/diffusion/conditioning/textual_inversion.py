"""Textual inversions: words learned as embeddings, known to the pipeline for one job."""

from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

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
def textual_inversions(
    pipeline: "DiffusionPipeline",
    index: Adapters,
    embeddings: Sequence[tuple[str, str]],
    prompts: Sequence[str],
    from_loras: "Mapping[str, list[Tensor]]" = _NONE,
) -> Iterator[None]:
    """While inside, the pipeline knows the words; afterwards its tokenizers are the same objects as before.

    ``embeddings`` pairs each word with its file in ``index``. ``prompts`` is the text of each picture; ``from_loras``
    are words and vectors that came with a LoRA, and are used if a prompt has them. No weight changes: the vectors are
    returned by the text encoder's embedding layer for the new tokens.

    Raises InputError where one of ``embeddings`` is missing in a prompt, and where a word is already in the vocabulary
    or was learned for another model.
    """
    from_loras = {word: vectors for word, vectors in from_loras.items() if any(word in text for text in prompts)}
    if not embeddings and not from_loras:
        yield
        return
    _check_words([word for word, _ in embeddings], prompts)
    pairs = [(t, e) for t, e in _ENCODERS if getattr(pipeline, e, None) is not None]
    vocabularies = [getattr(pipeline, tokenizer).get_vocab() for tokenizer, _ in pairs]
    learned = [(word, list(files.tensors(index.find(ref, "embedding")).values())) for word, ref in embeddings]
    with ExitStack() as stack:
        for word, vectors in [*learned, *from_loras.items()]:
            _refuse_known_word(word, vocabularies)
            for tokenizer, encoder in pairs:
                _learn_word(pipeline, (tokenizer, encoder), (word, vectors), stack)
        yield


def _learn_word(
    pipeline: "DiffusionPipeline", names: tuple[str, str], learned: "tuple[str, list[Tensor]]", stack: ExitStack
) -> None:
    """Teach a tokenizer and its text encoder a word, until the stack is closed."""
    (tokenizer, encoder), (word, vectors) = names, learned
    vocabulary = getattr(pipeline, encoder).get_input_embeddings()
    rows = _vectors_of_width(word, vectors, vocabulary.embedding_dim)
    stack.callback(setattr, pipeline, tokenizer, getattr(pipeline, tokenizer))
    tokens = _add_tokens(pipeline, tokenizer, word, len(rows))
    stack.enter_context(patched(vocabulary, "forward", partial(_embedding_forward, tokens, rows)))


def _check_words(words: Sequence[str], prompts: Sequence[str]) -> None:
    for word in words:
        if any(word not in text for text in prompts):
            raise InputError(f"the embedding's word '{word}' is not in the prompt; write it there, or leave it out")


def _refuse_known_word(word: str, vocabularies: Sequence[Container[str]]) -> None:
    if any(word in vocabulary for vocabulary in vocabularies):
        raise InputError(f"the word '{word}' is already in the model's vocabulary; choose another, such as <{word}>")


def _add_tokens(pipeline: "DiffusionPipeline", tokenizer: str, word: str, count: int) -> list[int]:
    """Give the pipeline a tokenizer that knows a word of ``count`` vectors; returns the word's token ids.

    The tokens are WORD, WORD_1, WORD_2 …: the names that diffusers looks for.
    """
    extended = deepcopy(getattr(pipeline, tokenizer))
    names = [word, *(f"{word}_{n}" for n in range(1, count))]
    extended.add_tokens(names)
    setattr(pipeline, tokenizer, extended)
    token_ids: list[int] = extended.convert_tokens_to_ids(names)
    return token_ids


def _embedding_forward(token_ids: Sequence[int], rows: "Tensor", own: Method) -> Method:
    """An embedding layer's ``forward`` that returns these rows for the tokens with these ids."""
    import torch

    def forward(tokens: "Tensor") -> "Tensor":
        masks = [tokens == token_id for token_id in token_ids]
        embedded: Tensor = own(tokens.masked_fill(torch.stack(masks).any(0), 0))
        for row, mask in zip(rows, masks, strict=True):
            embedded = embedded.where(~mask[..., None], row.to(embedded))
        return embedded

    return forward


def _vectors_of_width(word: str, vectors: "list[Tensor]", width: int) -> "Tensor":
    """The vectors (words, width) of a file that fit a text encoder of this width."""
    for each in vectors:
        if each.shape[-1] == width:
            return each.reshape(-1, width)
    raise InputError(f"the embedding '{word}' was learned for another kind of model; choose one that fits")
