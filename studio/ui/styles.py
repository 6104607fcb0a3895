"""Styles: words that a person may add to a prompt. They go to its end, for everybody to see."""

from pathlib import Path

from studio.files import strict_yaml


def styles() -> dict[str, str]:
    """Each style's name and its words, in the order of ``styles.yaml``."""
    return dict(strict_yaml.loads(Path(__file__).with_name("styles.yaml").read_bytes()))
