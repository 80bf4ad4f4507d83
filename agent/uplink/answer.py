"""What an HTTP answer means, and whether the collector gave it. Pure."""

import email.utils
from dataclasses import dataclass

from agent.message import Message, joined
from agent.wire.errors import WireError
from agent.wire.request import (
    ACKNOWLEDGEMENT_TYPE,
    Acknowledgement,
    Request,
    decode_ack,
    decode_refusal,
)
from agent.wire.text import printable

OK, CONFLICT, TOO_LARGE, TOO_MANY, UNAVAILABLE = 200, 409, 413, 429, 503


class UplinkError(Exception):
    """The collector was not reached, or would not take a request; worth trying again."""

    def __init__(self, text: str, retry_after_s: float | None = None, answered: bool = False) -> None:
        super().__init__(text)
        self.retry_after_s, self.answered = retry_after_s, answered


class Unsound(UplinkError):
    """The collector answered what cannot be; nothing of it was believed."""


class RequestTooLarge(UplinkError):
    """A limit, the collector's `own` or on the way to it, keeps the request out; a part of it may fit."""

    def __init__(self, text: str, own: bool) -> None:
        super().__init__(text, answered=True)
        self.own = own


class Conflict(Exception):
    """The collector holds other bytes under a key of ours: a cloned buffer. Sending stops."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An HTTP answer: status, some headers (None: not there), and the body or its beginning."""

    status: int
    content_type: str | None
    server: str | None
    retry_after: str | None
    body: bytes

    @property
    def own(self) -> bool:
        """Whether it is the collector's word: whatever lies between does not know its content type."""
        return (self.content_type or "").partition(";")[0].strip().lower() == ACKNOWLEDGEMENT_TYPE


def understand(url: str, answer: HttpAnswer, request: Request, utc_s: float) -> Acknowledgement:
    """Return what the collector acknowledges; raise what else the answer means."""
    said = joined(": ", [url, _said(answer)])
    if answer.own and answer.status == OK:
        return _acknowledgement(url, answer.body, request)
    if answer.status == TOO_LARGE and (request.batches or request.schemas):
        raise RequestTooLarge(said, answer.own)
    if answer.own and answer.status == CONFLICT and request.batches:
        raise Conflict(said)
    waits = answer.status in (TOO_MANY, UNAVAILABLE)
    raise UplinkError(said, retry_after_s(answer.retry_after, utc_s) if waits else None, answered=True)


def _acknowledgement(url: str, body: bytes, request: Request) -> Acknowledgement:
    try:
        ack = decode_ack(body)
    except WireError as error:
        why = printable(str(error))
        raise Unsound(
            Message("{url}: its acknowledgement cannot be read: {why}", url=url, why=why)
        ) from error
    if ack.epoch != request.epoch:
        raise Unsound(Message("{url}: acknowledged epoch {epoch}, not ours", url=url, epoch=ack.epoch.hex()))
    return ack


def _said(answer: HttpAnswer) -> str:
    if not answer.own:
        return Message(
            "not reached: HTTP {status} from {server}, not from the collector: {text}",
            status=answer.status,
            server=printable(answer.server, 80) if answer.server else Message("a server without a name"),
            text=printable(b" ".join(answer.body.split())) or Message("no text"),
        )
    try:
        return f"HTTP {answer.status}: {decode_refusal(answer.body)}"
    except WireError:
        return f"HTTP {answer.status}: {printable(answer.body)}"


def retry_after_s(header: str | None, utc_s: float) -> float | None:
    """Seconds of a Retry-After header: a number, or a date (RFC 9110, 10.2.3); None without a sound one."""
    text = (header or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - utc_s)
    except (ValueError, TypeError, LookupError, ArithmeticError):
        return None
