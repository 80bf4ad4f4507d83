"""The HTTP server. It answers malformed HTTP in the collector's own words, too."""

from aiohttp import web

from agent.wire import ACKNOWLEDGEMENT_TYPE, encode_refusal


class _Protocol(web.RequestHandler):
    """A connection."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what has no other answer, and close."""
        super().handle_error(request, status, exc, message)
        body = encode_refusal(message or "this collector failed; its log says why")
        answer = web.Response(status=status, body=body, content_type=ACKNOWLEDGEMENT_TYPE)
        answer.force_close()
        return answer


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        protocol = super().__call__()
        protocol.__class__ = _Protocol  # the library takes no class of ours
        return protocol


class Runner(web.AppRunner):
    """Serves an application."""

    @property
    def server(self) -> web.Server | None:
        """What makes the connections."""
        server = super().server
        if server is not None:
            server.__class__ = _Server
        return server
