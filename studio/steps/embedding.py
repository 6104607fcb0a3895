"""A guide: a learned word (textual inversion) to write in the prompt."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from studio.diffusion.engine import Engine
from studio.parameters.conditioning import NOTHING, Guide
from studio.parameters.types import EmbeddingRef, GuideBefore, Text

Word = Annotated[Text, Field(title="Word", description="How it is called in the prompt; empty for the file's name.")]


def run(
    engine: Engine,  # noqa: ARG001 every step is given one
    embedding: EmbeddingRef,
    word: Word = "",
    guide: GuideBefore = NOTHING,
) -> Guide:
    """The guide with one more word; it counts where it stands in the prompt or the negative one."""
    return guide + Guide(embeddings=((word.strip() or Path(embedding).stem, embedding),))
