"""What is told of each answer that is not the one that was asked for, over real sockets and ptys."""

import json
import re
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.cli import main
from hil.modbus.rtu import RtuBus
from tests.agent.cli.answering import Answer, on_a_line, over_tcp, sealed


def rtu(data: str) -> Answer:
    return lambda _request: sealed(bytes.fromhex(data))


def tcp(data: str, transaction: int = 0, unit: int | None = None) -> Callable[[bytes], bytes]:
    """Answer with a function code and data, `transaction` further than was asked, as `unit` if said."""

    def answer(request: bytes) -> bytes:
        number = int.from_bytes(request[:2], "big") + transaction
        body = bytes([request[6] if unit is None else unit]) + bytes.fromhex(data)
        return number.to_bytes(2, "big") + b"\0\0" + len(body).to_bytes(2, "big") + body

    return answer


def numbered(number: Callable[[int], int]) -> Answer:
    """Answer under a number that is made of that of the request."""
    return lambda r: number(int.from_bytes(r[:2], "big")).to_bytes(2, "big") + tcp("03040CE40CE5")(r)[2:]


def header(length: int, protocol: int = 0) -> Answer:
    return lambda r: (
        r[:2] + protocol.to_bytes(2, "big") + length.to_bytes(2, "big") + b"\3\3\4\x0c\xe4\x0c\xe5"
    )


