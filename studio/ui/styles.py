"""Prompt styles: words that a user can add to the end of a prompt."""

from pathlib import Path

from studio.files import strict_yaml


def styles() -> dict[str, str]:
    """The name and the words of each style, in the order of ``styles.yaml``."""
    return dict(strict_yaml.loads(Path(__file__).with_name("styles.yaml").read_bytes()))
