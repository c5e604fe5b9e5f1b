"""`azd up` is one command: what its hooks do with the Azure CLI, which is a recording stand-in here.

The PowerShell scripts are only held to the same commands; there is no PowerShell to run them.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
HOOKS = ROOT / "infra" / "hooks"
AZ = """#!/bin/sh
echo "$@" >> "$RECORD"
case "$*" in
  *"event-subscription list"*) cat "$FOUND" ;;
  *"deployment group create"*) [ "$(grep -c 'group create' "$RECORD")" -gt "$FAILURES" ] ;;
  *"account show"*) [ "$FAILURES" -eq 0 ] ;;
esac
"""


class Azure:
    """An `az` that writes down what it is asked; `failures` deployments fail before one does not."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.record, self.found = folder, folder / "record", folder / "found"
        self.found.write_text("")
        for name, text in (("az", AZ), ("sleep", '#!/bin/sh\necho "sleep $@" >> "$RECORD"\n')):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)

    def run(self, script: str, *, failures: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        self.record.write_text("")
        told = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "RECORD": str(self.record),
            "FOUND": str(self.found),
            "FAILURES": str(failures),
            "AZURE_SUBSCRIPTION_ID": "sub",
            "AZURE_RESOURCE_GROUP": "rg-test",
            "APP_NAME": "func-test",
            "EVENT_TOPIC": "evgt-test",
            "HOST_ACCOUNT": "hosttest",
            **environment,
        }
        return subprocess.run(
            ["/bin/sh", HOOKS / script], cwd=ROOT, env=told, capture_output=True, text=True, check=False
        )

    @property
    def asked(self) -> list[str]:
        return self.record.read_text().splitlines()


@pytest.fixture
def azure(tmp_path: Path) -> Azure:
    return Azure(tmp_path)


def test_the_hooks_that_azd_calls_are_there() -> None:
    hooks = yaml.safe_load((ROOT / "azure.yaml").read_text())["hooks"]
    assert set(hooks) == {"preprovision", "postdeploy"}
    for hook in hooks.values():
        for system, ending in (("posix", ".sh"), ("windows", ".ps1")):
            script = ROOT / hook[system]["run"]
            assert script.is_file()
            assert script.suffix == ending


def test_the_subscription_is_deployed_with_the_parameters_it_has(azure: Azure) -> None:
    assert azure.run("subscribe.sh").returncode == 0
    (asked,) = azure.asked
    given = dict(re.findall(r"(\w+)=(\S+)", asked))
    template = (ROOT / "infra" / "subscription.bicep").read_text()
    assert set(given) == set(re.findall(r"^param (\w+)", template, re.MULTILINE))
    assert given == {"appName": "func-test", "topicName": "evgt-test", "hostAccountName": "hosttest"}
    assert "--template-file infra/subscription.bicep" in asked
    assert "--subscription sub --resource-group rg-test" in asked


def test_an_app_that_is_not_ready_is_asked_again(azure: Azure) -> None:
    assert azure.run("subscribe.sh", failures=2).returncode == 0
    assert [line.split()[0] for line in azure.asked] == [
        "deployment",
        "sleep",
        "deployment",
        "sleep",
        "deployment",
    ]


def test_an_app_that_is_never_ready_is_told(azure: Azure) -> None:
    ran = azure.run("subscribe.sh", failures=99)
    assert ran.returncode == 1
    assert "azd hooks run postdeploy" in ran.stderr
    assert len([line for line in azure.asked if line.startswith("deployment")]) == 10


def test_without_events_there_is_no_subscription(azure: Azure) -> None:
    assert azure.run("subscribe.sh", EVENTS="false").returncode == 0
    assert [line.split()[3] for line in azure.asked] == ["list"]
    azure.found.write_text("blob-arrived\n")
    assert azure.run("subscribe.sh", EVENTS="false").returncode == 0
    assert [line.split()[3] for line in azure.asked] == ["list", "delete"]


@pytest.mark.parametrize(("failures", "events", "code"), [(0, "true", 0), (1, "true", 1), (1, "false", 0)])
def test_who_is_not_signed_in_is_told_before_anything_is_made(
    azure: Azure, failures: int, events: str, code: int
) -> None:
    ran = azure.run("check.sh", failures=failures, EVENTS=events)
    assert ran.returncode == code
    assert ("az login" in ran.stderr) == (code == 1)


def test_without_the_azure_cli_there_is_a_word_on_it(azure: Azure) -> None:
    ran = azure.run("check.sh", PATH=str(azure.folder / "nothing"))
    assert ran.returncode == 1
    assert "EVENTS false" in ran.stderr


def test_outputs_that_the_hooks_use_are_outputs_of_the_templates() -> None:
    outputs = set(re.findall(r"^output (\w+)", (ROOT / "infra" / "main.bicep").read_text(), re.MULTILINE))
    for script in sorted(HOOKS.iterdir()):
        used = set(re.findall(r"\$(?:env:|\{)?([A-Z_]{4,})\b", script.read_text()))
        assert used <= outputs | {"AZURE_SUBSCRIPTION_ID", "LASTEXITCODE"}


@pytest.mark.parametrize("name", ["check", "subscribe"])
def test_both_shells_are_told_the_same(name: str) -> None:
    def said(ending: str) -> set[str]:
        text = (HOOKS / f"{name}{ending}").read_text()
        text = re.sub(r"[\\`]\n\s*", "", re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE))
        return set(
            re.findall(
                r"\baz (?:[a-z]+-?[a-z]+ )+|--(?:name|query|template-file) \S+|\w+=|appName|topicName", text
            )
        )

    assert said(".sh") - {"tries=", "found="} == said(".ps1")
