"""A clock that was never set, is set, slews and steps."""

from agent.clock import SYNCHRONISED_FOR_NS, Clock, OffsetWatch, Stamp

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


class Counting(Clock):
    """Counts how often the kernel is asked whether its clock is synchronised."""

    asked = 0

    def synchronised(self) -> bool:
        self.asked += 1
        return super().synchronised()


def test_the_kernel_is_asked_once_a_second_whether_its_clock_is_synchronised() -> None:
    clock = Counting()
    stamps = [clock.stamp() for _ in range(1000)]
    most = 1 + (stamps[-1].boottime_ns - stamps[0].boottime_ns) // SYNCHRONISED_FOR_NS
    assert clock.asked == most
    assert {one.synchronised for one in stamps} <= {Clock().synchronised()}
