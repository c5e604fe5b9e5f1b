"""The deployment of an Azure ML batch endpoint with an OpenAI model, as a job spec.

From "Run Azure OpenAI models in batch endpoints" and cli/endpoints/batch/deploy-models/openai-embeddings of Azure/azureml-examples, read
2026-11: the driver makes a request of each row's column `text`; the model says which task, the variables which resource.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from cli.faults import CommandError, Ending
from cli.migration import Line
from domain.ancestor_settings import ancestors_names
from domain.service.endpoints import ENDPOINTS, Endpoint, Task
from domain.spec.job_spec import parse_spec

TEXT = "text"  # the column that the driver reads

_NAME = re.compile(r"(azureml:)?(?://.*/models/)?(?P<name>[^:@/]+)([:@/].*)?")
_TASKS: tuple[tuple[str, str], ...] = (
    ("embed|ada-00", "embeddings"),
    ("instruct|davinci|babbage|curie", "completions"),
)
_NO_PLACE = {
    "compute": "there is no cluster: the app waits without one",
    "environment": "there is no environment to build",
    "code_configuration": "there is no driver: the job spec takes its place",
    "resources": "there is no cluster",
    "max_concurrency_per_instance": "batches run beside each other, up to MAX_ACTIVE_BATCHES",
    "mini_batch_size": "files are cut into batches within the service's limits",
    "logging_level": "see `aoai-batch status` and `errors`",
    "error_threshold": "a row that fails costs that row",
    "endpoint_name": "files that are dropped are the calls",
    "name": "",
    "description": "",
    "type": "",
    "$schema": "",
}


def read_deployment(path: Path) -> dict[str, Any]:
    """Read a deployment's YAML. Raises CommandError for what is none."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise CommandError(
            f"{path} cannot be read: {' '.join(str(error).split())}.", ending=Ending.REFUSED
        ) from error
    if not isinstance(found, dict) or not found.get("model"):
        raise CommandError(
            f"{path} names no model: is it the deployment of a batch endpoint?", ending=Ending.REFUSED
        )
    return found


def job_spec_of(deployment: Mapping[str, Any], *, task: str | None = None) -> tuple[str, list[Line]]:
    """Write the job spec that does what a deployment did, and say what became of each of its keys."""
    settings = deployment.get("settings") or {}
    variables = {name: str(value) for name, value in (settings.get("environment_variables") or {}).items()}
    model = _model(deployment["model"])
    name = variables.get("OPENAI_DEPLOYMENT_NAME") or variables.get("OPENAI_ENGINE") or model
    endpoint = ENDPOINTS[_task(task, model)]
    text = _spec(endpoint, name, _format(settings))
    parse_spec(text.encode(), "_batch.yaml")
    lines = [Line("model", "deployment, endpoint", f"{name}, {endpoint.task}")]
    lines += _of_variables(variables)
    lines += _of_settings(settings)
    lines += [
        Line(key, "", _NO_PLACE.get(key, "has no meaning here"))
        for key in deployment
        if key not in ("model", "settings")
    ]
    return text, lines


def _model(told: object) -> str:
    if isinstance(told, dict):
        told = told.get("name") or told.get("path") or ""
    found = _NAME.fullmatch(str(told))
    if found is None:
        raise CommandError(f"The model {told!r} has no name that is known.", ending=Ending.REFUSED)
    return found["name"]


def _task(told: str | None, model: str) -> Task:
    """Give what is asked for, or what the model's name says; chat for any other."""
    name = told or next((task for pattern, task in _TASKS if re.search(pattern, model)), "chat")
    return next(task for task in ENDPOINTS if task == name)


def _spec(endpoint: Endpoint, deployment: str, form: str) -> str:
    """Write what the driver does: a request of each row's text, as it is."""
    document: dict[str, Any] = {"endpoint": endpoint.task, "deployment": deployment}
    template = f"{{{{ {TEXT} }}}}"
    if endpoint.messages_key and not endpoint.text_key:
        document["messages"] = [{"role": "user", "content": template}]
    else:
        document["input"] = template
    document["output"] = {"format": form, "columns": []}
    remark = "# What the batch endpoint's driver did: a request of the column `text` of each row. More: docs/job-spec.md\n"
    return remark + yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def _format(settings: Mapping[str, Any]) -> str:
    return "csv" if str(settings.get("output_file_name") or "").endswith(".csv") else "jsonl"


def _of_variables(variables: Mapping[str, str]) -> list[Line]:
    filled = {name: value for name, value in variables.items() if not value.startswith("$")}
    understood, warning = ancestors_names(filled)
    lines = []
    for name, value in variables.items():
        if name not in filled:
            lines.append(
                Line(
                    name,
                    "AZURE_OPENAI_ENDPOINT" if name == "OPENAI_API_BASE" else "",
                    f"not filled in ({value})",
                )
            )
        elif value in understood.values() and warning and f"{name} as " in warning:
            ours = warning.partition(f"{name} as ")[2].split(",")[0].split(".")[0]
            lines.append(Line(name, ours, "understood under its old name, too"))
        else:
            lines.append(
                Line(
                    name, "", "of no use here: identity where no key is set, and an api-version with batches"
                )
            )
    return lines


def _of_settings(settings: Mapping[str, Any]) -> list[Line]:
    lines = []
    for key, value in settings.items():
        if key == "environment_variables":
            continue
        if key == "retry_settings":
            tries = int((value or {}).get("max_retries") or 0) + 1
            lines.append(Line("max_retries", "MAX_ATTEMPTS", f"{tries} tries; of requests, not of files"))
        elif key == "output_file_name":
            lines.append(Line(key, "output.format", "results lie beside the input, `<stem>_output`"))
        elif key == "output_action":
            lines.append(Line(key, "output", "a record for each row, in its order"))
        else:
            lines.append(Line(key, "", _NO_PLACE.get(key, "has no meaning here")))
    return lines
