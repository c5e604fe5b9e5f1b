"""The deployment of an Azure ML batch endpoint as a job spec."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.command import aoai

# The example's own, of Azure/azureml-examples.
DEPLOYMENT: dict[str, Any] = {
    "$schema": "https://azuremlschemas.azureedge.net/latest/batchDeployment.schema.json",
    "endpoint_name": "text-embedding-ada-qwerty",
    "name": "default",
    "description": "The default deployment for generating embeddings",
    "type": "model",
    "model": "azureml:text-embedding-ada-002@latest",
    "environment": {"name": "batch-openai-mlflow", "conda_file": "environment/conda.yaml"},
    "code_configuration": {"code": "code", "scoring_script": "batch_driver.py"},
    "compute": "azureml:batch-cluster-lp",
    "resources": {"instance_count": 1},
    "settings": {
        "max_concurrency_per_instance": 1,
        "mini_batch_size": 1,
        "output_action": "summary_only",
        "retry_settings": {"max_retries": 1, "timeout": 9999},
        "logging_level": "info",
        "environment_variables": {
            "OPENAI_API_TYPE": "azure_ad",
            "OPENAI_API_BASE": "$OPENAI_API_BASE",
            "OPENAI_API_VERSION": "2023-03-15-preview",
        },
    },
}


def write(folder: Path, **changes: Any) -> Path:
    path = folder / "deployment.yml"
    path.write_text(yaml.safe_dump(DEPLOYMENT | changes))
    return path


def test_the_example_s_deployment_becomes_the_spec_of_its_data(folder: Path, shared_data: Path) -> None:
    (folder / "bills").mkdir()
    (folder / "bills" / "billsum-0.csv").write_bytes((shared_data / "billsum-0.csv").read_bytes())
    ran = aoai("migrate", write(folder), "-o", "bills/_batch.yaml", "--json")
    assert ran.code == 0, ran.err
    (quote,) = aoai("quote", "bills").records
    assert (quote["verdict"], quote["requests"], quote["invalid"]) == ("ready", 49, 0)
    assert (quote["endpoint"], quote["deployment"]) == ("/v1/embeddings", "text-embedding-ada-002")


def test_every_key_finds_its_place_or_a_word(folder: Path) -> None:
    ran = aoai("migrate", write(folder), "--json")
    told = {line["theirs"]: line for line in ran.records}
    settings = dict(DEPLOYMENT["settings"])
    variables = settings.pop("environment_variables")
    settings.pop("retry_settings")
    assert {*DEPLOYMENT, *settings, *variables, "max_retries"} - {"settings"} == told.keys()
    assert told["OPENAI_API_BASE"]["remark"] == "not filled in ($OPENAI_API_BASE)"
    assert told["max_retries"]["ours"] == "MAX_ATTEMPTS"


@pytest.mark.parametrize(
    ("model", "task", "endpoint"),
    [
        ("azureml:text-embedding-3-small:1", None, "embeddings"),
        ("azureml:gpt-35-turbo-instruct@latest", None, "completions"),
        ("azureml:text-davinci-002@latest", None, "completions"),
        ("azureml:gpt-4o-mini@latest", None, "chat"),
        ("azureml://registries/azureml/models/gpt-4o/versions/3", None, "chat"),
        ({"name": "my-gpt", "path": "model"}, "responses", "responses"),
    ],
)
def test_the_task_is_told_by_the_model_or_by_people(
    folder: Path, model: Any, task: str | None, endpoint: str
) -> None:
    options = ["--task", task] if task else []
    ran = aoai("migrate", write(folder, model=model), "-o", "-", *options)
    spec = yaml.safe_load(ran.out)
    assert spec["endpoint"] == endpoint
    (folder / "_batch.yaml").write_text(ran.out)
    (folder / "t.csv").write_text("text\nsome words\n")
    assert aoai("quote", "t.csv").records[0]["verdict"] == "ready"


@pytest.mark.parametrize("content", ["", "a: [", "- 1", "name: x", "model: ':::'"])
def test_what_is_no_deployment_is_told(folder: Path, content: str) -> None:
    (folder / "deployment.yml").write_text(content)
    ran = aoai("migrate", "deployment.yml")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert not (folder / "_batch.yaml").exists()


def test_a_deployment_s_own_name_and_format_count(folder: Path) -> None:
    settings = {
        "output_file_name": "predictions.csv",
        "environment_variables": {
            "OPENAI_API_BASE": "https://name.openai.azure.com",
            "OPENAI_DEPLOYMENT_NAME": "mine",
            "OPENAI_API_KEY": "secret",
        },
    }
    ran = aoai("migrate", write(folder, settings=settings), "--json")
    spec = yaml.safe_load((folder / "_batch.yaml").read_text())
    assert (spec["deployment"], spec["output"]["format"]) == ("mine", "csv")
    told = {line["theirs"]: line["ours"] for line in ran.records}
    assert told["OPENAI_API_BASE"] == "AZURE_OPENAI_ENDPOINT"
    assert told["OPENAI_API_KEY"] == "AZURE_OPENAI_API_KEY"
    assert "secret" not in ran.out + (folder / "_batch.yaml").read_text()
