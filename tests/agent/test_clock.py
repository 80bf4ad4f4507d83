"""A clock that was never set, is set, slews and steps."""

from agent.clock import OffsetWatch, Stamp

BOOT = bytes(range(16))
NOW_S = 1_790_000_000


def stamp(boot_s: float, utc_s: float, synchronised: bool) -> Stamp:
    return Stamp(int(boot_s * 10**9), int(utc_s * 10**9), synchronised)


def test_an_offset_is_told_once_it_is_known_and_after_each_step_but_not_for_what_ntp_slews_away() -> None:
    watch = OffsetWatch(BOOT, None)
    assert watch.offer(stamp(5, 5, synchronised=False)) is None
    first = watch.offer(stamp(60, NOW_S, synchronised=True))
    assert first == {
        "kind": "clock_offset",
        "boot_id": BOOT,
        "boottime_ns": 60 * 10**9,
        "offset_ns": (NOW_S - 60) * 10**9,
    }
    assert watch.offer(stamp(70, NOW_S + 10.1, synchronised=True)) is None
    stepped = watch.offer(stamp(80, NOW_S + 3620, synchronised=True))
    assert stepped is not None
    assert stepped["offset_ns"] == (NOW_S + 3540) * 10**9


def test_a_restart_in_the_same_boot_does_not_say_it_again() -> None:
    watch = OffsetWatch(BOOT, (NOW_S - 60) * 10**9)
    assert watch.offer(stamp(90, NOW_S + 30, synchronised=True)) is None
