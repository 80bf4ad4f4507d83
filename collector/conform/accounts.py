"""What is accounted for: orders, holes, duplicates, conflicts, gaps, withheld ranges, many agents. Pure."""

from collections.abc import Callable

from agent.wire.packing import pack
from collector.conform.row import Check, Course, Post, Row, Run, Wrong
from collector.conform.sender import MORE, Sender, acknowledged, conflict


def _first(run: Run) -> Course[None]:
    ack = yield from Sender(run).tell()
    if ack.need_schema:
        raise Wrong("schemas are wanted that nothing needs")


def _order(run: Run) -> Course[None]:
    sender = Sender(run)
    for sequences in ((3, 1, 2), (7, 6), (5, 4)):
        yield from sender.tell([(s, sender.frames(s)) for s in sequences])


def _holes(run: Run) -> Course[None]:
    sender = Sender(run)
    for sequences in ((1,), (3, 6, 10), (4,), (2, 5), (7, 9), (8,)):
        yield from sender.tell([(s, sender.events(s)) for s in sequences])


def _hundred_holes(run: Run) -> Course[None]:
    sender = Sender(run)
    yield from sender.tell([(s, sender.events(s)) for s in range(2, 202, 2)])
    yield from sender.tell()


def _many_holes(run: Run) -> Course[None]:
    sender = Sender(run)
    for begin in (601, 1):  # the later ones first, as with alarms that run ahead
        yield from sender.tell([(s, sender.events(s)) for s in range(begin + 1, begin + 501, 2)])
    yield from sender.tell([(300, sender.events(300)), (5, sender.events(5))])


def _highest(run: Run) -> Course[None]:
    sender = Sender(run)
    yield from sender.tell([(2**40, sender.frames(2**40)), (1, sender.frames(1))])


def _again(run: Run) -> Course[None]:
    sender = Sender(run)
    batches = [(s, sender.frames(s)) for s in (1, 2, 4)]
    yield from sender.tell(batches)
    yield from sender.tell(batches)
    yield from sender.tell([*batches[:2], (3, sender.frames(3))])


def _twice_within(run: Run) -> Course[None]:
    sender = Sender(run)
    one, two = (1, sender.frames(1)), (2, sender.frames(2))
    yield from sender.tell([one, one, two, one])


def _clone(run: Run) -> Course[None]:
    sender = Sender(run)
    yield from sender.tell([(1, sender.frames(1)), (2, sender.frames(2))])
    (reply,) = yield [sender.post([(2, sender.frames(2, n=2))])]
    conflict(reply)


def _kept(run: Run) -> Course[None]:
    sender = Sender(run)
    mine = [(1, sender.frames(1))]
    yield from sender.tell(mine)
    yield [sender.post([(1, sender.frames(1, n=2))])]
    yield from sender.tell(mine)
    (reply,) = yield [sender.post([(1, sender.frames(1, n=2))])]
    conflict(reply)


def _beside_conflict(run: Run) -> Course[None]:
    sender = Sender(run)
    yield from sender.tell([(1, sender.frames(1))])
    others = [(2, sender.frames(2)), (3, sender.frames(3))]
    (reply,) = yield [sender.post([others[0], (1, sender.frames(1, n=2)), others[1]])]
    conflict(reply)
    (reply,) = yield [sender.post()]
    sender.heard(reply, [2, 3])


def _conflict_within(run: Run) -> Course[None]:
    sender = Sender(run)
    mine = (1, sender.frames(1))
    (reply,) = yield [sender.post([mine, (1, sender.frames(1, n=2))])]
    conflict(reply)
    yield from sender.tell([mine])


def _together(run: Run) -> Course[None]:
    sender = Sender(run)
    posts = [sender.post([(s, sender.frames(s)), (5, sender.frames(5))]) for s in (1, 2, 3, 4)]
    replies = yield posts
    for reply in replies:
        if (ack := acknowledged(reply)).durable_through != 5:
            raise Wrong(f"durable_through is {ack.durable_through}, expected 5")
    (reply,) = yield [sender.post()]
    sender.heard(reply, [1, 2, 3, 4, 5])


def _epochs(run: Run) -> Course[None]:
    old = Sender(run)
    new = Sender(run, old.agent)
    yield from old.tell([(s, old.frames(s)) for s in (1, 2, 4)])
    yield from new.tell([(1, new.frames(1))])
    yield from old.tell()
    yield from new.tell([(2, new.frames(2))])
    yield from old.tell([(3, old.frames(3))])


def _agents(run: Run) -> Course[None]:
    one = Sender(run)
    other = Sender(run, epoch=one.epoch)
    yield from one.tell([(1, one.frames(1)), (2, one.frames(2))])
    yield from other.tell()
    yield from other.tell([(2, other.frames(2, n=2))])
    yield from one.tell()


def _at_once(run: Run) -> Course[None]:
    senders = [Sender(run), Sender(run)]
    senders += [Sender(run, sender.agent) for sender in senders]
    for sequences in ((1, 3), (2, 6), (5,)):
        replies = yield [sender.post([(s, sender.frames(s)) for s in sequences]) for sender in senders]
        for sender, reply in zip(senders, replies, strict=True):
            sender.heard(reply, sequences)


