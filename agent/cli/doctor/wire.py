"""From the cable to the values: port, permission, answers, line errors, identity, cells, deadline."""

import grp
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from agent.cli.check import late_of
from agent.cli.common.came_said import instead, next_command, sentence
from agent.cli.doctor import line_faults
from agent.cli.doctor.results import Result, good, note, problem, unknown
from agent.cli.doctor.site import Site
from agent.cli.limits import limits_of, review_of
from agent.config.tables import UnitTable
from agent.detect.knowledge import SEEN
from agent.message import Message, joined, message
from agent.modbus.came import NOTHING, OF_TCP, Came, Kind
from agent.modbus.lately import Late
from agent.modbus.overheard import ANOTHER_MASTER
from agent.modbus.serial_devices import console_of
from agent.modbus.survey.presence import FIRST_READ
from agent.net.holding import in_words
from agent.transport.rtu import PTYS
from agent.transport.table import AnyBus
from agent.view.language import length
from agent.wire import holder

NO_PERMISSION = "no permission"  # in what agent.modbus.serial_line says
ONLY_ROOT = Message("each is there; who else has one open, root can see")
OTHER_KIND = Message("the wrong profile"), Message("another unit")
FEW_GOOD = 0.9  # of a unit's values


def config(site: Site) -> Iterator[Result]:
    """The configuration and its profiles can be used."""
    if site.config is None:
        for line in site.trouble.splitlines()[:5]:
            yield problem("CW-301", line, f"cellwarden check --config {site.path}")
        return
    counts = {"units": len(site.config.unit), "buses": len(site.config.bus)}
    yield good(Message("{units} units on {buses} buses", **counts))


def port(site: Site) -> Iterator[Result]:
    """Every bus's device or endpoint is there, and free or held by the agent."""
    assert site.config is not None
    for bus in site.config.bus:
        if device := bus.endpoint.device:
            if not os.path.exists(device):
                run = f"ls -l /dev/serial/by-id; cellwarden scan {device}"
                site.out[bus.name] = "port"
                likely = Message("adapter unplugged"), Message("renamed")
                gone = problem("CW-101", Message("{device} is not there", device=device), run, *likely)
                yield gone.at(f"bus {bus.name}", device)
                continue
            if console_of(device):
                site.out[bus.name] = "port"
                console = Message("{device} is this machine's console", device=device)
                yield problem("CW-110", console, "sudo raspi-config")
                continue
        trouble = _port_trouble(site, bus)
        if trouble is not None:
            site.out[bus.name] = "port"
            yield trouble.at(f"bus {bus.name}", _without(bus, trouble.seen))
        elif device and (others := _others(site, device)):
            held = joined(", ", map(in_words, others))
            run = f"ps -fp {others[0].pid}; fuser -v {device}"
            took = (
                Message("a program takes bytes of the replies"),
                Message("a modem manager or a console on this port"),
            )
            seen = Message("{device} is open in {who} too, beside the agent", device=device, who=held)
            yield problem("CW-110", seen, run, *took)
    yield good(Message("each is there, and nobody else's") if holder.sees_all() else ONLY_ROOT)


def _without(bus: AnyBus, seen: str) -> str:
    """Return what is wrong with a port, without its own names: buses that say the same have one cause."""
    for own in (str(bus.endpoint), bus.endpoint.place, bus.name):
        seen = seen.replace(own, "")
    return seen


def _others(site: Site, device: str) -> list[holder.Holder]:
    """Return who has a device open beside the agent that polls it."""
    agent = site.status.get("pid") if site.status else None
    if agent is None or os.path.realpath(device).startswith(PTYS):  # the other end of a pty is a bench's
        return []
    return [holder.named(pid) for pid in holder.who_have(device) if pid != agent]


