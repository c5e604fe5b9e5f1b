"""The tester's side of the service, under /admin, without a key: plans, counters, a look at batches, a hand on them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta
from starlette.routing import Route

from local.azure_openai.errors import ServiceError
from local.azure_openai.lifecycle import PHASES, Ending
from local.azure_openai.operations import json_body, json_response, refusal
from local.azure_openai.plan import Plan

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from local.azure_openai.records import BatchRecord
    from local.azure_openai.service import Service


class ForcedState(msgspec.Struct, forbid_unknown_fields=True):
    """The body of POST /admin/batches/{id}: a status to end with, or (a phase, or `ends` false) to stay in."""

    status: str
    fraction: Annotated[float, Meta(ge=0, le=1)] = 1.0
    files: bool = True
    ends: bool = True


class Admin:
    """The handlers."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def routes(self) -> list[Route]:
        """The routes below /admin."""
        return [
            Route("/plan", self.plan, methods=["POST"]),
            Route("/counters", self.counters),
            Route("/reset", self.reset, methods=["POST"]),
            Route("/batches", self.batches),
            Route("/batches/{batch_id}", self.force, methods=["POST"]),
        ]

    async def plan(self, request: Request) -> Response:
        """Replace the plan."""
        try:
            self._service.faults.replace(await json_body(request, Plan))
        except ServiceError as error:
            return refusal(error)
        return json_response({})

    async def counters(self, _: Request) -> Response:
        """Tell the counts."""
        return json_response(self._service.summary())

    async def reset(self, _: Request) -> Response:
        """Forget everything."""
        self._service.reset()
        return json_response({})

    async def batches(self, _: Request) -> Response:
        """List all batches, oldest first."""
        return json_response([_brief(batch) for batch in self._service.batches.records.values()])

    async def force(self, request: Request) -> Response:
        """Give a batch a state."""
        try:
            forced = await json_body(request, ForcedState)
            batch = self._service.batches.get(request.path_params["batch_id"])
        except ServiceError as error:
            return refusal(error)
        if batch.is_over:
            return refusal(ServiceError(409, f"The batch is {batch.status} already."))
        if forced.ends and forced.status not in PHASES:
            ending = Ending(status=forced.status, fraction=forced.fraction, files=forced.files)
            self._service.lifecycle.end(batch, ending)
        else:
            self._service.lifecycle.hold(batch, forced.status)
        return json_response(_brief(batch))


def _brief(batch: BatchRecord) -> dict[str, Any]:
    completed, failed = batch.counts_at(time.time())
    return {
        "id": batch.id,
        "filename": batch.filename,
        "deployment": batch.deployment,
        "status": batch.status,
        "created_at": batch.created_at,
        "ended_at": batch.times.get(batch.status) if batch.is_over else None,
        "total": batch.total,
        "completed": completed,
        "failed": failed,
    }
