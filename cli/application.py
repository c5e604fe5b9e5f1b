"""The command line as a whole: its verbs, which are imported when they are asked for, and how faults are told."""

import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

import click
from click.shell_completion import CompletionItem

from cli.faults import CommandError, Ending
from domain.version import VERSION

NAME = "aoai-batch"
LONGEST_FAULT = 2000  # characters


class Verb(NamedTuple):
    """A verb in the list of all, which is shown without importing it."""

    module: str
    group: str
    help: str


BEFORE, DURING, AFTER, AROUND = "Before", "While it runs", "Afterwards", "Around it"

VERBS: dict[str, Verb] = {
    "init": Verb("init", BEFORE, "A folder to begin with: a job spec, a sample, the schema for the editor."),
    "quote": Verb(
        "quote", BEFORE, "What files would take: requests, tokens, cost, mistakes. Nothing is sent."
    ),
    "drop": Verb("drop", BEFORE, "Bring files into the input container, unless quote would refuse them."),
    "run": Verb("run", DURING, "Have the app take now what is in the input container."),
    "status": Verb("status", DURING, "Where snapshots and files stand."),
    "watch": Verb("watch", DURING, "Follow files to their end; the exit code says how they ended."),
    "hold": Verb("hold", DURING, "Have files wait that have not begun."),
    "release": Verb("release", DURING, "Let files go on that are held."),
    "approve": Verb("approve", DURING, "Let files go beyond a budget."),
    "priority": Verb(
        "priority", DURING, "Have files, or all of a folder, begin before others or after them."
    ),
    "intake": Verb("intake", DURING, "Pause and resume the taking of new files."),
    "cancel": Verb("cancel", DURING, "End files or snapshots early; what is answered is kept."),
    "results": Verb("results", AFTER, "Take home what came out."),
    "errors": Verb("errors", AFTER, "What failed, and why: counts by code, then the rows."),
    "retry": Verb("retry", AFTER, "Send again what failed, and nothing else."),
    "audit": Verb("audit", AFTER, "Prove that every row came back, and was paid once."),
    "doctor": Verb(
        "doctor", AROUND, "What may be wrong with app, storage, service and settings; changes nothing."
    ),
    "migrate": Verb(
        "migrate", AROUND, "From the Azure OpenAI Batch accelerator, or an Azure ML batch endpoint."
    ),
    "use": Verb("use", AROUND, "Choose which app the command is about."),
    "simulate": Verb("simulate", AROUND, "An Azure OpenAI service on this machine, which costs nothing."),
    "completion": Verb("completion", AROUND, "Let bash, zsh or fish complete verbs, options and files."),
}

EXAMPLES = """\b
  aoai-batch quote tickets.csv             what it would take, and three prompts
  aoai-batch drop tickets.csv --watch      send it, and follow it to its end
  aoai-batch results tickets.csv           take home what came out
  aoai-batch errors tickets.csv            what failed, and what to do about it
"""


class Verbs(click.Group):
    """The verbs. The list of them costs no import but this module's."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the verbs, in the order of the list."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb."""
        del ctx
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"cli.verbs.{VERBS[cmd_name].module}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; one that is not there is told with those that are nearly called so."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from difflib import get_close_matches  # noqa: PLC0415 - rarely needed

            near = get_close_matches(args[0], VERBS)
            meant = f" Did you mean {' or '.join(near)}?" if near else f" `{NAME} --help` lists the verbs."
            raise click.UsageError(f"There is no verb {args[0]!r}.{meant}", ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a verb, without importing any; an option as any command does."""
        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        return [
            CompletionItem(name, help=verb.help)
            for name, verb in VERBS.items()
            if name.startswith(incomplete)
        ]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of verbs, by what they are for."""
        del ctx
        for group in (BEFORE, DURING, AFTER, AROUND):
            rows = [(name, verb.help) for name, verb in VERBS.items() if verb.group == group]
            if rows:
                with formatter.section(group):
                    formatter.write_dl(rows)


@click.command(
    NAME,
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=f"Examples:\n\n{EXAMPLES}\nA fault is told in one line; --debug shows where it came from.",
    no_args_is_help=True,
)
@click.version_option(VERSION, message="%(version)s")
def whole() -> None:
    """Run files of requests, tables and texts through Azure OpenAI Batch, and bring the answers home."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; gives the exit code. Whatever goes wrong is told in one line, with `--debug` in all."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in _options(given)
    if debug:
        given.remove("--debug")
    try:
        return _code(whole.main(args=given, prog_name=NAME, standalone_mode=False))
    except click.Abort:
        return Ending.INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except KeyboardInterrupt:
        return Ending.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - told in one line, whatever it is
        if debug:
            traceback.print_exc()
        return _told(error)


def _options(given: Sequence[str]) -> Sequence[str]:
    return given[: given.index("--")] if "--" in given else given


def _code(returned: object) -> int:
    return returned if isinstance(returned, int) else Ending.WELL


def _told(error: Exception) -> int:
    ending = error.ending if isinstance(error, CommandError) else Ending.FAULT
    text = "; ".join(line.strip().rstrip(";") for line in str(error).splitlines() if line.strip())
    text = text.replace(":;", ":")
    if not _is_expected(error):
        place = f"{type(error).__name__}: {text}" if text else type(error).__name__
        text = f"{place} (not foreseen; --debug shows where it came from)"
    from cli.output import visible  # noqa: PLC0415 - not needed for a list of verbs

    click.echo(f"{NAME}: {visible(text[:LONGEST_FAULT])}", err=True)
    return ending


def _is_expected(error: Exception) -> bool:
    """Tell errors whose text is for people from those that nobody wrote a text for."""
    if isinstance(error, CommandError | OSError):
        return True
    from domain.errors import PipelineError  # noqa: PLC0415 - a verb that raises one has imported it

    return isinstance(error, PipelineError)
