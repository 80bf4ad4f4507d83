"""Step 4 of setup: what only a person beside the cabinet knows of each unit."""

from collections.abc import Callable, Sequence

import click
from pydantic import TypeAdapter, ValidationError

from agent.cli.common.codes import Trouble
from agent.cli.common.prompts import Prompts
from agent.cli.profile.common import load as profile_of
from agent.cli.report.commissioning.compare import panel, plate
from agent.cli.setup.draft import ChosenUnit, Draft
from agent.cli.setup.said import Said
from agent.cli.setup.steps import begin
from agent.cli.setup.trial import Tested
from agent.detect.limits import CELL_V
from agent.keys.values import Name
from agent.message import Message
from agent.view.language import tell, tr

UNKNOWN = "unknown"
#: What was read, by whether there are several modules, and several strings.
WITHIN = {
    (False, False): "{cells} cell voltages",
    (True, False): "{cells} cell voltages in {modules} modules",
    (False, True): "{cells} cell voltages in {strings} strings",
    (True, True): "{cells} cell voltages in {modules} modules of {strings} strings",
}
NAME: TypeAdapter[str] = TypeAdapter(Name)


def label(
    prompts: Prompts, draft: Draft, tested: Sequence[Tested], said: Said, save: Callable[[], None]
) -> None:
    """Ask for labels, for a chemistry where limits need it, and whether panels and plates say the same."""
    for number, done in enumerate(tested, 1):
        unit = done.unit
        begin(4, f"{unit.station}: {counted(done.sight.coverage())}")
        given = said.labels[number - 1] if number <= len(said.labels) else ""
        _name(prompts, draft, unit, given, f"rack-{number}")
        if (
            done.sight.tells_cells()
            and not unit.chemistry
            and "cell_voltage" not in profile_of(unit.profile, said.folders).limits
        ):
            same = next(
                (u.chemistry for u in draft.units if u.profile == unit.profile and u.chemistry), UNKNOWN
            )
            unit.chemistry = _chemistry(prompts, said.chemistry, same)
        save()
    if not prompts.yes and not draft.plate and _wants_to_compare(prompts, tested):
        for done in tested:
            name = done.unit.label
            if len(tested) > 1:
                click.echo(f"    {name}")
            if compared := panel(prompts, done.sight.pack_v()):
                draft.panel[name] = compared
            draft.plate[name] = plate(prompts, done.sight.identity)
            save()


def counted(seen: Sequence[tuple[str, int, int]]) -> str:
    """Return what was read, in the language that is spoken: "56 cell voltages in 4 modules".

    seen: of each part its place, how many cell voltages and how many temperatures. Pure.
    """
    places = [place for place, cells, _ in seen if cells]
    cells = sum(count for _, count, _ in seen)
    if not cells:
        return tr("no single cells")
    modules = sum(place.rpartition("/")[2].startswith("module") for place in places)
    strings = len({place.partition("/")[0] for place in places if place.startswith("string")})
    return tell(WITHIN[modules > 1, strings > 1], cells=cells, modules=modules, strings=strings)


def _name(prompts: Prompts, draft: Draft, unit: ChosenUnit, given: str, usual: str) -> None:
    taken = {other.label for other in draft.units if other is not unit}
    while not unit.label:
        proposed = draft.proposed.get(unit.station, usual)
        name = given or prompts.ask(f"    {tr('Its label on the panel')}", proposed)
        if _is_name(name) and name not in taken:
            unit.label = name
            return
        rule = tell("{name}: letters, digits, dot, dash; each label once", name=repr(name))
        click.echo(f"    {rule}", err=True)
        if prompts.yes:
            cannot = Message("--label {name} cannot be used.", name=repr(name))
            raise Trouble("CW-310", cannot, "cellwarden setup --help")
        given = ""


def _is_name(text: str) -> bool:
    try:
        NAME.validate_python(text)
    except ValidationError:
        return False
    return True


def _chemistry(prompts: Prompts, given: str | None, same: str) -> str:
    """Return what somebody says of the cells, "" where nobody knows: it is never guessed.

    same: what was said of another unit of its profile.
    """
    known = {name.upper(): name for name in CELL_V}
    while not given:
        choices = ", ".join((*CELL_V, UNKNOWN))
        said = prompts.ask(f"    {tell('Chemistry on its plate ({choices})', choices=choices)}", same)
        if said == UNKNOWN:
            later = tr("without it its voltages have no limit; write chemistry to its [[unit]] later")
            click.echo(f"    {later}")
            return ""
        given = known.get(said.upper())
    return given


def _wants_to_compare(prompts: Prompts, tested: Sequence[Tested]) -> bool:
    """One unit is compared by the way; with many it is a walk, and asked first."""
    if len(tested) == 1:
        return True
    asked = tell("Compare the panels and plates of these {n} units now?", n=len(tested))
    return prompts.agree(f"    {asked}", proposed=False)
