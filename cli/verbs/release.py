"""`release`: let files go on."""

from cli.acting import Action, action_command

command = action_command(
    Action("release", of_files=lambda file: file.state == "held"),
    help="""Let files go on that are held: by you, by a budget, or because a step failed again and again.""",
    epilog="""\b
Examples:
  aoai-batch release tickets.csv
  aoai-batch release catalogue/ && aoai-batch watch catalogue/

Exit code: 0 when it was asked for, 2 when nothing is held.""",
)