def _port_trouble(site: Site, bus: AnyBus) -> Result | None:
    if site.status is not None:
        told = next((b for b in site.status["buses"] if b["name"] == bus.name), None)
        if told is None:
            new = Message("bus {bus}: the running agent does not know it yet", bus=bus.name)
            return note(new, "systemctl reload cellwarden")
        if not told["trouble"] or NO_PERMISSION in told["trouble"] or ANOTHER_MASTER in told["trouble"]:
            return None  # told by checks of their own
        came = Came.of_json(told["came"]) if told.get("came") else None
        lost = bus.endpoint.lost(Message("bus {bus}: {why}", bus=bus.name, why=told["trouble"]), came)
        if came is None:
            return problem(*lost)
        return problem(came.code, lost.what, lost.run, *came.row.likely)
    trouble = site.seen[bus.name].trouble
    if trouble is None or trouble.code == "CW-102":
        return None  # permission is a check of its own
    return problem(trouble.code, trouble.what, trouble.run, *trouble.likely)


def permission(site: Site) -> Iterator[Result]:
    """Serial devices can be opened by who must."""
    assert site.config is not None
    for bus in site.config.bus:
        device = bus.endpoint.device
        if device is None or not os.path.exists(device):
            continue
        told = next((b for b in site.status["buses"] if b["name"] == bus.name), None) if site.status else None
        if NO_PERMISSION in told["trouble"] if told else not os.access(device, os.R_OK | os.W_OK):
            group = _group(os.stat(device).st_gid)
            user = "cellwarden" if site.status else "$USER"
            join = f"sudo usermod -aG {group} {user}"
            run = Message("{run}   (then log in anew)", run=join)
            site.out[bus.name] = "permission"
            of = {"device": device, "group": group}
            seen = Message("{device}: you are not in its group {group}", **of)
            if site.status:
                seen = Message("{device}: the agent's user is not in its group {group}", **of)
            yield problem("CW-102", seen, run)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def answers(site: Site) -> Iterator[Result]:
    """Every unit answers."""
    assert site.config is not None
    for bus in site.config.bus:
        where = str(bus.endpoint)
        silent: dict[UnitTable, tuple[str, Came | None]] = {}
        units = site.units_of(bus)
        for unit in units:
            if hidden := _hidden(site, unit):
                yield hidden
            elif said := _silence(site, bus, unit):
                silent[unit] = said
        by_cause: dict[str, list[UnitTable]] = {}
        for unit, (how, came) in silent.items():
            by_cause.setdefault(came.words if came else how, []).append(unit)
        if len(silent) == len(units) > 1 and len(by_cause) == 1:
            site.out[bus.name] = "answers"
        for alike in by_cause.values():
            site.silent |= {unit.path for unit in alike}
            first, ids = alike[0], ", ".join(str(unit.unit_id) for unit in alike)
            whose = Message("id {id} ({unit})", id=first.unit_id, unit=first.path)
            scan = f"{where} --id {first.unit_id}"
            if len(alike) > 1:  # one cause, not one for each unit
                some = Message("any") if len(alike) == len(units) else str(len(alike))
                whose = Message("{some} of {n} units (ids {ids})", some=some, n=len(units), ids=ids)
                scan = where
            told = _no_answer(bus, first, whose, *silent[first], scan)
            yield replace(told, of=tuple(unit.path for unit in alike))


def _hidden(site: Site, unit: UnitTable) -> Result | None:
    """Return that a unit cannot be looked at, and for which cause; None where it can."""
    if unit.bus in site.out:
        why = Message("needs the {what} of {bus}, not checked", what=site.out[unit.bus], bus=unit.bus)
        return replace(unknown(why), cause=why)
    if unit.path in site.silent:
        why = Message("needs an answer of {unit}, not checked", unit=unit.path)
        return unknown(why).at(unit.path, "an answer")
    return None


