"""What a durable client is made of: the task hub and the addresses of the management API."""

import json

MANAGEMENT_PREFIX = "/runtime/webhooks/durabletask"
_INSTANCE_PLACEHOLDER = "INSTANCEID"  # the SDK puts the instance id in its place
_OPERATIONS = {
    "statusQueryGetUri": "",
    "sendEventPostUri": "/raiseEvent/{eventName}",
    "terminatePostUri": "/terminate?reason={text}",
    "rewindPostUri": "/rewind?reason={text}",
    "purgeHistoryDeleteUri": "",
    "restartPostUri": "/restart",
    "suspendPostUri": "/suspend?reason={text}",
    "resumePostUri": "/resume?reason={text}",
}


def management_urls(origin: str, task_hub: str, instance_id: str) -> dict[str, str]:
    """Return the address of each operation on an instance; `origin` is like `http://127.0.0.1:7071`."""
    urls = {"id": instance_id}
    for name, operation in _OPERATIONS.items():
        separator = "&" if "?" in operation else "?"
        query = f"{separator}taskHub={task_hub}&connection=Storage"
        urls[name] = f"{origin}{MANAGEMENT_PREFIX}/instances/{instance_id}{operation}{query}"
    return urls


def client_binding(origin: str, task_hub: str) -> str:
    """Return the JSON text that a parameter bound with `durable_client_input` is made from."""
    base = origin + MANAGEMENT_PREFIX
    query = f"taskHub={task_hub}&connection=Storage"
    create = f"{base}/orchestrators/{{functionName}}[/{{instanceId}}]"
    return json.dumps(
        {
            "taskHubName": task_hub,
            "creationUrls": {
                "createNewInstancePostUri": f"{create}?{query}",
                "createAndWaitOnNewInstancePostUri": (
                    f"{create}?timeout={{timeoutInSeconds}}&pollingInterval={{intervalInSeconds}}&{query}"
                ),
            },
            "managementUrls": management_urls(origin, task_hub, _INSTANCE_PLACEHOLDER),
            "baseUrl": base,
            "requiredQueryStringParameters": query,
            "rpcBaseUrl": f"{base}/",  # the SDK appends to it without a slash of its own
        }
    )
