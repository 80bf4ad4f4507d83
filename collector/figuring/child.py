"""The process that makes figures beside a collector: it reads the archive by a connection of its own.

On standard input it is told (one JSON line) which archive, and then, by a line each, whether a piece was
kept; the end of that input is its own end. On standard output it says `Said`, pickled, each after its length.
"""

import json
import logging
import os
import pickle
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import BinaryIO

from collector.archive import ArchiveError
from collector.figures.figures import MINUTE_S
from collector.figures.job import FigureJob, FigureTrouble
from collector.figures.work import FigureSource, Work
from collector.figuring.said import KEPT, LENGTH_BYTES, Said
from collector.sink import Sink, SinkError
from collector.sinks import parse
from collector.told import OneLine

log = logging.getLogger(__name__)

IDLE_S = 5.0
SHARE = 3  # a piece is written, and three times as long others may
NICENESS = 10


class Parent:
    """The collector that started this process."""

    def __init__(self, heard: BinaryIO, said: BinaryIO, source: FigureSource) -> None:
        self._heard, self._said, self._source = heard, said, source
        self.busy_s = 0.0  # with the last piece

    def write(self, work: Work) -> None:
        """Let a piece be kept. Raises FigureTrouble."""
        start_s = time.monotonic()
        self._say(work)
        if self._heard.readline() != KEPT:
            raise FigureTrouble("the collector could not keep figures")
        self.busy_s = time.monotonic() - start_s

    def rest(self) -> None:
        """Say that there is nothing to do."""
        self._say(None)

    def gone(self, wait_s: float) -> bool:
        """Wait so long; return whether the collector ended."""
        return bool(select.select([self._heard], [], [], wait_s)[0])

    def _say(self, work: Work | None) -> None:
        oldest = self._source.due(MINUTE_S, range(0), 1)
        body = pickle.dumps(Said(work, oldest[0].since_ns if oldest else None))
        self._said.write(len(body).to_bytes(LENGTH_BYTES) + body)
        self._said.flush()


def main() -> None:
    """Make figures until the collector ends."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the collector that is told to stop ends this one
    os.nice(NICENESS)
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine("%(levelname)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    told = json.loads(sys.stdin.buffer.readline())
    chosen = parse(told["sink"])
    settle_s = {int(span_s): seconds for span_s, seconds in told["settle_s"].items()}
    archive = chosen.kind.read(chosen.place, log.warning)
    parent = Parent(sys.stdin.buffer, sys.stdout.buffer, archive)
    own = None if chosen.kind.one_writer else chosen.kind.open(chosen.place)
    job = FigureJob(archive, _writing(own) if own else parent.write, time.time_ns)
    wait_s = 0.0
    while not parent.gone(wait_s):
        worked = (own is None or own.makes_figures()) and job.run(settle_s)
        if not worked:
            parent.rest()
        wait_s = SHARE * parent.busy_s if worked else IDLE_S


def _writing(sink: Sink) -> Callable[[Work], None]:
    return lambda work: sink.write_figures(work, time.time_ns())


if __name__ == "__main__":
    try:
        main()
    except (ArchiveError, SinkError, FigureTrouble) as error:
        log.error("no figures are made: %s", error)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)  # the collector ended
