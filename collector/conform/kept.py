"""What must still be so after a restart of the collector. Pure."""

from collector.conform.row import RESTART, Check, Course, Row, Run, Wrong
from collector.conform.sender import Sender, conflict


def _held(run: Run) -> Course[None]:
    sender = Sender(run)
    yield from sender.tell([(s, sender.frames(s)) for s in (1, 2, 5)])
    yield RESTART
    yield from sender.tell()


def _bytes(run: Run) -> Course[None]:
    sender = Sender(run)
    mine = [(1, sender.frames(1))]
    yield from sender.tell(mine)
    yield RESTART
    yield from sender.tell(mine)
    (reply,) = yield [sender.post([(1, sender.frames(1, n=2))])]
    conflict(reply)


def _beside(run: Run) -> Course[None]:
    sender = Sender(run)
    yield from sender.tell([(1, sender.frames(1))])
    yield [sender.post([(1, sender.frames(1, n=2)), (2, sender.frames(2))])]
    yield RESTART
    (reply,) = yield [sender.post()]
    sender.heard(reply, [2])


def _gaps(run: Run) -> Course[None]:
    old = Sender(run)
    new = Sender(run, old.agent)
    yield from old.tell([(1, old.frames(1)), (4, old.frames(4))])
    ended = {"kind": "gap", "epoch": old.epoch, "ranges": [[2, 2]], "reason": "conform"}
    own = {"kind": "gap", "ranges": [[1, 2]], "reason": "conform"}
    yield from new.tell([(5, new.events(5, own, ended))], dropped=[(1, 2)])
    yield RESTART
    yield from new.tell()
    old.account.add(2)
    yield from old.tell()


def _withheld(run: Run) -> Course[None]:
    sender = Sender(run)
    yield from sender.tell([(1, sender.frames(1)), (6, sender.frames(6))], withheld=[(2, 4), (8, 9)])
    yield RESTART
    yield from sender.tell()


def _schema(run: Run) -> Course[None]:
    sender = Sender(run)
    yield from sender.tell([(1, sender.frames(1))], schemas=[(sender.schema, sender.schema_body)])
    yield RESTART
    ack = yield from sender.tell([(2, sender.frames(2))])
    if ack.need_schema:
        raise Wrong("the schema is wanted again")


_WHY = "An acknowledgement is a promise: the agent may drop what it has been given."

CHECKS = [
    Check(Row("kept", "Answer", "Batches that were acknowledged, after a restart", _WHY, "restart"), _held),
    Check(Row("kept-bytes", "Answer", "After a restart the same bytes are held, and others a 409", _WHY,
              "restart"),
          _bytes),
    Check(Row("kept-beside", "Other statuses", "What came beside a 409, after a restart",
              "Stored is stored, acknowledged or not.", "restart"), _beside),
    Check(Row("kept-gaps", "Answer", "What gaps of both kinds account for, after a restart", _WHY,
              "restart"), _gaps),
    Check(Row("kept-schema", "Answer", "A schema that came, after a restart",
              "Agents send one only when it is wanted.",
              "restart"), _schema),
    Check(Row("kept-withheld", "Growth", "Withheld ranges, after a restart", "What was told once stays told.",
              "restart more"), _withheld),
]  # fmt: skip
