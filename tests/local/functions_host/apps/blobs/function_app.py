"""Blob functions that write down what they were called with, one JSON line in the file RECORD per call."""

import json
import os
from pathlib import Path

import azure.functions as func
from azurefunctions.extensions.bindings import blob

app = func.FunctionApp()


def record(function: str, client: blob.BlobClient) -> None:
    with Path(os.environ["RECORD"]).open("a") as file:
        file.write(json.dumps([function, client.container_name, client.blob_name]) + "\n")


@app.blob_trigger(
    arg_name="client",
    path="%INPUT_CONTAINER%/in/{name}",
    connection="DATA",
    source=func.BlobSource.LOGS_AND_CONTAINER_SCAN,
)
def scanned(client: blob.BlobClient) -> None:
    record("scanned", client)
    if "bad" in str(client.blob_name):
        raise ValueError("a bad blob")


@app.blob_trigger(
    arg_name="client",
    path="%INPUT_CONTAINER%/{name}",
    connection="DATA",
    source=func.BlobSource.EVENT_GRID,
)
async def evented(client: blob.BlobClient) -> None:
    record("evented", client)
