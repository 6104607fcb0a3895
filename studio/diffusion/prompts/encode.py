"""Turns a prompt into what guides each step: embeddings of CLIP's text encoders, weighted, of any length.

Each chunk is read as A1111 reads it: 75 tokens between a start and an end, padded; chunks follow one another, and
BREAK begins a new one. A token's weight multiplies its embedding, and the mean is not restored (A1111's emphasis "No
norm", in its ``sd_emphasis.py``): the mean is near zero, so dividing by it would amplify chance, most of all for SDXL.
A prompt of plain words that fits one chunk gives exactly the pipeline's own embeddings.
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from studio.errors import InputError
from studio.parameters.request import Request
from studio.prompts.grammar import Parsed, Section, Wording, parse

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline
    from torch import Tensor

_BACK: Final = 20  # tokens that a chunk may end early, so that a comma ends it: A1111's comma_padding_backtrack
_NOTHING: Final[Wording] = ((),)

Token = tuple[int, float]
"""A token's number and its weight."""
Recall = Callable[[Hashable, Callable[[], "Embedding"]], "Embedding"]
"""Given what was said and how to read it: the embedding, read now or remembered."""


@dataclass(frozen=True)
class Embedding:
    """What the text encoders make of words: (1, tokens, width), and (1, width) where the model wants them pooled."""

    hidden: "Tensor"
    pooled: "Tensor | None" = None

    def longer(self, tokens: int, padding: "Embedding") -> "Embedding":
        """This embedding with ``padding`` after it, often enough to be ``tokens`` long."""
        import torch

        missing = (tokens - self.hidden.shape[1]) // padding.hidden.shape[1]
        return replace(self, hidden=torch.cat([self.hidden, *[padding.hidden] * missing], dim=1))

    def to(self, device: Any) -> "Embedding":
        """The same on a device."""
        return Embedding(self.hidden.to(device), None if self.pooled is None else self.pooled.to(device))

    @property
    def bytes(self) -> int:
        """How much memory it takes."""
        return self.hidden.nbytes + (0 if self.pooled is None else self.pooled.nbytes)


@dataclass(frozen=True)
class Conditioning:
    """What guides one step: the parts of a prompt with their weights, and what it should not show."""

    parts: tuple[tuple[float, Embedding], ...]
    negative: Embedding


def _read_anew(_said: Hashable, read: Callable[[], Embedding]) -> Embedding:
    """Nothing is remembered."""
    return read()


def plain(request: Request) -> Request:
    """The request with its prompts' words alone, for a pipeline that reads them itself."""
    prompts = (parse(request.prompt), parse(request.negative_prompt))
    return replace(request, prompt=prompts[0].plain(), negative_prompt=prompts[1].plain())


def embedding(pipeline: "DiffusionPipeline", text: str, clip_skip: int, recall: Recall = _read_anew) -> Embedding:
    """A prompt that is the same in all steps, with its weights and of any length."""
    return _Reader(pipeline, clip_skip, recall).read(parse(text).parts[0].at(0, 1))


def conditionings(
    pipeline: "DiffusionPipeline", request: Request, recall: Recall = _read_anew
) -> tuple[Conditioning, ...]:
    """What guides each step that runs. All embeddings are equally long: the shorter ones end in empty chunks.

    Raises InputError for an AND in the negative prompt and a clip skip beyond the encoder's layers.
    """
    positive, negative = parse(request.prompt), parse(request.negative_prompt)
    if len(negative.parts) > 1:
        raise InputError("AND joins prompts, not negative prompts; put a comma in its place")
    steps = request.steps if request.strength is None else int(request.steps * request.strength)
    reader = _Reader(pipeline, request.clip_skip, recall)
    wordings = [_wordings((positive, negative), step, steps) for step in range(steps)]
    once = dict.fromkeys(wording for step in wordings for wording in step)
    read = _evened({wording: reader.read(wording) for wording in once}, reader.read(_NOTHING))
    blank = reader.blank(read[wordings[0][-1]]) if not negative.plain().strip() else None
    weights = [part.weight for part in positive.parts]
    return tuple(
        Conditioning(tuple(zip(weights, (read[one] for one in step[:-1]), strict=True)), blank or read[step[-1]])
        for step in wordings
    )


def _wordings(prompts: tuple[Parsed, Parsed], step: int, steps: int) -> list[Wording]:
    """What each part of the prompt says at a step, and last the negative prompt."""
    return [part.at(step, steps) for prompt in prompts for part in prompt.parts]


def _evened(read: dict[Wording, Embedding], padding: Embedding) -> dict[Wording, Embedding]:
    longest = max(embedding.hidden.shape[1] for embedding in read.values())
    return {wording: embedding.longer(longest, padding) for wording, embedding in read.items()}


