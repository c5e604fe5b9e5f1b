"""`cancel`: end files early."""

from cli.acting import Action, action_command

command = action_command(
    Action(
        "cancel",
        question="Cancel {what}{rows}? What is answered is kept, and was billed; the rest ends as cancelled.",
        takes_snapshots=True,
    ),
    help="""End files early, or all files of a snapshot.

    Batches are cancelled, which takes the service up to ten minutes, and nothing more is sent. Rows that have an answer are in the results; the
    others end as cancelled, in the errors and in the retry file.
    """,
    epilog="""\b
Examples:
  aoai-batch cancel tickets.csv                                asks, with rows
  aoai-batch cancel catalogue/ --yes && aoai-batch watch catalogue/
  aoai-batch cancel snapshot-20261124T031800.000Z --yes

Exit code: 0 when it was asked for, 2 when it makes no sense.""",
)
