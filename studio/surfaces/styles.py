"""Styles: words that a person may add to a prompt. They stand in the prompt, for everybody to see."""

from pathlib import Path

from studio import strict_yaml


def styles() -> dict[str, str]:
    """Each style's name and its words, in the order of ``styles.yaml``."""
    return dict(strict_yaml.read(Path(__file__).with_name("styles.yaml")))


def styled(prompt: str, style: str) -> str:
    """The prompt with a style's words at its end; as it was where they are there already."""
    words = styles()[style]
    if words in prompt:
        return prompt
    return f"{prompt.rstrip().rstrip(',')}, {words}" if prompt.strip() else words
