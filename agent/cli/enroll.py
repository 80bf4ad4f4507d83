"""cellwarden enroll: a certificate for this agent, from any authority."""

import time
from pathlib import Path

import click

from agent.cli.common.errors import Finding, Misuse
from agent.cli.common.load import config_option
from agent.clock import never_set
from agent.config.file import ConfigError, load_config
from agent.config.tables import UpstreamTable
from agent.tls.certificate import CertificateError, TlsFiles, ask, install, install_authority

FOLDER = Path("/etc/cellwarden/tls")
file_path = click.Path(path_type=Path, dir_okay=False)


@click.command("enroll")
@config_option
@click.option("--install", "answer", type=file_path, help="The signed certificate (PEM), chain included.")
@click.option("--ca", type=file_path, help="The authority (PEM) that signs the collector's certificate.")
@click.option("--upstream", metavar="NAME", help="Of which [[upstream]]; the first if not said.")
def command(path: Path, answer: Path | None, ca: Path | None, upstream: str | None) -> None:
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
        raise Misuse(str(error)) from error
    chosen = next((one for one in config.upstream if upstream in (None, one.name)), None)
    if chosen is None:
        names = ", ".join(one.name for one in config.upstream)
        raise Misuse(f"{path}: there is no [[upstream]] named {upstream!r}; there is {names}")
    files = _files(chosen)
    try:
        if answer is None and ca is None:
            _ask(files, config.agent.id)
        else:
            _install(files, config.agent.id, chosen, answer, ca)
    except CertificateError as error:
        raise Finding("\n".join(f"{answer or files.key}: {p}" for p in error.problems)) from error
    except OSError as error:
        hint = "; run this as root" if isinstance(error, PermissionError) else ""
        raise Misuse(f"{error.filename}: {error.strerror}{hint}") from error


def _files(upstream: UpstreamTable) -> TlsFiles:
    return TlsFiles(
        key=upstream.key or FOLDER / "agent.key",
        cert=upstream.cert or FOLDER / "agent.pem",
        ca=upstream.ca or FOLDER / "ca.pem",
    )


def _ask(files: TlsFiles, agent: str) -> None:
    anew = ask(files, agent)
    click.echo(f"{files.waiting_key}: {'made' if anew else 'waits already'}; it stays on this box")
    click.echo(f"{files.request}: the request for agent {agent}; let your authority sign it, then:")
    click.echo("  cellwarden enroll --install SIGNED.pem --ca CA.pem")


def _install(
    files: TlsFiles, agent: str, upstream: UpstreamTable, answer: Path | None, ca: Path | None
) -> None:
    if answer:
        cert = install(files, answer.read_bytes(), agent, time.time())
        click.echo(f"{files.cert}: in use until {cert.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
        if never_set(time.time()):
            click.echo("this clock was never set: the certificate's dates were not looked at", err=True)
    if ca:
        install_authority(files, ca.read_bytes())
        click.echo(f"{files.ca}: collectors must show a certificate of this authority")
    missing = [
        f'{name} = "{file}"'
        for name, file in (("ca", files.ca), ("cert", files.cert), ("key", files.key))
        if getattr(upstream, name) is None and file.exists()
    ]
    if missing:
        click.echo("to be written under [upstream] of the configuration:")
        for line in missing:
            click.echo(f"  {line}")
    click.echo("then: systemctl restart cellwarden")
