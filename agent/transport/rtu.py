"""Modbus RTU on a serial device of this machine: frames are apart by silence and proved by a checksum."""

import errno
import grp
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.keys.values import Device
from agent.message import Message
from agent.modbus.came import Came
from agent.modbus.ports import Port, PortError
from agent.modbus.serial_devices import serial_devices
from agent.modbus.serial_line import SerialPort, stable_path
from agent.modbus.survey.presence import ALL_IDS, USUAL_IDS, LineSetting
from agent.transport.row import Advice, Endpoint, Transport
from agent.transport.serial_table import SerialTable
from agent.wire import holder
from drivers.profile.load import Profile

PTYS = "/dev/pts/"
REASONS = {
    errno.ENOENT: "CW-101",
    errno.EACCES: "CW-102",
    errno.EPERM: "CW-102",
    errno.EAGAIN: "CW-110",
    errno.EBUSY: "CW-110",
    errno.EINVAL: "CW-105",
}


@dataclass(frozen=True, slots=True)
class SerialLine(Endpoint):
    """A serial device."""

    name: str

    def __str__(self) -> str:
        return self.name

    @property
    def transport(self) -> Transport:
        """The row of RTU."""
        return RTU

    @property
    def place(self) -> str:
        """The device."""
        return self.name

    @property
    def device(self) -> str:
        """The device."""
        return self.name

    sets_line = True

    def new_port(self, setting: LineSetting) -> Port:
        """Return a serial port, closed."""
        return SerialPort(self.name, setting.baud, setting.parity, setting.stop_bits)

    def is_port(self, name: str) -> bool:
        """Whether it is the same device, by whatever link."""
        return os.path.realpath(name) == os.path.realpath(self.name)

    def trouble(self, error: PortError) -> Advice:
        """Say why the device cannot be opened, and who has it."""
        number = getattr(error.__cause__, "errno", None) or 0
        code = REASONS.get(number, "CW-104")
        if code == "CW-101":
            there = ", ".join(serial_devices()) or Message("none at all")
            missing = Message(
                "{device}: there is no such device. There are: {there}.", device=self, there=there
            )
            return Advice(code, missing, "ls -l /dev/serial/by-id")
        if code == "CW-102":
            return Advice(
                code,
                Message("{device}: you may not open it.", device=self),
                Message("sudo usermod -aG {group} $USER   (then log in anew)", group=_group(self.name)),
            )
        if code == "CW-110":
            held = holder.of_device(self.name) or Message("another process")
            taken = Message("{device} is in use by {held}.", device=self, held=held)
            return Advice(code, taken, f"fuser -v {self}")
        return Advice(code, f"{error}.", f"cellwarden scan {self}")

    def lost(self, what: str, came: Came | None) -> Advice:
        """Advise to read the kernel's messages."""
        return Advice("CW-104", what, "dmesg | tail")

    def too_real(self) -> str:
        """Refuse a device that is no pty."""
        pty = os.path.realpath(self.name).startswith(PTYS)
        return "" if pty else f"device: {self.name} is not a bench's pty"

    def bus_keys(self, setting: str) -> list[str]:
        """Return transport, the device's stable name and its line setting."""
        line = LineSetting.parse(setting)
        device = str(stable_path(Path(self.name)) or os.path.abspath(self.name))
        return [
            'transport = "rtu"',
            f"device = {json.dumps(device)}",
            f"baud = {line.baud}",
            f'parity = "{line.parity}"',
            f"stop_bits = {line.stop_bits}",
        ]


def _group(device: str) -> str:
    try:
        return grp.getgrgid(os.stat(device).st_gid).gr_name
    except (OSError, KeyError):
        return "dialout"


class RtuBus(SerialTable):
    """[[bus]] with transport = "rtu": one serial device; what its keys do not say is the profile's."""

    transport: Literal["rtu"]
    device: Device

    @property
    def endpoint(self) -> SerialLine:
        """The device."""
        return SerialLine(str(self.device))

    def new_port(self, profile: Profile) -> Port:
        """Return a serial port, closed."""
        serial = self.serial(profile)
        return SerialPort(
            str(self.device),
            serial.baud,
            serial.parity,
            serial.stop_bits,
            pause_s=self.pause_ms / 1e3,
            settle_s=serial.settle_s,
            inter_byte_s=serial.inter_byte_s,
            accepted=self.accepted,
        )


def parse(text: str, port: int) -> list[SerialLine] | None:
    """Return the device that a path names."""
    is_path = text.startswith(("/", "./", "../")) and not text.startswith("//")
    return [SerialLine(text)] if is_path else None


RTU = Transport(
    name="rtu",
    example="/dev/ttyUSB0",
    frames="rtu",
    has_transaction_ids=False,
    usual_ids=USUAL_IDS,
    all_ids=ALL_IDS,
    far_side="A and B swapped",
    table=RtuBus,
    parse=parse,
)