def _no_answer(bus: AnyBus, unit: UnitTable, whose: str, silent: str, came: Came | None, scan: str) -> Result:
    if came is None:
        run = f"cellwarden profile show {unit.profile}"
        return problem("CW-211", joined(": ", [whose, silent]), run, *OTHER_KIND)
    if came.kind is not Kind.NOTHING:
        run = next_command(came, bus.endpoint, unit.unit_id, FIRST_READ)
        it = Message("{who}: {how}; it {came}.", who=whose, how=silent, came=came.seen)
        seen = joined(" ", filter(None, [it, sentence(came.do)]))
        return problem(came.code, seen, run, *came.row.likely)
    likely: tuple[str, ...] = (
        Message("device off or cable out"),
        Message(bus.endpoint.transport.far_side),
        Message("line setting or id changed"),
    )
    if bus.endpoint.transport.frames == "tcp":
        likely = OF_TCP[Kind.NOTHING].likely
    seen = Message("no answer from {who} {how}", who=whose, how=silent)
    return problem("CW-201", seen, f"cellwarden scan {scan}", *likely)


def _silence(site: Site, bus: AnyBus, unit: UnitTable) -> tuple[str, Came | None] | None:
    """Return since when and how a unit is silent, and what came instead, None where it answers and is not
    understood; None where it is read.
    """
    if site.status is None:
        seen = next(s for s in site.seen[bus.name].units if s.unit.path == unit.path)
        if seen.answers:
            return None
        return Message("now; port opens, {n} bytes received", n=seen.got_bytes), seen.came
    told = _told(site.status, unit.path)
    if told is None or told["knowledge"] in SEEN:
        return None
    since = Message("since the start")
    if told["age_s"] is not None:
        since = Message("for {time}", time=length(told["age_s"]))
    unusable = Message("nothing that can be used {since}", since=since)
    reads = _reads(site, bus.name)[0].get(unit.path, {})
    came = instead(told, reads, bus.endpoint.transport.frames)
    if came is None:
        return joined("; ", [unusable, told["trouble"]]), None
    if came.kind is not Kind.NOTHING:
        return unusable, came
    why = told["trouble"] or Message("it answered before")
    return Message("{since}; port opens; {why}", since=since, why=why), NOTHING


def _told(status: dict[str, Any], unit: str) -> dict[str, Any] | None:
    return next((told for told in status["units"] if told["name"] == unit), None)


def line(site: Site) -> Iterator[Result]:
    """The errors of each serial line, and what their pattern points to."""
    assert site.config is not None
    for bus in site.config.bus:
        hidden = [_hidden(site, unit) for unit in site.units_of(bus)]
        if all(hidden):
            yield from filter(None, hidden)
            continue
        told = next((b for b in site.status["buses"] if b["name"] == bus.name), None) if site.status else None
        if told and ANOTHER_MASTER in told["trouble"]:
            yield problem("CW-202", joined(": ", [bus.name, told["trouble"]]), "cellwarden status")
        reads, late, stray = _reads(site, bus.name)
        for unit in site.units_of(bus):
            if came := _never(site, unit):
                del reads[unit.path]
                parts = f"cellwarden probe {bus.endpoint} --id {unit.unit_id} --count 1 TABLE:ADDRESS"
                yield problem(came.code, f"{unit.path} {came.text}; {came.do}", parts, *came.row.likely)
        run = f"cellwarden probe {bus.endpoint} --id 1 holding:0"
        for fault in line_faults.of_counts(reads, late, bus.endpoint.transport.frames):
            if fault.serious:
                yield problem(fault.code, joined(": ", [bus.name, fault.seen]), run, *fault.likely)
            else:
                likely = joined(", ", map(message, fault.likely))
                seen = Message("{bus}: {what}; likely {causes}", bus=bus.name, what=fault.seen, causes=likely)
                yield note(seen, run, fault.code)
        for text, times in () if bus.endpoint.transport.has_transaction_ids else stray.items():
            seen = Message("{bus}: {n} times {what}", bus=bus.name, n=times, what=text)
            yield note(seen, run, "CW-202")


def _never(site: Site, unit: UnitTable) -> Came | None:
    """Return which reads a unit never answers, of one that answers others; None: none."""
    told = _told(site.status, unit.path) if site.status is not None else None
    came = Came.of_json(told["came"]) if told and told.get("came") else NOTHING
    return came if came.kind is Kind.SOME_NEVER else None