def _gap(run: Run) -> Course[None]:
    sender = Sender(run)
    yield from sender.tell([(1, sender.frames(1)), (8, sender.frames(8))])
    gap = {"kind": "gap", "ranges": [[2, 3], [5, 6]], "reason": "conform"}
    yield from sender.tell([(9, sender.events(9, gap))], dropped=[(2, 3), (5, 6)])


def _gap_of_stored(run: Run) -> Course[None]:
    sender = Sender(run)
    mine = [(s, sender.frames(s)) for s in (1, 2)]
    yield from sender.tell(mine)
    gap = {"kind": "gap", "ranges": [[1, 3]], "reason": "conform"}
    yield from sender.tell([(5, sender.events(5, gap))], dropped=[(1, 3)])
    yield from sender.tell(mine)
    (reply,) = yield [sender.post([(2, sender.frames(2, n=2))])]
    conflict(reply)


def _gap_undone(run: Run) -> Course[None]:
    sender = Sender(run)
    gap = {"kind": "gap", "ranges": [[1, 2]], "reason": "conform"}
    yield from sender.tell([(3, sender.events(3, gap))], dropped=[(1, 2)])
    yield from sender.tell([(2, sender.frames(2))])
    (reply,) = yield [sender.post([(2, sender.frames(2, n=2))])]
    conflict(reply)


def _gap_of_ended(run: Run, ranges: list[list[int]] | None) -> Course[None]:
    old = Sender(run)
    new = Sender(run, old.agent)
    yield from old.tell([(s, old.frames(s)) for s in (1, 3, 7)])
    gap = {"kind": "gap", "epoch": old.epoch, "reason": "conform"}
    if ranges is not None:
        gap["ranges"] = ranges
    yield from new.tell([(1, new.events(1, gap))])
    for first, last in ranges or [[2, 2], [4, 6]]:
        old.account.add(first, last)
    old.most = max(old.most, old.account.highest)
    yield from old.tell()


def _gap_of_refused(run: Run) -> Course[None]:
    sender = Sender(run)
    yield from sender.tell([(1, sender.frames(1)), (2, b"no frame"), (3, sender.frames(3))], refused=[2])
    yield from sender.tell()
    gap = {"kind": "gap", "ranges": [[2, 2]], "reason": "refused"}
    yield from sender.tell([(4, sender.events(4, gap))], dropped=[(2, 2)])


def _refused_stored(run: Run) -> Course[None]:
    sender = Sender(run)
    mine = [(1, sender.frames(1))]
    yield from sender.tell(mine)
    yield from sender.tell([(1, b"no frame")], refused=[1])
    yield from sender.tell(mine)


def _withheld(run: Run) -> Course[None]:
    sender = Sender(run)
    yield from sender.tell([(1, sender.frames(1))], withheld=[(2, 4)])
    yield from sender.tell([(6, sender.frames(6))], withheld=[(2, 4), (8, 9)])


def _withheld_stays(run: Run) -> Course[None]:
    sender = Sender(run)
    yield from sender.tell([(1, sender.frames(1)), (5, sender.frames(5))], withheld=[(2, 3)])
    yield from sender.tell([(6, sender.frames(6))], withheld=[])
    yield from sender.tell()


def _withheld_alone(run: Run) -> Course[None]:
    sender = Sender(run)
    yield from sender.tell(withheld=[(3, 5)])
    yield from sender.tell(withheld=[(9, 9)])


def _withheld_came(run: Run) -> Course[None]:
    sender = Sender(run)
    yield from sender.tell([(1, sender.frames(1))], withheld=[(2, 4)])
    yield from sender.tell([(3, sender.frames(3))], withheld=[(2, 4)])
    (reply,) = yield [sender.post([(3, sender.frames(3, n=2))])]
    conflict(reply)


def _empty_map(run: Run) -> Course[None]:
    sender = Sender(run)
    yield from sender.tell([(1, sender.frames(1))], withheld=[])


def _unknown_key(run: Run) -> Course[None]:
    sender = Sender(run)
    later = {
        "of_later": [1, {"a": None, "b": [2.5, b"x", "zz"]}],
        "withheld": [[2, 2]],
        "more_of_later": True,
    }
    body = pack([1, sender.agent, sender.epoch, [[1, sender.frames(1)]], [], later])
    body = body.replace(b"\xa2zz", b"\xa2\xff\xfe")  # no UTF-8, in what nobody looks at
    sender.most = 2
    (reply,) = yield [Post(body, sender.epoch, frozenset([1]), frozenset([sender.schema]), most=2)]
    sender.heard(reply, [1, 2])


def _accept(run: Run) -> Course[None]:
    sender = Sender(run)
    for accept, more in ((f"text/html, {MORE['Accept']};q=1, */*", True), ("*/*", False), ("", False)):
        headers = {"Accept": accept} if accept else {}
        (reply,) = yield [Post(sender.post().body, sender.epoch, headers=headers)]
        if acknowledged(reply).more is not more:
            raise Wrong(f"{'six' if more else 'seven'} elements to Accept: {accept}")


