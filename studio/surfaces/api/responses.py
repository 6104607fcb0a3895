"""JSON that can always be sent, whatever halves of letters are in what it says."""

import json
from typing import Any

from fastapi.responses import JSONResponse


class AnyTextResponse(JSONResponse):
    """JSON in UTF-8. Names of files and what clients send may hold halves of letters, which are sent as "?"."""

    def render(self, content: Any) -> bytes:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")
