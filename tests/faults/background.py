"""Servers of the tests' own, on a thread, while the test waits for processes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, contextmanager
from threading import Thread
from typing import TypeVar

T = TypeVar("T")
LIMIT_SECONDS = 30


@contextmanager
def in_background(made: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """What a context manager of asyncio gives, entered on an event loop of its own."""
    entered: Future[tuple[T, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def hold() -> None:
        over = asyncio.Event()
        try:
            async with made as value:
                entered.set_result((value, asyncio.get_running_loop(), over))
                await over.wait()
        except BaseException as e:
            if entered.done():
                raise
            entered.set_exception(e)

    thread = Thread(target=lambda: asyncio.run(hold()), daemon=True)
    thread.start()
    value, loop, over = entered.result(LIMIT_SECONDS)
    try:
        yield value
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(LIMIT_SECONDS)
        assert not thread.is_alive()