def _reads(site: Site, bus: str) -> tuple[dict[str, dict[str, int]], dict[str, Late], dict[str, int]]:
    """Return of each unit how its reads ended and which came late; of the line, what its bytes say."""
    if site.status is not None:
        units: list[dict[str, Any]] = next((b["units"] for b in site.status["buses"] if b["name"] == bus), [])
        return {u["name"]: u["reads"] for u in units}, {u["name"]: Late(**u["late"]) for u in units}, {}
    stray: dict[str, int] = {}
    for seen in site.seen[bus].units:
        for sent, got in seen.exchanges:
            if text := line_faults.of_bytes(seen.unit.unit_id, sent, got):
                stray[text] = stray.get(text, 0) + 1
    return {seen.unit.path: seen.verdicts for seen in site.seen[bus].units}, {}, stray


def identity(site: Site) -> Iterator[Result]:
    """Every unit is what its profile describes."""
    assert site.config is not None
    for unit in site.config.unit:
        if hidden := _hidden(site, unit):
            yield hidden
            continue
        run = f"cellwarden profile show {unit.profile}"
        if site.status is not None:
            alarms = site.status["alarms"]
            wrong = [a for a in alarms if a["unit"] == unit.path and a["detector"] == "identity"]
            if wrong:
                text = wrong[0]["text"]
                yield problem("CW-211", joined(": ", [unit.path, text]), run).at(unit.path, text)
            continue
        match = next(s for s in site.seen[unit.bus].units if s.unit.path == unit.path).match
        if match is None:
            yield unknown(Message("{unit}: was not read", unit=unit.path))
        elif match.layout is None or any(mark.sure and not mark.holds for mark in match.marks):
            other = problem("CW-211", joined(": ", [unit.path, match.why]), run, *OTHER_KIND)
            yield other.at(unit.path, match.why)
        elif match.holding < len(match.marks):
            wrong_marks = joined("; ", (mark.says for mark in match.marks if not mark.holds))
            seen = Message("not as {profile} says: {marks}", profile=unit.profile, marks=wrong_marks)
            yield note(joined(": ", [unit.path, seen]), run, "CW-211").at(unit.path, seen)


def cells(site: Site) -> Iterator[Result]:
    """Most values of every unit can be believed."""
    if site.status is None:
        yield unknown(Message("needs a running agent, not checked"))
        return
    assert site.config is not None
    for unit in site.config.unit:
        if hidden := _hidden(site, unit):
            yield hidden
    for told in site.status["units"]:
        if told["name"] in site.silent:
            continue
        qualities = told.get("qualities", {})
        total = sum(qualities.values())
        if total and qualities.get("good", 0) < FEW_GOOD * total:
            rest = joined(
                ", ",
                (
                    joined(" ", [str(count), Message(name.replace("_", " "))])
                    for name, count in qualities.items()
                ),
            )
            seen = Message("{unit}: of {n} values {parts}", unit=told["name"], n=total, parts=rest)
            poor = note(seen, "cellwarden status")
            yield poor.at(told["name"], " ".join(qualities))


def limits(site: Site) -> Iterator[Result]:
    """Somebody has reviewed the limits in force."""
    assert site.config is not None
    review = review_of(site.path, limits_of(site.config, site.profiles))
    if review:
        yield good(Message("reviewed by {who}", who=review["who"]))
    else:
        yield note(Message("not reviewed by anybody"), "cellwarden limits --review", "CW-303")


def deadline(site: Site) -> Iterator[Result]:
    """Safety points can be, and were, read within the deadline."""
    assert site.config is not None
    for bus, unit, text in late_of(site.path, site.config, site.profiles):
        run = f"cellwarden check --config {site.path}"
        late = problem("CW-302", text, run, Message("too many units, too slow a line"))
        yield late.at(unit, bus)
    missed = [told for told in site.status["units"] if told["deadline_misses"]] if site.status else []
    for told in sorted(missed, key=lambda told: -told["deadline_misses"]):
        seen = Message(
            "{unit}: {n} times older than the deadline since the start",
            unit=told["name"],
            n=told["deadline_misses"],
        )
        yield note(seen, "cellwarden report intervals", "CW-410").at(told["name"], "deadline")
