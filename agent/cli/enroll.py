"""cellwarden enroll: a certificate for this agent, from any authority."""

import time
from pathlib import Path
from typing import Any

import click

from agent.cli.common.ask_agent import json_option
from agent.cli.common.errors import Finding, Misuse, unusable_file
from agent.cli.common.load import config_option
from agent.clock import never_set
from agent.config.file import ConfigError, load_config
from agent.config.tables import UpstreamTable
from agent.message import told_by
from agent.tls.certificate import CertificateError, TlsFiles, ask, install, install_authority
from collector.failing import print_json

FOLDER = Path("/etc/cellwarden/tls")
file_path = click.Path(path_type=Path, dir_okay=False)


@click.command("enroll")
@config_option
@click.option("--install", "answer", type=file_path, help="The signed certificate (PEM), chain included.")
@click.option("--ca", type=file_path, help="The authority (PEM) that signs the collector's certificate.")
@click.option("--upstream", metavar="NAME", help="Of which [[upstream]]; the first if not said.")
@json_option
def command(path: Path, answer: Path | None, ca: Path | None, upstream: str | None, as_json: bool) -> None:
    """Make a key on this box and a request to be signed; then put what comes back into use.

    The key never leaves the box. To renew a certificate, do the same again: what is in use stays in use until
    the new one is installed. Works with any authority that signs PKCS #10 requests.

    \b
    Examples:
      cellwarden enroll
      step ca sign agent.csr agent.pem                      # with step-ca, where the authority is
      openssl x509 -req -in agent.csr -CA ca.pem -CAkey ca.key -days 365 -copy_extensions copy -out agent.pem
      cellwarden enroll --install agent.pem --ca ca.pem
    """
    try:
        config = load_config(path)
    except ConfigError as error:
        raise Misuse(told_by(error), "CW-301") from error
    chosen = next((one for one in config.upstream if upstream in (None, one.name)), None)
    if chosen is None:
        names = ", ".join(one.name for one in config.upstream)
        raise Misuse(f"{path}: there is no [[upstream]] named {upstream!r}; there is {names}")
    files = _files(chosen)
    try:
        if answer is None and ca is None:
            told = _ask(files, config.agent.id)
        else:
            told = _install(files, config.agent.id, chosen, answer, ca)
    except CertificateError as error:
        lines = (f"{answer or files.key}: {p}" for p in error.problems)
        raise Finding("\n".join(lines), "CW-503") from error
    except OSError as error:
        raise unusable_file(error) from error
    if as_json:
        print_json(told)
    else:
        click.echo("\n".join(_requested(told) if "request" in told else _installed(told)))


def _files(upstream: UpstreamTable) -> TlsFiles:
    return TlsFiles(
        key=upstream.key or FOLDER / "agent.key",
        cert=upstream.cert or FOLDER / "agent.pem",
        ca=upstream.ca or FOLDER / "ca.pem",
    )


def _ask(files: TlsFiles, agent: str) -> dict[str, Any]:
    anew = ask(files, agent)
    return {"agent": agent, "key": str(files.waiting_key), "made": anew, "request": str(files.request)}


def _requested(told: dict[str, Any]) -> list[str]:
    return [
        f"{told['key']}: {'made' if told['made'] else 'waits already'}; it stays on this box",
        f"{told['request']}: the request for agent {told['agent']}; let your authority sign it, then:",
        "  cellwarden enroll --install SIGNED.pem --ca CA.pem",
    ]


def _install(
    files: TlsFiles, agent: str, upstream: UpstreamTable, answer: Path | None, ca: Path | None
) -> dict[str, Any]:
    until = None
    if answer:
        cert = install(files, answer.read_bytes(), agent, time.time())
        until = f"{cert.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
        if never_set(time.time()):
            click.echo("this clock was never set: the certificate's dates were not looked at", err=True)
    if ca:
        install_authority(files, ca.read_bytes())
    missing = [
        f'{name} = "{file}"'
        for name, file in (("ca", files.ca), ("cert", files.cert), ("key", files.key))
        if getattr(upstream, name) is None and file.exists()
    ]
    return {"cert": str(files.cert), "until": until, "ca": str(files.ca) if ca else None, "write": missing}


def _installed(told: dict[str, Any]) -> list[str]:
    lines = [f"{told['cert']}: in use until {told['until']}"] if told["until"] else []
    if told["ca"]:
        lines.append(f"{told['ca']}: collectors must show a certificate of this authority")
    if told["write"]:
        lines.append("to be written under [upstream] of the configuration:")
        lines += [f"  {line}" for line in told["write"]]
    return [*lines, "then: systemctl restart cellwarden"]
