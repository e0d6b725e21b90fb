"""The gateway's HTTP face. Routes are thin: authenticate, call one part, answer."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI

from gateway.api import events, feeds, health, log, receipts
from gateway.api.bearer import own_token
from gateway.api.problems import install_problems
from gateway.running import Running
from gateway.settings import Settings

Start = Callable[[], Awaitable[Running]]


def create_app(settings: Settings, start: Start) -> FastAPI:
    """The application; `start` opens the database and starts the background work when the server does."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        running = await start()
        app.state.running = running
        try:
            yield
        finally:
            await running.stop()

    app = FastAPI(
        title="fuyuan gateway",
        summary="Signed, contract-bound data sharing between courts and agencies (府院联动)",
        lifespan=lifespan,
        redoc_url=None,
    )
    app.state.metrics_token = own_token(settings.metrics_token_file)

    def count(route: str, status: int) -> None:
        app.state.running.metrics.count_request(route, status)

    install_problems(app, max_body_bytes=settings.max_body_bytes, count=count)
    for part in (feeds, events, receipts, log, health):
        app.include_router(part.router)
    return app
