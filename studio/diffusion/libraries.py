"""Import diffusers and transformers silently, and without access to the network.

Both read these settings once, when they are imported, so every module that may be the first to import them does it
through here.
"""

import os
from typing import Any, Final

_ENVIRONMENT: Final = {  # what is set already is left alone
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "DIFFUSERS_VERBOSITY": "error",
    "TRANSFORMERS_VERBOSITY": "error",
}
_NO_CODE: Final = {  # whatever is set already
    "DIFFUSERS_DISABLE_REMOTE_CODE": "1",
    "DIFFUSERS_TRUST_REMOTE_KERNELS": "0",
}


def diffusers() -> Any:
    """The library diffusers."""
    go_offline()
    import diffusers
    import transformers

    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    return diffusers


def transformers() -> Any:
    """The library transformers."""
    go_offline()
    import transformers

    return transformers


def go_offline() -> None:
    """Set the environment that both libraries, and the Hub's library that comes with them and with Gradio, read on
    import.
    """
    os.environ.update({key: value for key, value in _ENVIRONMENT.items() if key not in os.environ} | _NO_CODE)
