"""The API as one FastAPI app, for the server to put its guard in front of."""

from typing import Any

from fastapi import FastAPI

from studio.runtime.session import Session
from studio.server.api import (
    a1111,
    a1111_lists,
    a1111_settings,
    batches,
    docs,
    gallery,
    jobs,
    loras,
    openai,
    openai_edits,
)
from studio.server.api.problems import Json, answer_with_problems
from studio.server.batch_store import BatchStore
from studio.server.signed import Addresses
from studio.version import VERSION


def build(session: Session, store: BatchStore | None = None, signed: Addresses | None = None) -> FastAPI:
    """The app that serves ``session``, and its batches if there is a ``store``.

    ``signed`` makes the addresses that its guard opens to those without a token; without one, no address is given out.

    It has no guard of its own: never serve it bare.
    """

    app = FastAPI(
        title="The studio", version=VERSION, openapi_url="/api/openapi.json", docs_url=None, redoc_url=None,
        default_response_class=Json,
        root_path_in_servers=False,  # the root is a page's key, which is nobody else's business
    )  # fmt: skip
    app.state.session, app.state.batches = session, store
    app.state.signed = signed
    app.state.a1111_settings = dict[str, Any]()
    foreign = (a1111, a1111_lists, a1111_settings, openai, openai_edits)
    for part in (jobs, gallery, loras, *([batches] if store else []), *foreign, docs):
        app.include_router(part.router)
    answer_with_problems(app)
    return app
