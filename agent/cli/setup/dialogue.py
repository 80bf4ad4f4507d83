"""The dialogue of setup: six steps, from a cable to a configuration; each can be gone back to."""

import shlex
import time
from collections.abc import Callable
from pathlib import Path

import click

from agent.cli.common.codes import Trouble
from agent.cli.common.open_port import endpoints
from agent.cli.common.prompts import BACK, Back, Prompts
from agent.cli.common.usual import CONFIG
from agent.cli.scan.remembered import Scanned, named, recent
from agent.cli.setup.before import socket_of, usable
from agent.cli.setup.draft import Draft
from agent.cli.setup.find import Looking, choose, free_devices, no_profile_fits
from agent.cli.setup.label import label
from agent.cli.setup.said import Said
from agent.cli.setup.sign import sign
from agent.cli.setup.site import site_of, upstream_of
from agent.cli.setup.steps import LAST, begin
from agent.cli.setup.trial import Tested, try_out
from agent.cli.setup.write import write
from agent.message import Message
from agent.view.language import tell, tr
from collector.failing import Coded

ANEW, GO_BACK = "--fresh begins anew", "{key} goes back a step"
#: Where one goes back to: the third step asks nothing.
BEFORE = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 5}


class Dialogue:
    """The six steps in their order, and what is known between them."""

    def __init__(self, path: Path, said: Said) -> None:
        self.path, self.said = path, said
        self.prompts = Prompts(said.yes, steps=True)
        self.kept = path.with_name(path.name + ".setup")
        self.draft = Draft() if said.fresh else Draft.resume(self.kept)
        self.tested: list[Tested] = []
        self._scans_since_s = time.time() if said.fresh else 0.0
        self._steps: dict[int, Callable[[], None]] = {
            1: self._where, 2: self._which, 3: self._test, 4: self._label, 5: self._site, 6: self._write,
        }  # fmt: skip

    def run(self, by: str) -> None:
        """Go through the steps that are open. Raises Trouble, and Exit where nothing is to be written."""
        where = [self._absolute(text) for text in self.said.where]
        if where and where != self.draft.endpoints:
            self.draft = Draft(endpoints=where)
        elif not where and self.draft.step > 1:
            stopped = tell("An earlier run was stopped; it goes on at step {step}", step=self.draft.step)
            ways = [tr(ANEW)] if self.said.yes else [tell(GO_BACK, key=BACK), tr(ANEW)]
            click.echo(f"{stopped} ({', '.join(ways)}).")
        elif not self.said.yes:
            ways = [tr("Enter takes what stands in brackets"), tell(GO_BACK, key=BACK), tr("Ctrl-C is safe")]
            click.echo(f"{'; '.join(ways)}.")
        if self.draft.endpoints:
            begin(1, ", ".join(self.draft.endpoints))
        step = self.draft.step
        while step <= LAST:
            try:
                if step > 3 and not self.tested:  # of an earlier run: they are read again
                    self._test()
                self._steps[step]()
                step += 1
            except Back:
                step = self._back(step)
            except Coded as error:
                step = self._after(error, step)
            self._save()
        sign(self.path, self.draft, self.tested, by)
        self.kept.unlink(missing_ok=True)

    def _absolute(self, text: str) -> str:
        """Return a place as it is found from any folder. Raises Trouble."""
        places = endpoints((text,), 502)
        return named(places[0]) if len(places) == 1 else text

    def _back(self, step: int) -> int:
        self.draft.reopen(BEFORE[step])
        if BEFORE[step] <= 3:
            self.tested = []
        return BEFORE[step]

    def _after(self, error: Coded, step: int) -> int:
        """Say what went wrong, and go on as the person wants; with nobody to ask, raise it."""
        if self.said.yes:
            raise self._with_a_way_out(error)
        error.show()
        if step == 3 or not self.tested:
            self._scans_since_s = time.time()  # what a scan saw is not so now
        try:
            again, stop = tr("Enter tries this again"), tr("Ctrl-C stops: setup then goes on here")
            self.prompts.ask(f"    {again}; {tell(GO_BACK, key=BACK)}; {stop} ({tr(ANEW)})", "")
        except Back:
            return self._back(step)
        return step

    def _with_a_way_out(self, error: Coded) -> Coded:
        """Name what forgets the answers so far, where there are any."""
        if isinstance(error, Trouble) and self.kept.exists():
            config = "" if self.path == CONFIG else f" --config {shlex.quote(str(self.path))}"
            forget = f"cellwarden setup{config} --fresh"
            error.run = Message("{run}   ({forget} forgets the answers so far)", run=error.run, forget=forget)
        return error

    def _save(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.draft.save(self.kept)
        except OSError as error:
            seen = Message(
                "{file}: cannot be written: {why}. Nothing was changed.", file=self.kept, why=error.strerror
            )
            raise Trouble("CW-602", seen, "sudo cellwarden setup") from error

    def _where(self) -> None:
        draft = self.draft
        again = draft.proposed.get("where")
        if not again and (scanned := [scan.endpoint for scan in self._scans()]):
            draft.endpoints = scanned
            begin(1, tell("where a scan has just found units: {places}", places=", ".join(scanned)))
            return
        free = free_devices()
        if self.said.yes and not free:
            seen = Message("No serial device is free, and no --endpoint was said.")
            raise Trouble("CW-310", seen, "cellwarden setup --help")
        proposed = again or (free[0] if free else None)
        answer = self.prompts.ask(f"    {tr('Serial devices or hosts, apart by spaces')}", proposed)
        draft.endpoints = [self._absolute(text) for text in answer.split()]

    def _scans(self) -> list[Scanned]:
        ids = self.said.ids
        found = (scan for scan in recent() if scan.at_s >= self._scans_since_s)
        return [scan for scan in found if scan.ids is None or (ids and set(ids) <= set(scan.ids))]

    def _which(self) -> None:
        begin(2)
        said = self.said
        looking = Looking(said.line_texts, said.ids, said.folders, self._scans(), socket_of(self.path))
        seen = [unit for place in self.draft.endpoints for unit in looking.at(place)]
        self.draft.units = choose(self.prompts, seen)
        if not self.draft.units:
            raise no_profile_fits(self.draft.endpoints[0])

    def _test(self) -> None:
        socket = socket_of(self.path)
        self.tested = [try_out(unit, socket, self.said.folders) for unit in self.draft.units]
        self.draft.tested = True

    def _label(self) -> None:
        label(self.prompts, self.draft, self.tested, self.said, self._save)

    def _site(self) -> None:
        begin(5)
        before = usable(self.path)
        self.draft.agent = self.said.agent_id or ""
        self.draft.site = site_of(self.prompts, self.draft, before, self.said.site)
        self.draft.upstream = upstream_of(self.prompts, self.draft, before, self.said.upstream)

    def _write(self) -> None:
        write(
            self.prompts,
            self.path,
            self.draft,
            self.tested,
            usable(self.path),
            allow_late=self.said.allow_late,
        )
