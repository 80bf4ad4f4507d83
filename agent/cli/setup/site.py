"""Step 5 of setup: what people call the site, and who may take its values."""

from urllib.parse import urlsplit

import click
from pydantic import ValidationError

from agent.cli.common.announced import HINT, Search, lines
from agent.cli.common.codes import Trouble
from agent.cli.common.prompts import Prompts
from agent.cli.common.try_collector import NotReached, NotTaken, try_collector
from agent.cli.setup.draft import Draft
from agent.config.tables import AgentTable, Config, UpstreamTable
from agent.message import told_by
from agent.view.language import tell, tr
from agent.wire.hosts import authority, host_and_port, is_loopback

SITE, URL = "The site's name, as people say it", "The collector's URL"
LONG = "60 characters at most"
URL_OR_NUMBER = "The collector's URL, or its number here"
PORT = 8440  # where `cellwarden-collector serve` listens if not told otherwise
HERE = f"http://127.0.0.1:{PORT}"


def site_of(prompts: Prompts, draft: Draft, before: Config | None, given: str | None) -> str:
    """Return the site's name, "" where it is called as the box. before: what is configured now."""
    name = draft.agent or (before.agent.id if before else AgentTable().id)
    already = before.agent.site if before else ""
    proposed = draft.proposed.get("site") or already or name
    question = f"    {tr(SITE)}"
    while True:
        site = given if given is not None else prompts.ask(question, proposed)
        try:
            return "" if site == name and not already else AgentTable(site=site).site
        except ValidationError as error:
            what = tr(LONG) if error.errors()[0]["type"] == "string_too_long" else why(error)
            if given is not None:
                raise Trouble("CW-310", f"--site {site!r}: {what}", "cellwarden setup --help") from error
            click.echo(f"    {what}", err=True)


def upstream_of(prompts: Prompts, draft: Draft, before: Config | None, given: str | None) -> str:
    """Return the collector's URL. One that announces itself can be chosen, and is never proposed."""
    if given:
        return given
    agent = draft.agent or (before.agent.id if before else AgentTable().id)
    known = draft.proposed.get("upstream") or (before.upstream[0].url if before else "")
    if prompts.yes:
        return prompts.ask(f"    {tr(URL)}", known or HERE)
    found = Search(collectors=True).found()
    question = f"    {tr(URL)}"
    if found:
        here = tell("Collectors that announce themselves in this network ({hint}):", hint=tr(HINT))
        click.echo(f"    {here}")
        for number, line in enumerate(lines(found), 1):
            click.echo(f"    {number}  {line}")
        question = f"    {tr(URL_OR_NUMBER)}"
    elif not known:
        click.echo(f"    {_reached(HERE, agent)}")
    while True:
        answer = prompts.ask(question, known or (None if found else HERE))
        if found and answer.isdecimal():
            if 0 < int(answer) <= len(found):
                return found[int(answer) - 1].url
            continue
        url = _with_port(prompts, answer)
        if problem := _problem(url):
            click.echo(f"    {problem}", err=True)
            continue
        if url != HERE or known or found:
            click.echo(f"    {_reached(url, agent)}")
        return url


def _with_port(prompts: Prompts, answer: str) -> str:
    """Return a URL with a port: where none is said, that is asked; a host alone is a URL, too."""
    if "://" not in answer:
        host, port = host_and_port(answer, 0) or (answer, 0)
        answer = f"{'http' if is_loopback(host) else 'https'}://{authority(host, port) if port else host}"
    try:
        parts = urlsplit(answer)
        bare = bool(parts.hostname) and parts.port is None
    except ValueError:
        return answer
    if not bare:
        return answer
    port_text = prompts.ask(f"    {tr('Its port (443 behind a proxy)')}", str(PORT))
    return parts._replace(netloc=f"{parts.netloc}:{port_text}").geturl()


def _problem(url: str) -> str:
    """Return why a URL cannot be a collector's; "" where it can."""
    try:
        UpstreamTable(url=url)
    except ValidationError as error:
        return why(error)
    return ""


def why(error: ValidationError) -> str:
    """Return what is wrong with a value, in the language that is spoken."""
    first = error.errors()[0]
    mistake = first.get("ctx", {}).get("error")
    return tr(mistake.args[0] if isinstance(mistake, ValueError) else first["msg"])


def _reached(url: str, agent: str) -> str:
    """Say whether a collector answers there; one without may come later."""
    try:
        return tr(try_collector(UpstreamTable(url=url), agent))
    except NotReached as error:
        return tell("No collector answers at {where} yet; batches wait on disk until one does.", where=error)
    except NotTaken as error:
        return tell("It takes no batches yet: {why}", why=told_by(error))