class _Reader:
    """A pipeline's tokenizers and text encoders: one, or the two of SDXL side by side."""

    def __init__(self, pipeline: "DiffusionPipeline", clip_skip: int, recall: Recall) -> None:
        pairs = [(getattr(pipeline, f"tokenizer{n}", None), getattr(pipeline, f"text_encoder{n}", None))
                 for n in ("", "_2")]  # fmt: skip
        self._pairs = [(tokenizer, encoder) for tokenizer, encoder in pairs if encoder is not None]
        self._pipeline, self._recall = pipeline, recall
        self._pooled = hasattr(pipeline, "text_encoder_2")
        self._layer = clip_skip + self._pooled  # from the end; SDXL was trained on the last but one
        layers = min(encoder.config.num_hidden_layers for _, encoder in self._pairs)
        if self._layer > layers:
            raise InputError(f"clip skip {clip_skip} is more than this model's text encoder has layers; "
                             f"take 1 to {layers - self._pooled}")  # fmt: skip

    def read(self, wording: Wording) -> Embedding:
        """The embedding of a wording; of several chunks the first one is pooled, as A1111 does."""
        return self._recall((wording, self._layer), lambda: self._read(wording))

    def _read(self, wording: Wording) -> Embedding:
        import torch

        chunked = [list(self._chunks(tokenizer, wording)) for tokenizer, _ in self._pairs]
        count = max(map(len, chunked))
        hidden, pooled = [], None
        for (tokenizer, encoder), chunks in zip(self._pairs, chunked, strict=True):
            seen, summary = self._encoded(tokenizer, encoder, chunks + [[]] * (count - len(chunks)))
            hidden.append(seen)
            pooled = summary if self._pooled else None
        return Embedding(torch.cat(hidden, dim=-1), pooled)

    def blank(self, like: Embedding) -> Embedding | None:
        """What stands for no negative prompt where that is nothing at all; None where it is the empty prompt."""
        import torch

        if not self._pipeline.config.get("force_zeros_for_empty_prompt"):
            return None
        pooled = None if like.pooled is None else torch.zeros_like(like.pooled)
        return Embedding(torch.zeros_like(like.hidden), pooled)

    def _chunks(self, tokenizer: Any, wording: Wording) -> Iterator[list[Token]]:
        room, comma = tokenizer.model_max_length - 2, _numbers(tokenizer, ",")[-1]
        for section in wording:
            tokens = list(self._tokens(tokenizer, section))
            while len(tokens) > room:
                end = _end(tokens, room, comma)
                yield tokens[:end]
                tokens = tokens[end:]
            yield tokens

    def _tokens(self, tokenizer: Any, section: Section) -> Iterator[Token]:
        convert = getattr(self._pipeline, "maybe_convert_prompt", None)  # a learned word may be several tokens
        for text, weight in section:
            for number in _numbers(tokenizer, convert(text, tokenizer) if convert else text):
                yield number, weight

    def _encoded(self, tokenizer: Any, encoder: Any, chunks: list[list[Token]]) -> "tuple[Tensor, Tensor | None]":
        import torch

        numbers, weights = zip(*(_padded(tokenizer, chunk) for chunk in chunks), strict=True)
        device = self._pipeline._execution_device
        with torch.no_grad():
            said = encoder(torch.tensor(numbers, device=device), output_hidden_states=True)
            hidden = self._hidden(encoder, said)
        hidden = hidden * torch.tensor(weights, device=hidden.device, dtype=hidden.dtype)[..., None]
        return hidden.to(encoder.dtype).reshape(1, -1, hidden.shape[-1]), said[0][:1] if said[0].ndim == 2 else None

    def _hidden(self, encoder: Any, said: Any) -> "Tensor":
        if self._pooled:
            hidden: Tensor = said.hidden_states[-self._layer]
            return hidden
        if self._layer == 1:
            return said.last_hidden_state  # type: ignore[no-any-return]
        text_model = getattr(encoder, "text_model", encoder)  # which transformers 5 has no more
        normed: Tensor = text_model.final_layer_norm(said.hidden_states[-self._layer])
        return normed


def _numbers(tokenizer: Any, text: str) -> list[int]:
    numbers: list[int] = tokenizer(text, add_special_tokens=False, truncation=False, verbose=False).input_ids
    return numbers


def _end(tokens: list[Token], room: int, comma: int) -> int:
    """Where a chunk of ``room`` tokens ends: after its last comma, if that is near its end."""
    near = range(room - 1, max(room - 1 - _BACK, 0), -1)
    return next((at + 1 for at in near if tokens[at][0] == comma), room)


def _padded(tokenizer: Any, chunk: list[Token]) -> tuple[list[int], list[float]]:
    """Numbers and weights of one chunk between a start and an end, as long as the encoder reads."""
    missing = tokenizer.model_max_length - 2 - len(chunk)
    numbers = [tokenizer.bos_token_id, *(number for number, _ in chunk), tokenizer.eos_token_id]
    weights = [1.0, *(weight for _, weight in chunk), 1.0]
    return numbers + [tokenizer.pad_token_id] * missing, weights + [1.0] * missing
