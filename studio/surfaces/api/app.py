"""The API as one FastAPI app, for the server to put its guard in front of."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from studio.session import Session
from studio.surfaces.api import a1111, batches, docs, gallery, jobs, loras, openai
from studio.surfaces.api.problems import Json, answer_with_problems
from studio.surfaces.batchdesk import Desk
from studio.version import VERSION


def build(session: Session, desk: Desk | None = None) -> FastAPI:
    """The app that serves ``session``, and batches where there is a ``desk``, which is closed with it.

    It has no guard of its own: never serve it bare.
    """

    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        yield
        if desk:
            await asyncio.to_thread(desk.close)

    app = FastAPI(
        title="The studio", version=VERSION, openapi_url="/api/openapi.json", docs_url=None, redoc_url=None,
        lifespan=living, default_response_class=Json,
        root_path_in_servers=False,  # the root is a page's key, which is nobody else's business
    )  # fmt: skip
    app.state.session, app.state.desk = session, desk
    for part in (jobs, gallery, loras, *([batches] if desk else []), a1111, openai, docs):
        app.include_router(part.router)
    answer_with_problems(app)
    return app
