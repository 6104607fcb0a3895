"""Encodes prompts with CLIP's text encoders: weighted, of any length, for each step.

Chunks are encoded as in A1111: 75 tokens between a start and an end token, padded; chunks follow one another, and BREAK
begins a new one. A token's weight multiplies its embedding, and the mean is not restored (A1111's emphasis "No norm",
in its ``sd_emphasis.py``): the mean is near zero, so dividing by it would amplify noise, most of all for SDXL. A prompt
of plain words that fits into one chunk gives exactly the pipeline's own embeddings.
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from studio.errors import InputError
from studio.parameters.request import Request
from studio.prompts.grammar import ParsedPrompt, Section, Wording, parse

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline
    from torch import Tensor

_BACKTRACK: Final = 20  # tokens that a chunk may be shorter so that it ends at a comma: A1111's comma_padding_backtrack
_EMPTY: Final[Wording] = ((),)

Token = tuple[int, float]
"""A token's id and its weight."""
EncodeCached = Callable[[Hashable, Callable[[], "Embedding"]], "Embedding"]
"""Called with a text and how to encode it; returns the embedding, encoded now or from a cache."""


@dataclass(frozen=True)
class Embedding:
    """The text encoders' output: (1, tokens, width), and (1, width) for models that use a pooled embedding."""

    hidden: "Tensor"
    pooled: "Tensor | None" = None

    def longer(self, tokens: int, padding: "Embedding") -> "Embedding":
        """This embedding, padded to ``tokens`` with repetitions of ``padding``."""
        import torch

        missing = (tokens - self.hidden.shape[1]) // padding.hidden.shape[1]
        return replace(self, hidden=torch.cat([self.hidden, *[padding.hidden] * missing], dim=1))

    def to(self, device: Any) -> "Embedding":
        """This embedding on a device."""
        return Embedding(self.hidden.to(device), None if self.pooled is None else self.pooled.to(device))

    @property
    def bytes(self) -> int:
        """The bytes of memory that it takes."""
        return self.hidden.nbytes + (0 if self.pooled is None else self.pooled.nbytes)


@dataclass(frozen=True)
class StepConditioning:
    """The conditioning of one step: the parts of a prompt with their weights, and the negative prompt."""

    parts: tuple[tuple[float, Embedding], ...]
    negative: Embedding


def _uncached(_text: Hashable, encode: Callable[[], Embedding]) -> Embedding:
    """Encode without a cache."""
    return encode()


def plain_prompts(request: Request) -> Request:
    """The request with the plain words of its prompts, for a pipeline that encodes them itself."""
    prompts = (parse(request.prompt), parse(request.negative_prompt))
    return replace(request, prompt=prompts[0].plain(), negative_prompt=prompts[1].plain())


def encode_prompt(
    pipeline: "DiffusionPipeline", text: str, clip_skip: int, encode_cached: EncodeCached = _uncached
) -> Embedding:
    """The embedding of a prompt that is the same in all steps, with its weights and of any length."""
    return _PromptEncoder(pipeline, clip_skip, encode_cached).encode(parse(text).parts[0].at(0, 1))


def encode_steps(
    pipeline: "DiffusionPipeline", request: Request, encode_cached: EncodeCached = _uncached
) -> tuple[StepConditioning, ...]:
    """The conditioning of each step that runs. All embeddings are equally long: shorter ones end in empty chunks.

    Raises InputError for an AND in the negative prompt and a clip skip beyond the encoder's layers.
    """
    positive, negative = parse(request.prompt), parse(request.negative_prompt)
    if len(negative.parts) > 1:
        raise InputError("AND joins prompts, not negative prompts; put a comma in its place")
    encoder, steps = _PromptEncoder(pipeline, request.clip_skip, encode_cached), request.steps_run
    wordings = [_wordings((positive, negative), step, steps) for step in range(steps)]
    once = dict.fromkeys(wording for step in wordings for wording in step)
    embeddings = _padded_to_longest({wording: encoder.encode(wording) for wording in once}, encoder.encode(_EMPTY))
    zeros = encoder.zeros(embeddings[wordings[0][-1]]) if not negative.plain().strip() else None
    weights = [part.weight for part in positive.parts]
    found = []
    for step in wordings:
        *parts, last = (embeddings[wording] for wording in step)
        found.append(StepConditioning(tuple(zip(weights, parts, strict=True)), zeros or last))
    return tuple(found)


def _wordings(prompts: tuple[ParsedPrompt, ParsedPrompt], step: int, steps: int) -> list[Wording]:
    """The wording of each part of the prompt at a step, and last that of the negative prompt."""
    return [part.at(step, steps) for prompt in prompts for part in prompt.parts]


def _padded_to_longest(embeddings: dict[Wording, Embedding], padding: Embedding) -> dict[Wording, Embedding]:
    longest = max(embedding.hidden.shape[1] for embedding in embeddings.values())
    return {wording: embedding.longer(longest, padding) for wording, embedding in embeddings.items()}


