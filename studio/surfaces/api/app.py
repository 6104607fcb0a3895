"""The API as one FastAPI app, for the server to put its guard in front of."""

from fastapi import FastAPI

from studio.session import Session
from studio.surfaces.api import a1111, docs, gallery, jobs, loras, openai
from studio.surfaces.api.problems import answer_with_problems
from studio.version import VERSION


def build(session: Session) -> FastAPI:
    """The app that serves ``session``. It has no guard of its own: never serve it bare."""
    app = FastAPI(title="The studio", version=VERSION, openapi_url="/api/openapi.json", docs_url=None, redoc_url=None)
    app.state.session = session
    for part in (jobs, gallery, loras, a1111, openai, docs):
        app.include_router(part.router)
    answer_with_problems(app)
    return app
