"""One collector process: listen, say so, drain on SIGTERM."""

import asyncio
import errno
import logging
import signal
import ssl
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aiohttp import web

from agent.wire.hosts import authority, host_and_port, host_problem, is_loopback
from agent.wire.listening import listen as take
from agent.wire.listening import room
from collector import keeping
from collector.announce import announce, possible
from collector.app import Receiver
from collector.archive import ArchiveError
from collector.deadman import DeadMan
from collector.figuring.parent import Figuring
from collector.handshake import Handshake
from collector.intake import Intake
from collector.notes import AUDIT, NotesError
from collector.pruning import Pruner, prune
from collector.questions.http import QueryApi
from collector.questions.openapi import PATH
from collector.runner import Runner
from collector.sink import SinkError
from collector.sinks import ChosenSink

log = logging.getLogger(__name__)

CONNECTIONS = 8192  # at once; one costs some 20 KB
DRAIN_S = 1.0  # of the 2 s that a stop may take


class ServeError(Exception):
    """The collector cannot start; one line says why and what to do."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of the collector's certificate, its key, and the authority that signs agents."""

    cert: Path
    key: Path
    client_ca: Path | None = None

    def context(self) -> ssl.SSLContext:
        """The server side; with a client authority, an agent without a certificate is not let in."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.sslobject_class = Handshake
        try:
            context.load_cert_chain(self.cert, self.key)
            if self.client_ca:
                context.load_verify_locations(self.client_ca)
                context.verify_mode = ssl.CERT_REQUIRED
        except (OSError, ssl.SSLError) as error:
            files = ", ".join(str(path) for path in (self.cert, self.key, self.client_ca) if path)
            raise ServeError(f"the TLS files cannot be used ({files}): {error}") from error
        return context


def parse_listen(listen: str, tls: Tls | None) -> tuple[str, int]:
    """`HOST:PORT`; whatever others can reach needs TLS with client certificates."""
    host, port = _place("--listen", listen, "127.0.0.1:8440")
    if not (tls and tls.client_ca) and not is_loopback(host):
        raise ServeError(
            f"--listen {listen}: {host} can be reached from elsewhere, and there agents are known by their "
            "certificates: give --tls-cert, --tls-key and --client-ca, or listen on 127.0.0.1"
        )
    return host, port


def parse_api(listen: str) -> tuple[str, int]:
    """`HOST:PORT` of what answers questions: it knows nobody, and so is for this machine alone."""
    host, port = _place("--api", listen, "127.0.0.1:8441")
    if not is_loopback(host):
        raise ServeError(
            f"--api {listen}: {host} can be reached from elsewhere, and whoever reaches it may ask: "
            "listen on 127.0.0.1, behind a proxy that asks for a login"
        )
    return host, port


def _place(option: str, listen: str, example: str) -> tuple[str, int]:
    found = host_and_port(listen)
    if not found:
        raise ServeError(f"{option} {listen}: expected HOST:PORT, such as {example}")
    if problem := host_problem(found[0]):
        raise ServeError(f"{option} {listen}: the host {problem}")
    return found


async def serve(
    chosen: ChosenSink,
    listen: str,
    tls: Tls | None,
    silent_after_s: float,
    announced: str = "",
    api: str = "",
) -> None:
    """Receive until SIGTERM or SIGINT; what was accepted by then is committed and acknowledged.

    announced: the name in this collector's certificate, which is said in the local network; "": nothing is.
    api: where questions are answered; "": nowhere.
    """
    if announced and not possible():
        raise ServeError("--announce needs a library that is not installed: pip install zeroconf")
    host, port = parse_listen(listen, tls)
    asked_at = parse_api(api) if api else None
    context = tls.context() if tls else None
    try:
        sink = await asyncio.to_thread(chosen.kind.open, chosen.place)
        intake = await asyncio.to_thread(Intake, sink, time.time_ns)
    except SinkError as error:
        raise ServeError(str(error)) from error
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    archive = partial(chosen.kind.read, chosen.place, log.warning)
    receiver = Receiver(
        intake,
        archive=archive,
        dead_man=DeadMan(silent_after_s),
        audited=lambda: chosen.kind.notes(chosen.place).read(AUDIT),
    )
    runner = Runner(
        receiver.app(), access_log=None, shutdown_timeout=DRAIN_S, auto_decompress=False, handle_signals=False
    )
    questions = web.AppRunner(QueryApi(archive).app(), access_log=None, handle_signals=False)
    figuring = Figuring(chosen.text, sink, receiver.on_thread)
    receiver.figures_behind_s = figuring.behind_s
    pruner = Pruner(intake, chosen.kind.notes(chosen.place), time.time_ns)
    tasks = [
        asyncio.create_task(receiver.watch()),
        asyncio.create_task(prune(pruner, receiver.on_thread)),
        asyncio.create_task(figuring.run()),
    ]
    try:
        await runner.setup()
        await _listen("--listen", runner, host, port, context)
        if asked_at:
            await questions.setup()
            await _listen("--api", questions, *asked_at, beside=runner)
        if announced:
            url = _url(runner, announced if tls else host, tls)
            tasks.append(asyncio.create_task(announce(announced, host, url)))
        for line in await asyncio.to_thread(_kept, chosen):
            log.info("%s", line)
        if asked_at:
            log.info("questions are answered at %s%s", _url(questions, asked_at[0], None), PATH)
        print(f"listening on {_url(runner, host, tls)}", flush=True)
        await stop.wait()
        log.info("stopping: no new connections, %d requests under way", receiver.under_way.total())
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await questions.cleanup()
        await runner.cleanup()
        await asyncio.wrap_future(receiver.thread.submit(intake.close))
        receiver.thread.shutdown(wait=True)


async def _listen(
    option: str,
    runner: web.AppRunner,
    host: str,
    port: int,
    context: ssl.SSLContext | None = None,
    beside: web.AppRunner | None = None,
) -> None:
    """Take a place. beside: what listens by `--listen` already."""
    try:
        for listener in await take(host, port, room(CONNECTIONS)):
            await web.SockSite(runner, listener, ssl_context=context).start()
    except OSError as error:
        if beside and error.errno == errno.EADDRINUSE and port in _ports(beside):
            raise ServeError(
                f"{option} {authority(host, port)}: --listen has this port; give {option} another one"
            ) from error
        raise ServeError(
            f"{option} {authority(host, port)}: {error.strerror}; stop that process or choose another port"
        ) from error


def _kept(chosen: ChosenSink) -> list[str]:
    """What is kept how long, and what is deleted next."""
    notes = chosen.kind.notes(chosen.place)
    try:
        kept = keeping.read(notes)
        if not kept.days:
            return ["everything is kept for ever; `cellwarden-collector init` proposes how long"]
        archive = chosen.kind.read(chosen.place, log.warning)
        try:
            return list(keeping.lines(keeping.plain(archive, kept, notes)))
        finally:
            archive.close()
    except (NotesError, ValueError, ArchiveError) as error:
        return [f"nothing is deleted: {error}"]


def _url(runner: web.AppRunner, host: str, tls: Tls | None) -> str:
    port = _ports(runner)[0]
    return f"{'https' if tls else 'http'}://{authority(host, port)}"


def _ports(runner: web.AppRunner) -> list[int]:
    return [address[1] for address in runner.addresses]
