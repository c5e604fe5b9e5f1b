"""`quote`: what files would take, before anything is sent."""

from pathlib import Path
from typing import Any

import click

from cli.cargo import Cargo, load
from cli.faults import Ending
from cli.options import output_option, place_options
from cli.output import Column, Output, count, money, note, plural
from cli.places import Place
from cli.quoting import beyond_cost, quote_file
from domain.quotes import Quote
from domain.settings import Settings

SHOWN_TEXT = 600  # characters of a prompt
FILES_WITH_PROMPTS = 3

COLUMNS = (
    Column("file", "File"),
    Column("requests", "Requests", is_number=True),
    Column("invalid", "Invalid", is_number=True),
    Column("shards", "Shards", is_number=True),
    Column("input", "Tokens in", is_number=True),
    Column("output", "Tokens out", is_number=True),
    Column("cost", "Cost", is_number=True),
    Column("verdict", "Verdict"),
)


@click.command(
    epilog="""\b
Examples:
  aoai-batch quote tickets.csv                  one file, with the _batch.yaml beside it
  aoai-batch quote samples/catalogue --json     a folder, as JSON lines
  aoai-batch quote big.jsonl --set 'PRICES={"gpt-4o-mini-batch": {"input": 0.075, "output": 0.3}}'

Exit code: 0, or 2 when a file would be rejected, held or made to wait (with --strict: when anything would not be sent)."""
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--to", "into", default="", metavar="FOLDER", help="The folder of the input container they would go to."
)
@click.option(
    "--prompts", default=3, show_default=True, type=click.IntRange(0, 100), help="Requests to show."
)
@click.option("--strict", is_flag=True, help="A line that would not be sent counts like a file.")
@output_option
@place_options
def command(
    *, place: Place, files: tuple[Path, ...], into: str, prompts: int, strict: bool, as_json: bool | None
) -> int:
    """Say what FILES would take: requests, shards, tokens, cost, the first mistakes, three prompts.

    FILES are files or folders; the app's own readers read all of them, and nothing is sent. A `_batch.yaml` beside a file says how
    its rows become requests. Costs are known where PRICES is.
    """
    out, settings = Output(as_json), place.settings()
    quotes = quote_all(load(files, into=into), settings, prompts=prompts)
    show(out, quotes, settings)
    if not settings.price_list and not out.is_json:
        note(
            'No cost without prices: --set \'PRICES={"<deployment>": {"input": …, "output": …}}\', in dollars per million tokens.'
        )
    return Ending.REFUSED if refused(quotes, settings, strict=strict) else Ending.WELL


def quote_all(cargo: Cargo, settings: Settings, *, prompts: int = 0) -> list[Quote]:
    """Quote all files."""
    return [
        quote_file(
            file,
            path,
            lambda path=path: cargo.read_governing(path, settings.spec_defaults),  # type: ignore[misc]
            settings,
            job_spec=cargo.governing(path),
            prompts=prompts,
        )
        for file, path in cargo.files
    ]


def refused(quotes: list[Quote], settings: Settings, *, strict: bool = False) -> bool:
    """Tell whether something would not be sent."""
    is_over = beyond_cost(quotes, settings) is not None
    return is_over or any(quote.verdict != "ready" or (strict and quote.invalid) for quote in quotes)


def show(out: Output, quotes: list[Quote], settings: Settings) -> None:
    """Show what was found."""
    if out.is_json:
        for quote in quotes:
            out.record(quote)
        return
    rows = [_row(quote) for quote in quotes]
    out.table(COLUMNS, [*rows, _total(quotes)] if len(quotes) > 1 else rows)
    for quote in quotes:
        _show_reasons(out, quote)
    if over := beyond_cost(quotes, settings):
        out.line(f"\n{over}", style="red")
    if len(quotes) <= FILES_WITH_PROMPTS:
        for quote in quotes:
            _show_prompts(out, quote)


def _row(quote: Quote) -> dict[str, str]:
    return {
        "file": quote.file,
        "requests": count(quote.requests),
        "invalid": count(quote.invalid) if quote.invalid else "",
        "shards": count(quote.shards),
        "input": count(quote.input_tokens),
        "output": count(quote.output_tokens),
        "cost": money(quote.cost),
        "verdict": quote.verdict if quote.verdict in ("ready", "held") else f"{quote.verdict}: {quote.code}",
    }


def _total(quotes: list[Quote]) -> dict[str, str]:
    costs = [quote.cost for quote in quotes if quote.cost is not None]
    whole = Quote(
        file=plural(len(quotes), "file"),
        requests=sum(quote.requests for quote in quotes),
        invalid=sum(quote.invalid for quote in quotes),
        shards=sum(quote.shards for quote in quotes),
        input_tokens=sum(quote.input_tokens for quote in quotes),
        output_tokens=sum(quote.output_tokens for quote in quotes),
        cost=sum(costs) if costs else None,
    )
    return _row(whole) | {"verdict": ""}


def _show_reasons(out: Output, quote: Quote) -> None:
    if quote.reason:
        out.line(f"\n{quote.file}: {quote.reason}", style="red")
    elif quote.mistakes:
        of = plural(quote.requests, "request")
        out.line(f"\n{quote.file}: {count(quote.invalid)} of {of} would not be sent:", style="yellow")
    if quote.mistakes and not (len(quote.mistakes) == 1 and quote.mistakes[0].message == quote.reason):
        for mistake in quote.mistakes:
            place = f"line {mistake.line}" if mistake.line is not None else f"row {mistake.row}"
            out.line(f"  {place}: {mistake.message} ({mistake.code})")
        if quote.invalid > len(quote.mistakes):
            out.line(f"  … and {count(quote.invalid - len(quote.mistakes))} more")


def _show_prompts(out: Output, quote: Quote) -> None:
    for number, request in enumerate(quote.prompts, 1):
        told = (
            f"{quote.file}: request {number} of {count(quote.requests - quote.invalid)}, {request.get('url')}"
        )
        out.line(f"\n{told}, {quote.deployment}", style="bold")
        for speaker, text in _texts(request.get("body") or {}):
            out.line(f"  {speaker}: {_cut(text)}" if speaker else f"  {_cut(text)}")


def _texts(body: dict[str, Any]) -> list[tuple[str, str]]:
    """Give who says what in a request, whatever its endpoint calls it."""
    messages = body.get("messages") or body.get("input") or body.get("prompt") or ""
    if isinstance(messages, str):
        return [("", messages)]
    return [
        (str(part.get("role", "")), _plain(part.get("content")))
        if isinstance(part, dict)
        else ("", str(part))
        for part in messages
    ]


def _plain(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    return " ".join(
        str(part.get("text") or f"({part.get('type', 'part')})") if isinstance(part, dict) else str(part)
        for part in parts
    )


def _cut(text: str) -> str:
    shown = text if len(text) <= SHOWN_TEXT else f"{text[:SHOWN_TEXT]}…"
    return shown.replace("\n", "\n    ")
