"""The wire format: batches, schemas, requests and acknowledgements <-> bytes. Pure."""

from agent.wire.batch import (
    CLOCK_REPAIRED,
    CLOCK_SIMULATED,
    CLOCK_SYNCHRONISED,
    Batch,
    decode_batch,
    encode_batch,
)
from agent.wire.errors import Malformed, NotMsgpack, NotZstd, TooLarge, UnknownVersion, WireError
from agent.wire.limits import Limits
from agent.wire.request import (
    ACCEPT,
    ACKNOWLEDGEMENT_TYPE,
    CONTENT_TYPE,
    PATH,
    About,
    Acknowledgement,
    Request,
    decode_ack,
    decode_refusal,
    decode_request,
    encode_ack,
    encode_refusal,
    encode_request,
    takes_more,
)
from agent.wire.schema import decode_schema, encode_schema

__all__ = [
    "ACCEPT",
    "ACKNOWLEDGEMENT_TYPE",
    "CLOCK_REPAIRED",
    "CLOCK_SIMULATED",
    "CLOCK_SYNCHRONISED",
    "CONTENT_TYPE",
    "PATH",
    "About",
    "Acknowledgement",
    "Batch",
    "Limits",
    "Malformed",
    "NotMsgpack",
    "NotZstd",
    "Request",
    "TooLarge",
    "UnknownVersion",
    "WireError",
    "decode_ack",
    "decode_batch",
    "decode_refusal",
    "decode_request",
    "decode_schema",
    "encode_ack",
    "encode_batch",
    "encode_refusal",
    "encode_request",
    "encode_schema",
    "takes_more",
]