LINE = [
    ("nothing", lambda _: b"", "CW-201", "No answer from id 3"),
    ("echo", lambda r: r, "CW-209", "the request itself comes back"),
    ("unit 0", rtu("0003040CE40CE5"), "CW-205", "accept = { unit_id = 0 } in its [[bus]]"),
    ("unit 0, one register", rtu("0003020E02"), "CW-205", "accept = { unit_id = 0 } in its [[bus]]"),
    ("another unit", rtu("0703040CE40CE5"), "CW-205", "--id 7 holding:100"),
    ("function", rtu("0304040CE40CE5"), "CW-207", "answers with function 4 for 3"),
    ("more", rtu("0303060CE40CE50CE6"), "CW-207", "more registers than were requested"),
    ("fewer", rtu("0303020CE4"), "CW-207", "fewer registers than were requested"),
    ("cut short", lambda _: sealed(b"\3\3\4\x0c\xe4\x0c\xe5")[:6], "CW-202", "too few bytes (6 of 9)"),
    ("checksum", lambda _: b"\3\3\4\x0c\xe4\x0c\xe5\0\0", "CW-202", "a wrong checksum"),
    ("no first byte", lambda _: sealed(b"\3\3\4\x0c\xe4\x0c\xe5")[1:], "CW-202", "without its first byte"),
    ("noise", lambda _: b"\xf0\x12\x99", "CW-202", "bytes come that are no frame"),
    ("no such function", rtu("038301"), "CW-210", '"no such function" (exception 1) for holding 40101'),
    ("no such register", rtu("038302"), "CW-210", '"no such register" (exception 2) for holding 40101'),
    ("no such count", rtu("038303"), "CW-210", '"no such count" (exception 3) for holding 40101'),
    ("failure", rtu("038304"), "CW-213", '"a failure of its own" (exception 4)'),
    ("acknowledge", rtu("038305"), "CW-204", "it has begun, and needs longer (exception 5)"),
    ("busy", rtu("038306"), "CW-204", "is busy (exception 6)"),
    ("no path", rtu("03830A"), "CW-203", "has no path from its gateway (exception 10)"),
    ("no target", rtu("03830B"), "CW-203", "does not answer its gateway (exception 11)"),
    ("unknown", rtu("038363"), "CW-213", "what the standard does not know (exception 99)"),
]
TCP = [
    ("nothing", lambda _: b"", "CW-201", "No answer from id 3"),
    ("echo", lambda r: r, "CW-209", "probe rtu-over-tcp://127.0.0.1:"),
    ("transaction", tcp("03040CE40CE5", 1), "CW-206", 'accept = { transaction = "any" } in its [[bus]]'),
    ("both", tcp("03040CE40CE5", 1, 1), "CW-206", 'accept = { transaction = "any", unit_id = 1 } in its'),
    ("unit 0", tcp("03040CE40CE5", 0, 0), "CW-205", "accept = { unit_id = 0 } in its [[bus]]"),
    ("another unit", tcp("03040CE40CE5", 0, 1), "CW-205", "answers as unit id 1, polled as 3"),
    ("function", tcp("04040CE40CE5"), "CW-207", "answers with function 4 for 3"),
    ("more", tcp("03060CE40CE50CE6"), "CW-207", "more registers than were requested"),
    ("fewer", tcp("03020CE4"), "CW-207", "fewer registers than were requested"),
    ("length", header(9), "CW-208", "a header says length 9, and 7 bytes belong to its answer"),
    ("protocol", header(7, 5), "CW-208", "protocol id 5 in its header"),
    (
        "cut short",
        lambda r: tcp("03040CE40CE5")(r)[:-2],
        "CW-202",
        "too few bytes (5 of 7 behind its header)",
    ),
    ("header alone", lambda r: tcp("03040CE40CE5")(r)[:6], "CW-202", "answers too few bytes"),
    ("frames of RTU", rtu("0303040CE40CE5"), "CW-208", "probe rtu-over-tcp://127.0.0.1:"),
    ("HTTP", lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n", "CW-208", "a web server answers"),
    ("TLS", lambda _: b"\x15\x03\x01\0\x02\x02\x46", "CW-208", "TLS answers"),
    ("noise", lambda _: b"\xf0\x12\x99\1\2\3\4", "CW-208", "what is not Modbus TCP"),
    ("closed", lambda _: None, "CW-104", "closes the connection instead of answering"),
    ("no such register", tcp("8302"), "CW-210", '"no such register" (exception 2) for holding 40101'),
    ("failure", tcp("8304"), "CW-213", '"a failure of its own" (exception 4)'),
    ("acknowledge", tcp("8305"), "CW-204", "it has begun, and needs longer (exception 5)"),
    ("busy", tcp("8306"), "CW-204", "is busy (exception 6)"),
    ("no path", tcp("830A"), "CW-203", "has no path from its gateway (exception 10)"),
    ("no target", tcp("830B"), "CW-203", "does not answer its gateway (exception 11)"),
    ("unknown", tcp("8363"), "CW-213", "what the standard does not know (exception 99)"),
]
#: Answers under numbers of its own: three are needed to tell how they are made.
NUMBERED = [
    ("one number", numbered(lambda _: 2), "CW-206", "always answers under transaction id 2"),
    ("the number 1", numbered(lambda _: 1), "CW-206", "always answers under transaction id 1"),
    ("one before", numbered(lambda n: n - 1), "CW-206", "under the transaction id of the request before"),
    ("its own count", numbered(lambda n: n - 4000), "CW-206", "numbers its answers itself, one after the"),
]


def probe(where: str, **environ: str) -> str:
    arguments = ["probe", where, "--id", "3", "holding:100", "--count", "2", "--timeout", "0.25"]
    result = CliRunner(env=environ).invoke(
        main, [*arguments, "--line", "115200-8N1", "--socket", "/nonexistent"]
    )
    assert result.exit_code in (1, 3), result.output
    return " ".join(result.stderr.split())


@pytest.mark.parametrize(("answer", "code", "says"), [r[1:] for r in LINE], ids=[r[0] for r in LINE])
def test_probe_says_what_came_on_a_line(answer: Answer, code: str, says: str, tmp_path: Path) -> None:
    with on_a_line(tmp_path / "line", answer) as where:
        said = probe(where)
    assert said.startswith(code), said
    assert says in said
    assert "8 bytes sent" in said
    assert "Nothing was sent" not in said


@pytest.mark.parametrize(
    ("answer", "code", "says"), [r[1:] for r in TCP + NUMBERED], ids=[r[0] for r in TCP + NUMBERED]
)
def test_probe_says_what_came_over_tcp(answer: Answer, code: str, says: str) -> None:
    with over_tcp(answer) as where:
        said = probe(where)
    assert said.startswith(code), said
    assert says in said
    assert "12 bytes sent" in said
    assert "Nothing was sent" not in said
    assert "parity" not in said


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("unit 0", ["holding:100-101"]),
        ("more", ["holding:100-101"]),
        ("both", []),
        ("closed", ["holding:100"]),
    ],
    ids=["another unit, a range", "too many, a range", "other numbers, any profile", "closed, a register"],
)
def test_capture_says_what_came_as_probe_does(name: str, what: list[str], tmp_path: Path) -> None:
    (row,) = [row for row in TCP if row[0] == name]
    with over_tcp(row[1]) as where:
        arguments = ["capture", where, *what, "--id", "3", "--output", str(tmp_path / "x")]
        result = CliRunner().invoke(main, [*arguments, "--socket", "/nonexistent"])
    said = " ".join(result.stderr.split())
    assert (f"{row[2]} " in said, row[3] in said, result.exit_code != 0) == (True, True, True), said