def _check(
    id: str, section: str, asked: str, why: str, course: Callable[[Run], Course[None]], needs: str = ""
) -> Check:
    return Check(Row(id, section, asked, why, needs), course)


_LOST = "An agent drops what is acknowledged: what is claimed and not held is lost."
_AGAIN = "An answer is lost as easily as a request, so whatever was stored comes again."

CHECKS = [
    _check("empty-first", "Request", "The empty first request of an unknown epoch: 200 and durable_through 0",
           "By it an agent learns what of its epoch is held.", _first),
    _check("any-order", "Request", "Sequences 3, 1, 2, then 7, 6, then 5, 4",
           "Alarms overtake everything else.", _order),
    _check("two-epochs", "Request", "Two epochs of one agent, in turns: each has its own account",
           "A new database is a new epoch, and the old one is still to be accounted for.", _epochs),
    _check("two-agents", "Request", "Two agents with one epoch and sequence: each has its own account",
           "(agent, epoch, sequence) names a batch, and no part of it alone does.", _agents, "names"),
    _check("at-once", "Request", "Two agents with two epochs each, at once",
           "Many agents share a collector.", _at_once),
    _check("one-at-once", "Request", "Four requests of one epoch at once, with one batch in all of them",
           "After a time-out the request before may still be under way.", _together),
    _check("again", "Request", "Batches again, with the same bytes: acknowledged, and nothing else", _AGAIN,
           _again),
    _check("twice-within", "Request", "One batch three times in a request: acknowledged", _AGAIN,
           _twice_within),
    _check("holes", "Answer", "Holes that come, grow and are filled: missing names each of them",
           _LOST, _holes),
    _check("hundred-holes", "Answer", "A hundred holes are named exactly",
           "Fewer than 128 ranges are exact; agents look nothing up.", _hundred_holes),
    _check("many-holes", "Answer",
           "Five hundred holes: ranges may be wider, but not around what this request brought",
           "Else the alarms of a backlog would be sent again and again.", _many_holes),
    _check("highest", "Limits", "Sequence 2^40 is taken, and all below it is one hole",
           "It is the bound of the page.", _highest),
    _check("refused-gap", "Answer", "A refused batch is missing until a gap accounts for it",
           "It was sealed, and is not there.", _gap_of_refused),
    _check("refused-stored", "Answer", "A damaged batch with the name of a stored one: refused, no conflict",
           "It is no second database, and the stored one stays.", _refused_stored),
    _check("conflict", "Other statuses", "A batch with the name of a stored one and other bytes: 409",
           "Two copies of one database are at work; only a person can tell them apart.", _clone),
    _check("conflict-keeps", "Other statuses",
           "After a 409 the first bytes are still held, and the others again a 409",
           "What was acknowledged first may be nowhere else any more.", _kept),
    _check("conflict-beside", "Other statuses", "The other batches of a request with a 409 are stored",
           "A clone must not keep alarms out.", _beside_conflict),
    _check("conflict-within", "Request",
           "Two batches of one name and other bytes in one request: 409, the first stays",
           "It is a conflict wherever the other one stands.", _conflict_within),
    _check("gap", "Events", "A gap accounts for its ranges, and only for them",
           "What was dropped never comes, and is not to be waited for.", _gap),
    _check("gap-of-stored", "Answer", "A gap that names what is stored changes nothing",
           "The first that is so counts: stored, else withheld, else dropped.", _gap_of_stored),
    _check("gap-undone", "Answer", "A batch that comes although a gap named it is stored",
           "It may have been under way.", _gap_undone),
    _check("gap-ended", "Events", "A gap with another epoch accounts for ranges of that one",
           "The database of the old epoch is gone; the agent tells it in the new one.",
           lambda run: _gap_of_ended(run, [[2, 2], [4, 6], [8, 11]])),
    _check("gap-ended-whole", "Events",
           "A gap with another epoch and no ranges: all that has not come of it by now",
           "Nobody knows any more how far it had come.", lambda run: _gap_of_ended(run, None)),
    _check("withheld", "Growth", "Withheld ranges are never missing, and count up to durable_through",
           "They go to another upstream, and would be healed for ever.", _withheld, "more"),
    _check("withheld-alone", "Growth", "Withheld ranges in a request without batches",
           "They may be told in every request.",
           _withheld_alone, "more"),
    _check("withheld-stays", "Growth",
           "Withheld ranges that are not told again, in requests of six and of five elements",
           "What was told once stays told.", _withheld_stays, "more"),
    _check("withheld-came", "Growth", "A withheld batch that comes is stored as any other",
           "Another choice of the site may send it after all.", _withheld_came, "more"),
    _check("six-empty", "Growth", "A request of six elements with an empty map",
           "An agent that could say something and has nothing to say.", _empty_map, "more"),
    _check("six-later", "Growth", "A request whose map has keys of a later version",
           "An agent may be newer than its collector by years.", _unknown_key, "more"),
    _check("accept", "Growth", "Seven elements where Accept has more=1 among other types; six without it",
           "The agent's header is all that says which it takes.", _accept, "more"),
]  # fmt: skip
