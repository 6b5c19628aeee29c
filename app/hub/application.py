"""The Hub's endpoints as an application of their own, so that whatever goes wrong under it is said
in the Hub's words, not in ours.
"""

from fastapi import FastAPI
from starlette.datastructures import State

from app.hub import errors
from app.hub.router import FILE, resolve_file, router
from app.web.route import Plain


def create(state: State) -> FastAPI:
    """`state` is that of the application it is mounted in: settings, database, files."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.state = state
    errors.install(app)
    app.router.routes.append(Plain(FILE, resolve_file))
    app.include_router(router)
    return app
