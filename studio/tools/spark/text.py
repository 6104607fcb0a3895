"""Spark's tokenizer with a small vocabulary, and a CLIP text encoder that is pretrained on captions.

Before it conditions any picture the encoder is trained to classify what a caption describes, from captions
and ground truths alone. That takes minutes, and the denoiser learns from meaningful embeddings from the start.
"""

import json
from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING, Final

from studio.tools.spark.captions import caption
from studio.tools.spark.labels import GRADIENTS, KINDS, PATTERNS, PLACES, SCENES, SIZES, STYLES, Truth, choose
from studio.tools.spark.palette import COLOURS
from studio.tools.spark.shapes import SHAPES

if TYPE_CHECKING:
    from torch import Tensor, nn
    from transformers import CLIPTextModel, CLIPTokenizer

LENGTH: Final = 32
_START, _END = "<|startoftext|>", "<|endoftext|>"
_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "kind": tuple(kind for kind, _ in KINDS),
    "subject": (*SHAPES, *PATTERNS, *GRADIENTS, *SCENES),
    "colour": ("", *COLOURS),
    "background": ("", *COLOURS),
    "second": ("", *SHAPES),
    "count": ("1", "2", "3", "4"),
    "style": STYLES,
    "size": SIZES,
    "place": PLACES,
}


def new_tokenizer() -> "CLIPTokenizer":
    """A byte-level BPE tokenizer in which every word of the captions is one token."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    rng = Random(0)
    alphabet = sorted(ByteLevel.alphabet())
    merges = _bpe_merges([caption(choose(rng), rng) for _ in range(20_000)], alphabet)
    pieces = [*alphabet, *(f"{c}</w>" for c in alphabet), *("".join(m) for m in merges)]
    vocabulary = {piece: i for i, piece in enumerate([*dict.fromkeys(pieces), _START, _END])}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=LENGTH)


def _bpe_merges(captions: list[str], alphabet: list[str]) -> list[tuple[str, ...]]:
    from tokenizers import Regex, Tokenizer
    from tokenizers.models import BPE
    from tokenizers.normalizers import Lowercase
    from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split
    from tokenizers.trainers import BpeTrainer

    bpe = Tokenizer(BPE(end_of_word_suffix="</w>"))
    bpe.normalizer = Lowercase()
    bpe.pre_tokenizer = Sequence(
        [
            Split(Regex(r"[a-z]+|[0-9]|[^\sa-z0-9]+"), "removed", invert=True),
            ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = BpeTrainer(vocab_size=2000, end_of_word_suffix="</w>", initial_alphabet=alphabet, show_progress=False)
    bpe.train_from_iterator(captions, trainer)
    model = json.loads(bpe.to_str())["model"]
    return [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in model["merges"]]


def new_text_encoder(tokenizer: "CLIPTokenizer") -> "CLIPTextModel":
    """An untrained three-layer CLIP text encoder, 160 wide."""
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=160,
            intermediate_size=480,
            num_hidden_layers=3,
            num_attention_heads=5,
            projection_dim=160,
            max_position_embeddings=LENGTH,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def tokens(tokenizer: "CLIPTokenizer", captions: list[str]) -> "Tensor":
    """Token ids of captions, (n, 32), padded as the pipeline pads them."""
    batch = tokenizer(captions, padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt")
    ids: Tensor = batch["input_ids"]
    return ids


def new_classifier(encoder: "CLIPTextModel") -> "nn.ModuleDict":
    """The encoder with one linear classifier for each field of a ground truth."""
    from torch import nn

    width = encoder.config.hidden_size
    heads = {name: nn.Linear(width, len(classes)) for name, classes in _FIELDS.items()}
    return nn.ModuleDict({"encoder": encoder, **heads})


def classification_losses(
    classifier: "nn.ModuleDict", tokenizer: "CLIPTokenizer", batch: int = 64, start: int = 0
) -> Iterator["Tensor"]:
    """Cross-entropy of every field, from the pooled output at the end of the caption."""
    import torch
    from torch.nn.functional import cross_entropy

    rng = Random(start)
    while True:
        truths = [choose(rng) for _ in range(batch)]
        ids = tokens(tokenizer, [caption(truth, rng) for truth in truths])
        pooled = classifier["encoder"](ids).pooler_output
        yield torch.stack([cross_entropy(classifier[name](pooled), _class_ids(truths, name)) for name in _FIELDS]).sum()


def _class_ids(truths: list[Truth], field: str) -> "Tensor":
    import torch

    return torch.tensor([_FIELDS[field].index(str(getattr(truth, field))) for truth in truths])
