"""profile tried: from a capture of a pack on a line to a test and the rows that name it, in a checkout."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.cli import main
from drivers.profile.load import load_profile
from tests.drivers import test_captures as captures
from tests.graph import ROOT

# A PACE pack, written from its datasheet's table: 16 cells at 3.35 V and what else its profile reads.
WORDS = {0: 65036, 1: 5371, 2: 97, 3: 100, 4: 9400, 5: 9700, 6: 10000, 7: 3}
WORDS |= {15 + i: 3350 + i for i in range(16)} | {31 + i: 250 + i for i in range(6)}
WORDS |= {a: 0 for a in (*range(8, 15), *range(150, 180))}
HEAD = "# device: Acme P16, firmware 2.1\n# taken: 2026-12-02 09:00 UTC by cellwarden 1\n"
CAPTURE = HEAD + "frame 1 0.0\n" + "".join(f"1 holding {a} {w}\n" for a, w in sorted(WORDS.items()))


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "drivers" / "profiles", tmp_path / "drivers" / "profiles")
    (tmp_path / "tests" / "drivers").mkdir(parents=True)
    shutil.copy(ROOT / "README.md", tmp_path)
    (tmp_path / "c.txt").write_text(CAPTURE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tried(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["profile", "tried", *map(str, arguments)])


def test_a_capture_becomes_a_test_and_its_device_is_named_everywhere(checkout: Path) -> None:
    result = tried("pace-rtu", "c.txt")
    assert result.exit_code == 0, result.output
    assert "cell_voltage" in result.output
    profile = load_profile(str(checkout / "drivers" / "profiles" / "pace-rtu.toml"))
    said = "Acme P16, firmware 2.1 (capture of 2026-12-02)"
    assert profile.verified == (said,)
    assert "nothing was tried on hardware" not in profile.unverified
    for page in ("drivers/profiles/README.md", "README.md"):
        assert said in (checkout / page).read_text()
    folder = checkout / "tests" / "drivers" / "captures" / "pace-rtu-acme-p16-firmware-2-1"
    expected = (folder / "expected.txt").read_text()
    assert "cell_voltage cell16 3.365\n" in expected
    assert "pack_current - -5.0\n" in expected
    assert list(captures.wrong(folder)) == []
    (folder / "expected.txt").write_text(expected.replace("3.365", "3.366"))
    assert [problem[:26] for problem in captures.wrong(folder)] == ["('cell_voltage', 'cell16')"]
    (folder / "capture.txt").write_text(CAPTURE.replace("1 holding 15 3350\n", ""))
    assert len(list(captures.wrong(folder))) > 1


def test_a_second_device_of_a_profile_joins_the_first(checkout: Path) -> None:
    assert tried("pace-rtu", "c.txt").exit_code == 0
    result = tried("pace-rtu", "c.txt", "--device", 'Other "P16"')
    assert result.exit_code == 0, result.output
    profile = load_profile(str(checkout / "drivers" / "profiles" / "pace-rtu.toml"))
    assert [said.partition(" (")[0] for said in profile.verified] == ['Other "P16"', "Acme P16, firmware 2.1"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("acme", "c.txt"), "drivers/profiles/acme.toml: there is no such file"),
        (("pace-rtu", "none.txt"), "none.txt: cannot be read"),
        (("pace-rtu", "nameless.txt"), "which device is it?"),
        (("jk-pb", "c.txt"), "c.txt"),
    ],
)
def test_what_is_no_proof_changes_nothing(checkout: Path, arguments: tuple[str, str], said: str) -> None:
    (checkout / "nameless.txt").write_text(CAPTURE.removeprefix(HEAD))
    before = {p: p.read_bytes() for p in checkout.rglob("*") if p.is_file()}
    result = tried(*arguments)
    assert result.exit_code == 2, result.output
    assert said in result.output
    assert {p: p.read_bytes() for p in checkout.rglob("*") if p.is_file()} == before


def test_it_wants_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = tried("pace-rtu", "c.txt")
    assert result.exit_code == 2
    assert "is no checkout" in result.output
