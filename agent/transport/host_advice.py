"""What to run where an endpoint that is a host and a port cannot be used: by what came of it. Pure."""

from agent.modbus.came import Came, Kind
from agent.transport.row import Advice, Endpoint

RUN: dict[Kind, str] = {
    Kind.NO_NAME: "getent hosts {host}",
    Kind.NO_CONNECTION: "ping {host}",
}
IS_THERE = "cellwarden scan {endpoint}"  # it refuses, closes or speaks: ping would say nothing new


def host_advice(endpoint: Endpoint, what: str, came: Came | None) -> Advice:
    """Return `what` is wrong, and what to run. came: None where that is no row of the table."""
    run = "ping {host}" if came is None else RUN.get(came.kind, IS_THERE)
    return Advice("CW-103", what, run.format(host=endpoint.place, endpoint=endpoint))