def test_probe_says_that_a_greeting_is_no_modbus_and_a_closed_door_is_one() -> None:
    with over_tcp(lambda _: b"", b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n") as where:
        assert "CW-208" in (said := probe(where))
    assert "an SSH server answers" in said
    with over_tcp(lambda _: b"", None) as where:
        said = probe(where)
    assert said.startswith("CW-104")
    assert "it serves one master, and has another" in said


def test_probe_says_that_an_answer_came_too_late() -> None:
    asked: list[bytes] = []

    def late(request: bytes) -> bytes:
        asked.append(request)
        if len(asked) > 1:
            return b""
        time.sleep(0.4)  # longer than it waits
        return tcp("03040CE40CE5")(request)

    with over_tcp(late) as where:
        said = probe(where)
    assert said.startswith("CW-201")
    assert "answers too late: after 0." in said
    waits = re.findall(r"Wait longer: timeout_s = ([\d.]+) in its \[\[unit\]\], --timeout ([\d.]+) of", said)
    assert len(waits) == 1
    assert f"holding:100 --timeout {waits[0][0]}" in said


def test_probe_says_that_an_adapter_was_pulled_after_the_question(tmp_path: Path) -> None:
    served = RtuBus(tmp_path / "bus", 115200, {})
    served.start()
    puller = threading.Timer(0.5, served.stop)
    puller.start()
    result = CliRunner().invoke(
        main,
        ["probe", str(served.link), "--id", "3", "holding:100", "--line", "115200-8N1", "--timeout", "3"],
    )
    puller.join()
    said = " ".join(result.stderr.split())
    assert said.startswith("CW-10")
    assert "Nothing was sent" not in said


def test_probe_says_that_nothing_was_sent_where_nothing_was() -> None:
    with socket.socket() as placeholder:  # bound and not listening
        placeholder.bind(("127.0.0.1", 0))
        said = probe(f"127.0.0.1:{placeholder.getsockname()[1]}")
    assert said.startswith("CW-103")
    assert "Connection refused. Nothing was sent." in said
    assert "Likely: another port; Modbus TCP is switched off there; a firewall." in said
    assert said.endswith("Run: cellwarden scan 127.0.0.1:502")


def scan(where: str, *more: str) -> dict[str, Any]:
    arguments = ["scan", where, "--listen", "0", "--json", *more, "--socket", "/nonexistent"]
    told: dict[str, Any] = json.loads(CliRunner().invoke(main, arguments).stdout)
    return told


def scan_in_words(where: str, *more: str) -> str:
    arguments = ["scan", where, "--listen", "0", *more, "--socket", "/nonexistent"]
    result = CliRunner().invoke(main, arguments, env={"COLUMNS": "250"})
    return " ".join((result.stdout + result.stderr).split())


def test_scan_says_in_one_row_that_one_unit_answers_for_all(tmp_path: Path) -> None:
    with over_tcp(tcp("03020CE4", 0, 1)) as where:
        first, other = scan(where)["units"]
        said = scan_in_words(where)
    assert (first["unit_id"], first["came"]) == (1, None)
    assert (other["came"]["kind"], other["came"]["unit_id"]) == ("other unit", 1)
    assert {other["unit_id"], *other["also"]} == {0, 255, *range(2, 11)}
    assert "CW-205 answers as unit id 1" in said
    assert "accept = { unit_id = 1 } in its [[bus]]" in said
    with on_a_line(tmp_path / "line", rtu("0003020E02")) as line:
        (unit,) = scan(line, "--line", "115200-8N1", "--id", "1", "--id", "2")["units"]
    assert (unit["came"]["code"], unit["also"]) == ("CW-205", [2])


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        (tcp("03020CE4", 1), "CW-206", 'accept = { transaction = "any" } in its [[bus]]'),
        (lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n", "CW-208", "a web server answers"),
        (tcp("830B"), "CW-203", "does not answer its gateway (exception 11)"),
        (lambda _: None, "CW-104", "closes the connection instead of answering"),
        (lambda _: b"", "CW-220", "No answer from ids"),
    ],
    ids=["transaction", "HTTP", "gateway", "closed", "nothing"],
)
def test_scan_says_what_came_where_no_unit_is(answer: Answer, code: str, says: str) -> None:
    with over_tcp(answer) as where:
        said = scan_in_words(where, "--id", "1")
    assert f"{code} " in said
    assert says in said


