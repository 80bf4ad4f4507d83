"""What holds for every answer, whatever was asked. Pure."""

from collections.abc import Callable

from agent.wire import ACKNOWLEDGEMENT_TYPE, Acknowledgement, WireError, decode_ack
from agent.wire.packing import unpack_tree
from agent.wire.sound import is_name
from collector.conform.row import Post, Reply, Row


def _type(post: Post, reply: Reply) -> str:
    if len(reply.types) != 1:
        return f"{len(reply.types)} Content-Type headers"
    said = reply.types[0].partition(";")[0].strip().lower()
    return "" if said == ACKNOWLEDGEMENT_TYPE else f"Content-Type is {reply.types[0]}"


def _coding(post: Post, reply: Reply) -> str:
    return "" if reply.coding in ("", "identity") else f"Content-Encoding is {reply.coding}"


def _reason(post: Post, reply: Reply) -> str:
    if reply.status == 200:
        return ""
    try:
        reason = unpack_tree("the body", reply.body, 64 * 1024, 0, 0)
    except WireError as error:
        return str(error)
    return "" if isinstance(reason, str) and is_name(reason) else "the body is no text on one line"


def _form(post: Post, reply: Reply) -> str:
    if reply.status != 200:
        return ""
    try:
        decode_ack(reply.body)
    except WireError as error:
        return str(error)
    return ""


def _of_200(judge: Callable[[Post, Acknowledgement], str]) -> Callable[[Post, Reply], str]:
    def rule(post: Post, reply: Reply) -> str:
        if reply.status != 200:
            return ""
        try:
            return judge(post, decode_ack(reply.body))
        except WireError:
            return ""  # `answer-form` says so

    return rule


def _epoch(post: Post, ack: Acknowledgement) -> str:
    return "" if post.epoch in (None, ack.epoch) else f"epoch is {ack.epoch.hex()}"


def _order(post: Post, ack: Acknowledgement) -> str:
    end = 0
    for first, last in ack.missing:
        if first <= end:
            return f"missing: {first} after {end}"
        end = last
    return "" if not end or end < ack.durable_through else "missing: at or above durable_through"


def _claims(post: Post, ack: Acknowledgement) -> str:
    if post.epoch is None or ack.durable_through <= post.most:
        return ""
    return f"durable_through is {ack.durable_through}, no agent spoke of more than {post.most}"


def _subjects(post: Post, ack: Acknowledgement) -> str:
    for what, said, may in (
        ("refused", {sequence for sequence, _ in ack.refused}, post.carried),
        ("wanted", set(ack.need_schema), post.needed),
        ("refused_schemas", {digest for digest, _, _ in ack.refused_schemas}, post.brought),
    ):
        if not said <= may:
            return f"{what} names what was not in the request"
    return ""


def _reasons(post: Post, reply: Reply) -> str:
    if reply.status != 200:
        return ""
    try:  # as it was written: `decode_ack` makes a reason fit to be shown
        refused = unpack_tree("answer", reply.body, 1024 * 1024, 64 * 1024, 8)[5]
        return "" if all(is_name(reason) for _, reason in refused) else "one is empty, or no line of text"
    except (WireError, LookupError, TypeError, ValueError, AttributeError):
        return ""  # `answer-form` says so


def _more(post: Post, ack: Acknowledgement) -> str:
    asked = "more=1" in post.headers.get("Accept", "")
    return "seven elements, to an agent that does not take them" if ack.more and not asked else ""


RULES: list[tuple[Row, Callable[[Post, Reply], str]]] = [
    (Row("answer-type", "Other statuses", "Every answer, of any status, has the answer's content type, once",
         "Agents take no other answer for the collector's word: a proxy could have written it."), _type),
    (Row("answer-coding", "Answer", "No answer has a content encoding",
         "Agents ask for identity and undo none."), _coding),
    (Row("answer-reason", "Other statuses", "With a status other than 200 the body is one msgpack str",
         "It is what the agent shows to whoever has to mend it."), _reason),
    (Row("answer-form", "Answer", "Every 200 is an array of six elements, or seven, within its bounds",
         "An agent takes an answer beyond them for none at all, and alarms."), _form),
    (Row("answer-epoch", "Answer", "Element 1 is the epoch of the request",
         "An answer of another epoch would acknowledge other batches."), _of_200(_epoch)),
    (Row("answer-order", "Answer", "missing is ascending, does not overlap, and lies below durable_through",
         "Agents read it once, from below."), _of_200(_order)),
    (Row("answer-claims", "Answer", "durable_through is never above all that the agent spoke of",
         "An agent that hears of more than it sealed takes its buffer for an older copy."),
     _of_200(_claims)),
    (Row("answer-subjects", "Answer", "refused and wanted name only what the request carries or needs",
         "What an agent did not send now it cannot look up."), _of_200(_subjects)),
    (Row("answer-reasons", "Answer", "A refusal has a reason, printable and on one line",
         "Without one nobody knows what to mend."), _reasons),
    (Row("answer-more", "Growth", "Seven elements only for an agent whose Accept says more=1",
         "Agents of 0.1.0 take seven for an impossible answer and deliver nothing."), _of_200(_more)),
]  # fmt: skip
