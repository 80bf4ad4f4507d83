"""What was read of agents and schemas, kept until it may be otherwise."""

from collections.abc import Collection, Iterable

from collector.account import Accounts
from collector.latest import Latest
from collector.sink import Change, Range, Sink, Stream

SCHEMAS = 2**16  # of which it is known that they are here: 100 bytes each


class Known:
    """Of what a sink holds. Who writes says so; what belongs to an agent is to be read again after a write of
    it that failed, and after another process wrote of it.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.accounts = Accounts(sink.accounted)
        self._epochs: dict[str, list[bytes]] = {}
        self._boots: dict[Stream, dict[bytes, Range]] = {}
        self._schemas: Latest[bytes, None] = Latest(SCHEMAS)  # that are here

    def epochs(self, agent: str) -> list[bytes]:
        """The epochs of an agent, in its order."""
        if agent not in self._epochs:
            self._epochs[agent] = self._sink.epochs(agent)
        return self._epochs[agent]

    def boots(self, stream: Stream) -> dict[bytes, Range]:
        """The span of sequences of every boot of a stream."""
        if stream not in self._boots:
            self._boots[stream] = self._sink.boots(stream)
        return self._boots[stream]

    def lacks(self, hashes: Iterable[bytes]) -> list[bytes]:
        """Those schemas that are not here."""
        lacking = []
        for digest in hashes:
            if digest in self._schemas:
                continue
            if self._sink.schema(digest) is None:
                lacking.append(digest)
            else:
                self._schemas[digest] = None
        return lacking

    def wrote(self, *changes: Change) -> None:
        """Take in what is held now. Accounts are ahead of that already."""
        for change in changes:
            agent, epoch = change.stream
            if change.epochs or epoch not in self._epochs.get(agent, ()):
                self._epochs.pop(agent, None)
            if change.boots and change.stream in self._boots:
                self._boots[change.stream] = {**self._boots[change.stream], **change.boots}

    def forget(self, agents: Collection[str]) -> None:
        """Forget what was read of some agents, and which schemas are here: it may be another database now."""
        self.accounts.forget(agents)
        self._epochs = {agent: one for agent, one in self._epochs.items() if agent not in agents}
        self._boots = {stream: one for stream, one in self._boots.items() if stream[0] not in agents}
        self._schemas.clear()
