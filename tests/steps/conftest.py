"""The activities' simulated service and pipelines, for steps that are called by themselves."""

from tests.activities.conftest import make_pipeline, service, shared_service, short_slices

__all__ = ["make_pipeline", "service", "shared_service", "short_slices"]
