"""The Ansible role, run with Ansible against a root of its own: this machine's, under a layer of writes.

Its package is a stand-in that has the unit files and runs this checkout. The real one, in a clean Debian
under a booted systemd: scripts/test-role.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hil.modbus.rtu import RtuBus
from hil.run import configuration
from tests.agent.cli.test_scan import BAUD, pace
from tests.breadth import LONG
from tests.graph import ROOT

BIN = Path(sys.executable).parent
ROLE = ROOT / "systemd" / "ansible"
UPSTREAM = f'[upstream]\nurl = "{configuration.NOWHERE}"\n'
#: A layer over this machine's root, and Ansible against it. It is gone with the process.
LAYERED = """
mount -t tmpfs none {layer} && mkdir -p {layer}/upper {layer}/work {layer}/root
if [ -d {kept}/upper ]; then cp -a {kept}/upper/. {layer}/upper; fi
mount -t overlay none -o lowerdir=/,upperdir={layer}/upper,workdir={layer}/work {layer}/root || exit 77
for each in proc dev; do mount --rbind /$each {layer}/root/$each; done
"$@"; status=$?
umount -R {layer}/root; rm -rf {kept}; mkdir {kept}; cp -a {layer}/upper {kept}/
exit $status
"""

if not (BIN / "ansible-playbook").exists():
    if os.environ.get("CI"):
        raise RuntimeError("CI must run the role: scripts/test installs ansible-core")
    pytest.skip("ansible-core is not installed: pip install --editable .[dev]", allow_module_level=True)


class Box:
    """A root to install on: what was written to it stays in `written`, from one run to the next."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.layer, self.written = folder, folder / "layer", folder / "kept" / "upper"
        self.layer.mkdir()
        self.package = stand_in(folder)

    def run(self, *options: str, **said: object) -> subprocess.CompletedProcess[str]:
        inventory = self.folder / "inventory.yml"
        said = {"cellwarden_package": self.package, **said}
        lines = [f"    {key}: {value}\n" for key, value in said.items()]
        lines += [
            f"    ansible_inside: env SYSTEMD_OFFLINE=1 chroot {self.layer}/root\n",
            "    ansible_connection: inside\n",
        ]
        lines += ["    ansible_python_interpreter: /usr/bin/python3\n", "    ansible_pipelining: true\n"]
        lines += ["    ansible_become: false\n"]
        inventory.write_text("all:\n  hosts: {box: {}}\n  vars:\n" + "".join(lines))
        play = [str(BIN / "ansible-playbook"), "-i", str(inventory), str(ROLE / "boxes.yml"), *options]
        script = LAYERED.format(layer=self.layer, kept=self.written.parent)
        environment = {
            **os.environ,
            "ANSIBLE_CONNECTION_PLUGINS": str(Path(__file__).parent / "connection"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "LC_ALL": "C.UTF-8",
        }
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", script, "sh", *play],
            capture_output=True,
            text=True,
            env=environment,
            timeout=240,
        )
        if done.returncode == 77:
            pytest.skip(f"no layer can be mounted over the root here: {done.stderr}")
        return done


def stand_in(folder: Path) -> Path:
    """Return a package of the name and with the files that the role needs of the real one."""
    made = folder / "package"
    for place in ("DEBIAN", "usr/bin", "usr/lib/systemd/system", "etc/cellwarden/profiles.d"):
        (made / place).mkdir(parents=True)
    said = (
        "Package: cellwarden\nVersion: 1.2~deb12\nArchitecture: all\nMaintainer: x\nDescription: a stand-in\n"
    )
    (made / "DEBIAN/control").write_text(said)
    command = made / "usr/bin/cellwarden"
    command.write_text(f'#!/bin/sh\nexec {BIN}/cellwarden "$@"\n')
    command.chmod(0o755)
    for unit in (ROOT / "systemd").glob("*.service"):
        shutil.copy(unit, made / "usr/lib/systemd/system")
    package = folder / "cellwarden_1.2~deb12_all.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Znone", "--build", made, package],
        check=True,
        capture_output=True,
    )
    return package


