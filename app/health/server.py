"""uvicorn, which would wait for streams of events to end by themselves when it is told to stop."""

from types import FrameType

import uvicorn
from fastapi import FastAPI


class Server(uvicorn.Server):
    """Serves `app`, and ends its streams first; who follows one comes back with the last id."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        feed = getattr(self._app.state, "feed", None)
        if feed is not None:  # it may not have started yet
            feed.stop()
        super().handle_exit(sig, frame)
