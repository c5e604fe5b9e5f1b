"""The budget of a day, which all snapshots share."""

from datetime import UTC, datetime

from adapters.services import Services
from domain import names
from domain.contracts import FileWork
from domain.day_budget import DayLine
from domain.tokens import dollars


def beyond_day(work: FileWork, cost: float, services: Services) -> str | None:
    """Count a file of such an estimated cost among today's; says why it has to wait, None where it need not.

    Raises PassingError: a budget that cannot be looked at lets no file through.
    """
    limit = services.settings.max_cost_per_day
    if limit is None:
        return None
    day = names.day_of(datetime.fromtimestamp(services.clock(), UTC))
    line = DayLine(key=work.key, cost=cost, approved=work.approved)
    spent = services.work.day_costs.let_through(day, line, limit)
    if spent is None:
        return None
    return (
        f"The file would cost about {dollars(cost)}; with {dollars(spent)} for the others of this day (UTC), it would exceed "
        f"MAX_COST_PER_DAY ({limit:g}). Nothing was sent."
    )
