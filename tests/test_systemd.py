"""The unit files: no unknown key on this systemd, and as little allowed as the work needs."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from collector.cli import main
from collector.notes import AUDIT
from collector.sqlite.notes import FileNotes
from collector.sqlite.sink import SqliteSink

FOLDER = Path(__file__).parents[1] / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))
MAX_EXPOSURE = 1.5
#: With one read-only call that is counted three times: docs/adr/0003-clock-in-the-sandbox.md
CLOCK = ("ProtectClock=no", "SystemCallFilter=adjtimex clock_adjtime")
CLOCK_EXPOSURE = 1.7
SECURITY = Path(__file__).parents[1] / "docs" / "security.md"

if not shutil.which("systemd-analyze"):
    if os.environ.get("CI"):
        raise RuntimeError("CI must check the unit files: apt-get install systemd")
    pytest.skip("systemd-analyze is not installed (apt-get install systemd)", allow_module_level=True)


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60)


def with_programs(unit: Path, folder: Path) -> Path:
    """A copy whose programs exist on this machine: verify looks for them."""
    text = re.sub(r"/usr/bin/cellwarden[a-z-]*", "/bin/true", unit.read_text())
    for timer in FOLDER.glob("*.timer"):  # which it may want
        (folder / timer.name).write_text(documented(timer.read_text()))
    copy = folder / unit.name
    copy.write_text(documented(text))
    return copy


def documented(text: str) -> str:
    """Verify looks for files of documentation, too."""
    return text.replace("file:/usr/share/doc", "https://example.com")


def exposure(unit: Path) -> float:
    said = analyze("security", "--offline=true", "--no-pager", str(unit)).stdout
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert found, said
    return float(found[1])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_every_key_is_known(unit: Path, tmp_path: Path) -> None:
    copy = with_programs(unit, tmp_path)
    done = analyze("verify", "--man=no", str(copy))
    assert (done.returncode, done.stderr) == (0, "")
    copy.write_text(copy.read_text().replace("[Service]\n", "[Service]\nRestartSecs=5\n"))
    assert "RestartSecs" in analyze("verify", "--man=no", str(copy)).stderr  # it would have said so


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_exposure_is_low(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text()
    asks_the_clock = all(line in text.splitlines() for line in CLOCK)
    assert exposure(unit) <= (CLOCK_EXPOSURE if asks_the_clock else MAX_EXPOSURE)
    copy = tmp_path / unit.name
    copy.write_text("\n".join(line for line in text.splitlines() if line not in CLOCK))
    assert exposure(copy) <= MAX_EXPOSURE


def test_a_site_without_serial_lines_and_pins_is_within_the_bound_and_knows_the_time(tmp_path: Path) -> None:
    blocks = re.findall(r"```ini\n(.*?)```", SECURITY.read_text(), re.DOTALL)
    (without_devices,) = [block for block in blocks if "PrivateDevices" in block]
    copy = with_programs(FOLDER / "cellwarden.service", tmp_path)
    copy.write_text(copy.read_text() + without_devices)
    assert analyze("verify", "--man=no", str(copy)).stderr == ""
    assert exposure(copy) <= MAX_EXPOSURE


def values(unit: str) -> list[str]:
    return (FOLDER / unit).read_text().splitlines()


def test_the_audit_runs_daily_beside_the_collector_as_its_user_and_says_what_metrics_show(
    tmp_path: Path,
) -> None:
    assert "Wants=cellwarden-collector-audit.timer" in values("cellwarden-collector.service")
    timer = with_programs(FOLDER / "cellwarden-collector-audit.service", tmp_path).with_suffix(".timer")
    done = analyze("verify", "--man=no", str(timer))
    assert (done.returncode, done.stderr) == (0, "")
    (when,) = [line.partition("=")[2] for line in timer.read_text().splitlines() if line.startswith("OnCal")]
    said = analyze("calendar", "--iterations=2", "--base-time=2026-12-01", when).stdout
    assert [day for day in ("2026-12-01", "2026-12-02", "2026-12-03") if f"{day} 04:10:00" in said] == [
        "2026-12-01",
        "2026-12-02",
    ]

    serving, auditing = values("cellwarden-collector.service"), values("cellwarden-collector-audit.service")
    at = serving.index("User=cellwarden-collector")
    missing = set(serving[at : serving.index("[Install]")]) - set(auditing)
    assert [line for line in missing if not line.startswith("#")] == [
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK"  # it announces nothing
    ]
    (command,) = [line.partition("=")[2] for line in auditing if line.startswith("ExecStart=")]
    database = tmp_path / "collector.db"
    SqliteSink(database).close()
    program, *arguments = command.replace("${SINK}", f"sqlite:{database}").split()
    assert program == "/usr/bin/cellwarden-collector"
    assert CliRunner().invoke(main, arguments).exit_code == 0
    assert FileNotes(database).read(AUDIT)


def test_the_agent_is_restarted_for_ever_and_depends_on_nothing() -> None:
    lines = (FOLDER / "cellwarden.service").read_text().splitlines()
    for line in (
        "Type=notify",
        "Restart=always",
        "RestartSec=5",
        "StartLimitIntervalSec=0",
        "WatchdogSec=30",
    ):
        assert line in lines
    assert not [line for line in lines if line.startswith(("Requires=", "BindsTo=", "Requisite="))]
