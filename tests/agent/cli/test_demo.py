"""The demo as a user runs it: real processes, sockets, a pty and two databases."""

import signal
import subprocess
import sys
from pathlib import Path

from agent.cli.demo import measure
from agent.cli.demo.story import CRITICAL_S, SHORTED_LOCATION, SHORTED_UNIT, StoryTimes


def demo(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "agent.cli", "demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=110)


def test_a_demo_that_lost_something_says_what() -> None:
    nothing = {"alarms": [], "batches_acknowledged": 3, "batches_pending": 0, "batches_dropped": 0}
    result = {**nothing, "batches_sealed": 4, "frames": 10, "collector_frames": 9}
    assert measure.problems_of(result) == [
        "4 batches were sealed, but 3 are accounted for",
        "10 frames were made, 9 are at the collector",
        f"no alarm at the shorted cell, {SHORTED_UNIT} {SHORTED_LOCATION}",
    ]


def test_a_folder_that_is_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    run = demo("--keep", str(tmp_path))
    assert run.returncode == 2
    assert run.stderr.strip().splitlines()[-1] == f"CW-005 {tmp_path} is not empty; name a new folder"


def test_a_demo_whose_terminal_is_closed_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    begin = (
        "import signal, sys, pathlib; from hil.run.processes import Children\n"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # where nohup began these tests, it is ignored
        "with Children(pathlib.Path(sys.argv[1])) as children:\n"
        "    child = children.start('bench', 'http.server', '0')\n"
        "    print(child.process.pid, flush=True)\n"
        "    child.process.wait()\n"
    )
    command = [sys.executable, "-c", begin, str(tmp_path / "kept")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGHUP)
        try:
            parent.wait(20)
        finally:
            parent.kill()
    assert not Path(f"/proc/{child}").exists()


def test_the_end_begins_with_what_happened_and_says_when_the_worst_would_come() -> None:
    def alarm(severity: str, t_s: float, unit: str = SHORTED_UNIT) -> dict[str, object]:
        said = {"first": f"{unit}: {severity} words.", "below": [f"evidence of the {severity}"]}
        return {"severity": severity, "t_s": t_s, "unit": unit, **said}

    result = {"short_started_t_s": 18.0, "frames": 166, "collector_frames": 166}
    whole = [alarm("advice", 21.9), alarm("warning", 33.9), alarm("critical", 36.9)]
    lines = measure.outcome({**result, "alarms": whole})
    assert lines[0] == "An internal short of 0.03 ohm began in rack-c cell 5 at 18 s."
    assert lines[1] == "  critical   19 s later: rack-c: critical words."
    assert lines[2].strip() == "evidence of the critical"
    assert "The two healthy racks: no alarms." in lines
    assert lines[-3].startswith("Nothing was lost: 166 frames")
    short = measure.outcome({**result, "collector_frames": 165, "alarms": whole[:2]})
    assert "No critical alarm within this run; it comes about 20 s after the short." in short[1]
    assert not any("Nothing was lost" in line for line in short)
    assert "The two healthy racks: 1 alarm." in measure.outcome(
        {**result, "alarms": [alarm("advice", 30.0, "rack-a")]}
    )
    assert StoryTimes.of(60).short_s + CRITICAL_S < 60
