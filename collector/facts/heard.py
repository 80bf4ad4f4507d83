"""What an agent was heard to say of itself. Pure."""

from dataclasses import asdict, dataclass, replace

from agent.wire import About


@dataclass(frozen=True, slots=True)
class Heard:
    """As of `heard_utc_ns`, by the collector's clock. None: not said now, and what was said before stays.

    certificate_ends_utc_ns: of the client's certificate, as the TLS of its connection showed it. The others
    are the agent's own words, and said_utc_ns is when it said them: `site`, what people call the room;
    `version`; `backlog`, batches that it has sealed and that are not acknowledged here; clock_synchronised,
    whether something sets its clock.
    """

    heard_utc_ns: int
    certificate_ends_utc_ns: int | None = None
    said_utc_ns: int | None = None
    site: str | None = None
    version: str | None = None
    backlog: int | None = None
    clock_synchronised: bool | None = None

    def then(self, later: "Heard") -> "Heard":
        """What was said last of each."""
        return replace(self, **{name: value for name, value in asdict(later).items() if value is not None})


def heard_of(now_ns: int, certificate_ends_ns: int | None, about: About | None) -> Heard:
    """What a request says of its sender. An empty text is none."""
    if about is None:
        return Heard(now_ns, certificate_ends_ns)
    site, version = about.site or None, about.version or None
    return Heard(now_ns, certificate_ends_ns, now_ns, site, version, about.backlog, about.clock_synchronised)
