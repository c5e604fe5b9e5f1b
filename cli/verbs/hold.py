"""`hold`: have files wait."""

from cli.acting import Action, action_command

command = action_command(
    Action("hold"),
    help="""Have files wait until they are released, of which nothing was sent yet. Those that have begun can only be cancelled.""",
    epilog="""\b
Examples:
  aoai-batch hold tickets.csv
  aoai-batch hold catalogue/ --json

Exit code: 0 when it was asked for, 2 when it makes no sense.""",
)