def changed(done: subprocess.CompletedProcess[str]) -> int:
    """Return how many tasks changed something, of a run in which none failed."""
    found = re.search(r"changed=(\d+) +unreachable=0 +failed=0", done.stdout)
    assert found, done.stdout + done.stderr
    assert done.returncode == 0
    return int(found[1])


@pytest.fixture
def box(tmp_path: Path) -> Box:
    if os.geteuid() or not shutil.which("unshare") or not shutil.which("dpkg-deb"):
        pytest.skip("needs root, unshare and dpkg-deb, to have a root of its own")
    return Box(tmp_path)


def test_a_bare_box_is_checked_and_nothing_is_left_there(box: Box) -> None:
    assert changed(box.run("--check", cellwarden_answers=__file__)) == 1  # the package would come
    assert not (box.written / "etc/cellwarden").exists()


@pytest.mark.skipif(not LONG, reason="takes a minute: CELLWARDEN_LONG=1")
def test_a_bare_box_is_set_up_from_answers_left_alone_and_keeps_a_good_configuration(box: Box) -> None:
    answers, profile = box.folder / "answers.toml", box.folder / "mine.toml"
    line = f'[[bus]]\nendpoint = "{box.folder}/bus"\nline = "{BAUD}-8N1"\n'
    answers.write_text(f'{UPSTREAM}{line}[[bus.unit]]\nunit_id = 1\nname = "rack-1"\nprofile = "mine"\n')
    profile.write_text('extends = "pace-rtu"\nschema = 1\nmodel = "mine"\n')
    said = {"cellwarden_answers": answers, "cellwarden_profiles": f"[{profile}]"}
    said["cellwarden_collector_options"] = "--sink sqlite:/var/lib/collector.db"

    served = RtuBus(box.folder / "bus", BAUD, {1: pace()})
    served.start()
    try:
        assert changed(box.run(**said)) > 5
    finally:
        served.stop()
    etc = box.written / "etc/cellwarden"
    made = (etc / "agent.toml").read_text()
    assert 'name = "rack-1"' in made
    assert 'profile = "mine"' in made
    assert (etc / "profiles.d/mine.toml").read_text() == profile.read_text()
    assert (etc / "collector.env").read_text() == "OPTIONS=--sink sqlite:/var/lib/collector.db\n"
    wanted = box.written / "etc/systemd/system/multi-user.target.wants"
    assert {unit.name for unit in wanted.iterdir()} >= {"cellwarden.service", "cellwarden-collector.service"}
    assert not list((box.written / "var/tmp").glob("*.deb"))

    assert changed(box.run(**said)) == 0  # though no unit answers any more

    config = box.folder / "wanted.toml"
    config.write_text(UPSTREAM + configuration.tcp_unit("rack-2", 502, "mine"))
    said["cellwarden_config"] = config
    del said["cellwarden_answers"]
    assert changed(box.run(**said)) > 0
    assert (etc / "agent.toml").read_text() == config.read_text()
    assert [kept.read_text() for kept in etc.glob("agent.toml.*~")] == [made]

    config.write_text(config.read_text().replace("unit_id", "unit_number") + "nonsense = 1\n")
    refused = box.run(**said)
    assert refused.returncode == 2
    assert "CW-301" in refused.stdout
    assert "nonsense" not in (etc / "agent.toml").read_text()


def test_what_is_missing_or_contradictory_is_refused_before_anything_is_done(box: Box) -> None:
    neither = box.run()
    assert neither.returncode == 2
    assert "say one of cellwarden_answers and cellwarden_config" in neither.stdout
    misspelt = box.run(cellwarden_profiles="{a: 1}", cellwarden_config="/x.toml")
    assert misspelt.returncode == 2
    assert "cellwarden_profiles" in misspelt.stdout
    assert not (box.written / "etc/cellwarden").exists()
