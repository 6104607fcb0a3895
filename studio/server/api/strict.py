"""Routes whose bodies are JSON within limits, of nesting and of numbers: what they are told, they can tell again.

A field of any kind holds what a client likes. Nested deeper than the encoder of the answer goes, it would end in a 500
after the picture was made.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

from studio.files import strict_json
from studio.server.guard import MAX_BODY


class StrictRoute(APIRoute):
    """A route that answers 422 with the reason where its body is no JSON within the limits of ``strict_json``."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own, given a request that reads its JSON strictly."""
        handle = super().get_route_handler()

        async def handling(request: Request) -> Response:
            return await handle(_Strict(request.scope, request.receive))

        return handling


class _Strict(Request):
    async def json(self) -> Any:
        try:
            return strict_json.loads(await self.body(), MAX_BODY, mended=False)
        except ValueError as error:
            raise HTTPException(422, f"the body is not JSON that can be read: {error}") from None
