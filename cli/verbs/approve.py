"""`approve`: let files go beyond a budget."""

from cli.acting import Action, action_command

command = action_command(
    Action("approve", question="Let {what}{rows} go beyond MAX_TOKENS_PER_FILE and MAX_COST_PER_SNAPSHOT?"),
    help="""Let files go beyond MAX_TOKENS_PER_FILE and MAX_COST_PER_SNAPSHOT, now or when their turn comes.""",
    epilog="""\b
Examples:
  aoai-batch approve big.jsonl                  asks
  aoai-batch approve big.jsonl --yes --json

Exit code: 0 when it was asked for, 2 when it makes no sense.""",
)
