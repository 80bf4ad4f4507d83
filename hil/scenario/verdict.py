"""The verdict of a run: which expectations held; as text and as JUnit XML."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from hil.scenario.evidence import Evidence
from hil.scenario.expect import ExpectationResult, clock
from hil.scenario.scenario import Scenario

HELD, FAILED, COULD_NOT_KEEP_UP = 0, 1, 3  # exit codes; 2: a scenario or an option that cannot be used
WAYS = {
    "direct": "in process: plant straight into decode and detect code, no sockets",
    "agent": "a real agent and a real collector over real sockets",
}


@dataclass(frozen=True, slots=True)
class ScenarioVerdict:
    """One scenario, what was seen, and each expectation's result."""

    name: str
    scenario: Scenario
    evidence: Evidence
    results: tuple[ExpectationResult, ...]

    @property
    def code(self) -> int:
        """The exit code. A bench that could not keep up proves nothing, whatever held."""
        if self.evidence.late:
            return COULD_NOT_KEEP_UP
        return FAILED if any(result.held is False for result in self.results) else HELD

    @property
    def word(self) -> str:
        """In one word."""
        return {HELD: "held", FAILED: "FAILED", COULD_NOT_KEEP_UP: "NO VERDICT"}[self.code]


def judge(name: str, scenario: Scenario, evidence: Evidence) -> ScenarioVerdict:
    """Hold what was seen against what was expected."""
    results = tuple(expect.check(evidence, scenario.expect) for expect in scenario.expect)
    return ScenarioVerdict(name, scenario, evidence, results)


def text(verdict: ScenarioVerdict) -> str:
    """Lines for people."""
    scenario, evidence = verdict.scenario, verdict.evidence
    scale = (
        f" at {scenario.time_scale:g} times" if evidence.way == "agent" and scenario.time_scale > 1 else ""
    )
    lines = [
        f"{verdict.name}: {verdict.word}. {scenario.about}",
        f"  {clock(scenario.lasts_s)} {WAYS[evidence.way]}{scale}; took {clock(evidence.wall_s)}",
    ]
    if evidence.late:
        lines.append(f"  the bench could not keep up: {evidence.late}")
    marks = {True: "ok  ", False: "FAIL", None: "-   "}
    for result in verdict.results:
        lines += [f"  {marks[result.held]} {result.expected}", f"         {result.seen}"]
    return "\n".join([*lines, *(f"  note: {note}" for note in evidence.notes)])


def junit(verdicts: Sequence[ScenarioVerdict]) -> bytes:
    """JUnit XML: a suite for each scenario, a case for each expectation."""
    root = ElementTree.Element("testsuites", name="cellwarden-hil")
    for verdict in verdicts:
        failures = sum(result.held is False for result in verdict.results)
        skipped = sum(result.held is None for result in verdict.results)
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=verdict.name,
            tests=str(len(verdict.results)),
            failures=str(failures),
            errors=str(int(bool(verdict.evidence.late))),
            skipped=str(skipped),
            time=f"{verdict.evidence.wall_s:.3f}",
        )
        properties = ElementTree.SubElement(suite, "properties")
        ElementTree.SubElement(properties, "property", name="way", value=verdict.evidence.way)
        for result in verdict.results:
            case = ElementTree.SubElement(
                suite, "testcase", classname=f"{verdict.name}.{result.kind}", name=result.expected, time="0"
            )
            if result.held is False:
                ElementTree.SubElement(case, "failure", message=_plain(result.seen))
            elif result.held is None:
                ElementTree.SubElement(case, "skipped", message=_plain(result.seen))
            else:
                ElementTree.SubElement(case, "system-out").text = _plain(result.seen)
        if verdict.evidence.late:
            case = ElementTree.SubElement(
                suite, "testcase", classname=verdict.name, name="the bench keeps up"
            )
            ElementTree.SubElement(case, "error", message=_plain(verdict.evidence.late))
    ElementTree.indent(root)
    xml: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return xml


def _plain(words: str) -> str:
    """Without the control characters that XML 1.0 cannot hold."""
    return "".join(c if c >= " " or c in "\t\n" else "?" for c in words)
