"""Spark's reader: an own small vocabulary and a CLIP text encoder that learns what captions mean.

Before it guides any picture the encoder is taught to name what a caption asks for, from
captions and truths alone. That takes minutes, and the denoiser never has to wait for it.
"""

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
    from tokenizers import Tokenizer
    from tokenizers.models import BPE
    from tokenizers.normalizers import Lowercase
    from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split
    from tokenizers.trainers import BpeTrainer
    from transformers import CLIPTokenizer

    rng = Random(0)
    captions = [caption(choose(rng), rng) for _ in range(20_000)]
    bpe = Tokenizer(BPE(end_of_word_suffix="</w>"))
    bpe.normalizer = Lowercase()
    from tokenizers import Regex

    bpe.pre_tokenizer = Sequence(
        [
            Split(Regex(r"[a-z]+|[0-9]|[^\sa-z0-9]+"), "removed", invert=True),
            ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    alphabet = sorted(ByteLevel.alphabet())
    trainer = BpeTrainer(vocab_size=2000, end_of_word_suffix="</w>", initial_alphabet=alphabet, show_progress=False)
    bpe.train_from_iterator(captions, trainer)
    import json

    model = json.loads(bpe.to_str())["model"]
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in model["merges"]]
    pieces = [*alphabet, *(f"{c}</w>" for c in alphabet), *("".join(m) for m in merges)]
    vocabulary = {piece: i for i, piece in enumerate([*dict.fromkeys(pieces), _START, _END])}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=LENGTH)


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


def new_examiner(encoder: "CLIPTextModel") -> "nn.ModuleDict":
    """The encoder with one linear question for each field of a truth."""
    from torch import nn

    width = encoder.config.hidden_size
    questions = {name: nn.Linear(width, len(answers)) for name, answers in _FIELDS.items()}
    return nn.ModuleDict({"encoder": encoder, **questions})


def understanding_losses(
    examiner: "nn.ModuleDict", tokenizer: "CLIPTokenizer", batch: int = 64, start: int = 0
) -> Iterator["Tensor"]:
    """Cross-entropy of every field, read from where the caption ends."""
    import torch
    from torch.nn.functional import cross_entropy

    rng = Random(start)
    while True:
        truths = [choose(rng) for _ in range(batch)]
        ids = tokens(tokenizer, [caption(truth, rng) for truth in truths])
        read = examiner["encoder"](ids).pooler_output
        yield torch.stack([cross_entropy(examiner[name](read), _answers(truths, name)) for name in _FIELDS]).sum()


def _answers(truths: list[Truth], field: str) -> "Tensor":
    import torch

    return torch.tensor([_FIELDS[field].index(str(getattr(truth, field))) for truth in truths])
