"""A guide: a textual inversion, with the word to write in the prompt."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from studio.diffusion.engine import Engine
from studio.parameters.conditioning import NO_GUIDE, Guide
from studio.parameters.types import EmbeddingRef, GuideInput, Text

Word = Annotated[Text, Field(title="Word", description="How it is called in the prompt; empty for the file's name.")]


def run(
    engine: Engine,  # noqa: ARG001 every step is given one
    embedding: EmbeddingRef,
    word: Word = "",
    guide: GuideInput = NO_GUIDE,
) -> Guide:
    """The guide with one more embedding; it acts where its word is in the prompt or the negative prompt."""
    return guide + Guide(embeddings=((word.strip() or Path(embedding).stem, embedding),))