class _PromptEncoder:
    """A pipeline's tokenizers and text encoders: one, or SDXL's two, whose outputs are concatenated."""

    def __init__(self, pipeline: "DiffusionPipeline", clip_skip: int, encode_cached: EncodeCached) -> None:
        pairs = [(getattr(pipeline, f"tokenizer{n}", None), getattr(pipeline, f"text_encoder{n}", None))
                 for n in ("", "_2")]  # fmt: skip
        self._pairs = [(tokenizer, encoder) for tokenizer, encoder in pairs if encoder is not None]
        self._pipeline, self._encode_cached = pipeline, encode_cached
        self._pooled = hasattr(pipeline, "text_encoder_2")
        self._layer = clip_skip + self._pooled  # from the end; SDXL was trained on the second to last
        layers = min(encoder.config.num_hidden_layers for _, encoder in self._pairs)
        if self._layer > layers:
            raise InputError(f"clip skip {clip_skip} is more than this model's text encoder has layers; "
                             f"take 1 to {layers - self._pooled}")  # fmt: skip

    def encode(self, wording: Wording) -> Embedding:
        """The embedding of a wording; the pooled embedding is that of the first chunk, as in A1111."""
        return self._encode_cached((wording, self._layer), lambda: self._encode(wording))

    def _encode(self, wording: Wording) -> Embedding:
        import torch

        chunked = [list(self._chunks(tokenizer, wording)) for tokenizer, _ in self._pairs]
        count = max(map(len, chunked))
        hidden, pooled = [], None
        for (tokenizer, encoder), chunks in zip(self._pairs, chunked, strict=True):
            seen, summary = self._encoded(tokenizer, encoder, chunks + [[]] * (count - len(chunks)))
            hidden.append(seen)
            pooled = summary if self._pooled else None
        return Embedding(torch.cat(hidden, dim=-1), pooled)

    def zeros(self, like: Embedding) -> Embedding | None:
        """Zeros, for models that use them where there is no negative prompt; None for models that encode the empty
        prompt.
        """
        import torch

        if not self._pipeline.config.get("force_zeros_for_empty_prompt"):
            return None
        pooled = None if like.pooled is None else torch.zeros_like(like.pooled)
        return Embedding(torch.zeros_like(like.hidden), pooled)

    def _chunks(self, tokenizer: Any, wording: Wording) -> Iterator[list[Token]]:
        room, comma = tokenizer.model_max_length - 2, _token_ids(tokenizer, ",")[-1]
        for section in wording:
            tokens = list(self._tokens(tokenizer, section))
            while len(tokens) > room:
                end = _chunk_end(tokens, room, comma)
                yield tokens[:end]
                tokens = tokens[end:]
            yield tokens

    def _tokens(self, tokenizer: Any, section: Section) -> Iterator[Token]:
        convert = getattr(self._pipeline, "maybe_convert_prompt", None)  # a learned word may be several tokens
        for text, weight in section:
            for number in _token_ids(tokenizer, convert(text, tokenizer) if convert else text):
                yield number, weight

    def _encoded(self, tokenizer: Any, encoder: Any, chunks: list[list[Token]]) -> "tuple[Tensor, Tensor | None]":
        import torch

        numbers, weights = zip(*(_padded(tokenizer, chunk) for chunk in chunks), strict=True)
        device = self._pipeline._execution_device
        with torch.no_grad():
            output = encoder(torch.tensor(numbers, device=device), output_hidden_states=True)
            hidden = self._hidden(encoder, output)
        hidden = hidden * torch.tensor(weights, device=hidden.device, dtype=hidden.dtype)[..., None]
        return hidden.to(encoder.dtype).reshape(1, -1, hidden.shape[-1]), output[0][:1] if output[0].ndim == 2 else None

    def _hidden(self, encoder: Any, output: Any) -> "Tensor":
        if self._pooled:
            hidden: Tensor = output.hidden_states[-self._layer]
            return hidden
        if self._layer == 1:
            return output.last_hidden_state  # type: ignore[no-any-return]
        text_model = getattr(encoder, "text_model", encoder)  # transformers 5 has none
        normed: Tensor = text_model.final_layer_norm(output.hidden_states[-self._layer])
        return normed


def _token_ids(tokenizer: Any, text: str) -> list[int]:
    numbers: list[int] = tokenizer(text, add_special_tokens=False, truncation=False, verbose=False).input_ids
    return numbers


def _chunk_end(tokens: list[Token], room: int, comma: int) -> int:
    """Where a chunk of ``room`` tokens ends: after its last comma, if that is near its end."""
    near = range(room - 1, max(room - 1 - _BACKTRACK, 0), -1)
    return next((at + 1 for at in near if tokens[at][0] == comma), room)


def _padded(tokenizer: Any, chunk: list[Token]) -> tuple[list[int], list[float]]:
    """Token ids and weights of one chunk between a start and an end token, padded to the encoder's length."""
    missing = tokenizer.model_max_length - 2 - len(chunk)
    numbers = [tokenizer.bos_token_id, *(number for number, _ in chunk), tokenizer.eos_token_id]
    weights = [1.0, *(weight for _, weight in chunk), 1.0]
    return numbers + [tokenizer.pad_token_id] * missing, weights + [1.0] * missing