def test_scan_says_of_a_line_that_only_sends_the_requests_back(tmp_path: Path) -> None:
    with on_a_line(tmp_path / "line", lambda request: request) as line:
        said = scan_in_words(line, "--line", "115200-8N1")
    assert "CW-209 No unit among ids 1-32" in said


@pytest.mark.long(80)
def test_scan_goes_on_behind_an_id_at_which_a_gateway_closes() -> None:
    def answer(request: bytes) -> bytes | None:
        return tcp("03020CE4")(request) if request[6] == 4 else None

    with over_tcp(answer) as where:
        (unit,) = scan(where)["units"]
    assert (unit["unit_id"], unit["came"]) == (4, None)


@pytest.mark.parametrize("value", [0, 1, 250, 3300, 0x4142, 0xFFFF])
def test_a_unit_whose_registers_all_have_one_value_is_recognised_as_nothing(value: int) -> None:
    def answer(request: bytes) -> bytes:
        count = int.from_bytes(request[10:12], "big")
        data = value.to_bytes(2, "big") * count if request[7] in (3, 4) else bytes((count + 7) // 8)
        body = bytes((request[6], request[7], len(data))) + data
        return request[:4] + len(body).to_bytes(2, "big") + body

    with over_tcp(answer) as where:
        (unit,) = scan(where, "--id", "1")["units"]
        said = scan_in_words(where, "--id", "1")
    assert (unit["sureness"], unit["profiles"], unit["one_value"]) == ("not recognised", [], value)
    assert f"every register of it is {value}, as of no battery (CW-212)" in said


def test_scan_asks_the_ids_that_profiles_name(tmp_path: Path) -> None:
    (tmp_path / "far.toml").write_text(
        'schema = 1\nmodel = "far"\nunit_id = 77\ntransports = ["tcp"]\n[[point]]\nname = "cell_voltage"\n'
        'address = 100\ncount = 2\nunit = "mV"\n'
    )
    asked = set()

    def answer(request: bytes) -> bytes:
        asked.add(request[6])
        return tcp("830B")(request)

    with over_tcp(answer) as where:
        scan(where, "--profile-dir", str(tmp_path))
        assert asked == {0, 255, *range(1, 11), 77}
        asked.clear()
        scan(where, "--profile-dir", str(tmp_path), "--id", "5")
        assert asked == {5}


#: In Korean too: commands, keys and their values, quoted bytes.
BOTH = re.compile(r"cellwarden .*|accept = .*?}|--\w+|'.*?'|probe \S+://\S+|table, input")


@pytest.mark.parametrize("answer", [r[1] for r in TCP], ids=[r[0] for r in TCP])
def test_what_came_is_told_in_korean_where_that_is_spoken(answer: Answer) -> None:
    with over_tcp(answer) as where:
        said = " ".join(probe(where, LC_ALL="ko_KR.UTF-8").split())
    assert re.search("[가-힣]", said)
    assert not re.search(r"[A-Za-z]{2,},? [a-z]{2,}", BOTH.sub("", said)), said
