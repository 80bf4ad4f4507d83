"""Answers that do not say which library, in which version, made them."""

from typing import Any


async def nameless(request: Any, response: Any) -> None:
    """Leave out the `Server` header: an `on_response_prepare` of aiohttp."""
    response.headers.pop("Server", None)
