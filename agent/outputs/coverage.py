"""Which failures the configured relay does not show. Pure; `cellwarden check` prints it.

A normally energised relay shows a failure only if the failure takes the energy away. What does that:

    failure                      gpio                         modbus-coil
    the agent ends or crashes    ExecStopPost drops it        ExecStopPost drops it
                                 (strict_gpiod: the kernel)
    the agent hangs              systemd's watchdog, then     systemd's watchdog, then
                                 ExecStopPost                 ExecStopPost
    the kernel hangs             nothing: Linux keeps pins    the module's host time-out
                                 driven (raspberrypi/linux
                                 issue 6117)
    the cable to the relay       the relay itself             the module's host time-out
"""

from agent.message import Message
from agent.outputs.relay import CoilRelay, GpioRelay

NO_RELAY = "no [relay] is configured: an alarm is heard only upstream, and not while the network is down"
NEEDS_SYSTEMD = (
    "an agent that is not run by the service in systemd/ leaves the relay as it was when it dies or hangs"
)
STRICT_GPIOD = (
    f"{NEEDS_SYSTEMD}; on a Raspberry Pi, dtparam=strict_gpiod in config.txt makes the kernel let go of a pin"
    " whose process has died"
)
HUNG_KERNEL = (
    "a hung kernel keeps the pin driven: use a relay that must be fed with pulses, or the hardware watchdog"
    " (systemd/hardware-watchdog.conf), which resets the board"
)
NO_HOST_TIMEOUT = (
    "a hung kernel or a cut cable leaves the coil as it was: set the module's host time-out, and say so with"
    " [relay] host_timeout_s"
)
SLOW_HOST_TIMEOUT = "a hung kernel or a cut cable shows only after the module's host time-out of {time:g} s"


def uncovered(relay: GpioRelay | CoilRelay | None) -> list[str]:
    """Return each failure that would leave the relay saying that all is well, and what covers it."""
    if relay is None:
        return [Message(NO_RELAY)]
    if isinstance(relay, GpioRelay):
        return [Message(STRICT_GPIOD), Message(HUNG_KERNEL)]
    if relay.host_timeout_s is None:
        return [Message(NEEDS_SYSTEMD), Message(NO_HOST_TIMEOUT)]
    slow = relay.host_timeout_s > 10
    return [Message(SLOW_HOST_TIMEOUT, time=relay.host_timeout_s)] if slow else []
