"""Routes whose JSON bodies have limits of nesting and of numbers, so that they can be encoded again.

A body that is nested deeper than the response's encoder allows would otherwise fail with 500, after the picture was
made.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

from studio.files import strict_json
from studio.server.guard import MAX_BODY


class StrictRoute(APIRoute):
    """A route that responds with 422 if its body is not JSON within the limits of ``strict_json``."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, with a request that reads its JSON strictly."""
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return handle_strictly


class _StrictRequest(Request):
    async def json(self) -> Any:
        try:
            return strict_json.loads(await self.body(), MAX_BODY, mended=False)
        except ValueError as error:
            raise HTTPException(422, f"the body is not JSON that can be read: {error}") from None
