"""Make the files beside this one anew: python make.py FOLDER, with the commands of 0.1.0 on PATH.

Four packs behind one gateway. pack-1 reports a warning and two criticals that nobody has seen; pack-2 two
that are acknowledged; pack-3 one that is shelved; pack-4 draws 60 A of 50, then falls silent. The collector
is stopped before the agent, so that some batches wait. FOLDER gets agent.toml, buffer.db and collector.db.
"""

import json
import shutil
import socketserver
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

WARNINGS, PROTECTION = 9, 10  # registers of pace-rtu
packs = {unit_id: {} for unit_id in (1, 2, 3, 4)}  # register -> value, other than usual; None: silent


def registers(unit_id: int) -> list[int]:
    regs = [0] * 200
    regs[1:8] = [5328, 80, 100, 8000, 10000, 10000, 12]
    regs[15:31] = [3330 + (i * unit_id) % 5 for i in range(16)]
    regs[31:37] = [250 + i + unit_id for i in range(6)]
    for at, value in packs[unit_id].items():
        regs[at] = value
    return regs


class Gateway(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while head := self.rfile.read(8):
            transaction, _, _, unit_id, code = struct.unpack(">HHHBB", head)
            first, count = struct.unpack(">HH", self.rfile.read(4))
            if packs[unit_id] is not None:
                data = struct.pack(f">{count}H", *registers(unit_id)[first : first + count])
                head = struct.pack(">HHHBBB", transaction, 0, 3 + len(data), unit_id, code, len(data))
                self.wfile.write(head + data)


def main(folder: Path) -> None:
    here = Path(__file__).parent
    folder.mkdir(parents=True)
    shutil.copy(here / "agent.toml", folder)
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 1502), Gateway)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def run(*command: str) -> str:
        done = subprocess.run(
            ["cellwarden", *command, "--socket", "control.sock"], cwd=folder, capture_output=True, text=True
        )
        return done.stdout

    def alarms() -> list[dict[str, str]]:
        return json.loads(run("status", "--json") or "{}").get("alarms", [])

    def wait_for(count: int) -> None:
        while len(alarms()) < count:
            time.sleep(0.2)

    serve = ["cellwarden-collector", "serve", "--sink", "sqlite:collector.db"]
    collector = subprocess.Popen(serve, cwd=folder)
    agent = subprocess.Popen(["cellwarden", "run", "--config", "agent.toml"], cwd=folder)
    time.sleep(15)
    packs[2] = {WARNINGS: 0b1, PROTECTION: 0b1}
    packs[3] = {WARNINGS: 0b10}
    wait_for(3)
    who = "a repair is under way"
    for name in {a["id"] for a in alarms() if a["unit"].endswith("pack-2")}:
        run("alarm", "ack", name)
    for name in {a["id"] for a in alarms() if a["unit"].endswith("pack-3")}:
        run("alarm", "shelve", name, "--minutes", "1440", "--why", who)
    packs[1] = {WARNINGS: 0b1, PROTECTION: 0b11}
    packs[4] = {0: -6000 & 0xFFFF}
    wait_for(7)
    run("alarm", "test", "--seconds", "1")
    time.sleep(5)
    packs[4] = None
    time.sleep(80)  # until it is blind
    collector.terminate()
    collector.wait()
    time.sleep(12)
    print(json.dumps([{k: a[k] for k in ("id", "severity", "state", "text")} for a in alarms()], indent=1))
    agent.terminate()
    agent.wait()


main(Path(sys.argv[1]))
