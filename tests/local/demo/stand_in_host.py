"""A host with the simplest app that can answer the samples, for tests of the demo: `stand_in_host.py PORT FLAW`.

FLAW says what it does wrong: `none`; `careless` drops a result of each file, creates each batch twice and leaves the
service's files behind; `fails` ends its snapshot as failed; `dies` ends while it works; `idles` does nothing.
"""

import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import Any

from azure.storage.blob import BlobServiceClient, ContainerClient
from openai import OpenAI

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # a script finds only its own folder

from local.demo.run import SAMPLES as FOLDER
from local.demo.storage import is_job_spec, samples_in
from local.demo.tables import is_table, rows_of

SAMPLES = [name for name in samples_in(FOLDER) if not is_job_spec(name)]

SNAPSHOT: dict[str, Any] = {"id": "snapshot-1", "status": "Running", "progress": {"files": []}}


class Api(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        answers: dict[str, Any] = {
            "/admin/host/status": {"state": "Running"},
            "/api/snapshots": {"snapshots": [SNAPSHOT]},
            "/api/snapshots/snapshot-1": SNAPSHOT,
        }
        body = json.dumps(answers[self.path]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


class Pipeline:
    def __init__(self, flaw: str) -> None:
        self.flaw = flaw
        self.storage = BlobServiceClient.from_connection_string(os.environ["DATA"])
        endpoint = os.environ["AZURE_OPENAI_ENDPOINT"] + "/openai/v1/"
        self.service = OpenAI(base_url=endpoint, api_key=os.environ["AZURE_OPENAI_API_KEY"])

    def run(self) -> None:
        container = self.storage.get_container_client(os.environ["INPUT_CONTAINER"])
        while not container.exists() or len(names := files_in(container)) < len(SAMPLES):
            time.sleep(0.05)
        if self.flaw == "dies":
            raise SystemExit("the stand-in was told to die")
        if self.flaw == "fails":
            SNAPSHOT.update(status="Failed", progress={"message": "no such deployment"})
        if self.flaw in {"fails", "idles"}:
            return
        for name in names:
            SNAPSHOT["progress"]["files"].append({"path": name, "state": "submitting"})
        for name, progress in zip(names, SNAPSHOT["progress"]["files"], strict=True):
            self.process(name, progress)
        SNAPSHOT["status"] = "Completed"

    def process(self, name: str, progress: dict[str, Any]) -> None:
        blob = self.storage.get_blob_client(os.environ["INPUT_CONTAINER"], name)
        content = blob.download_blob().readall()
        good, errors = sort_rows(name, content) if is_table(name) else sort_lines(content.decode())
        progress.update(state="in_progress", requests=len(good) + len(errors), done=len(errors))
        outputs = self.answer(name, list(good.values()))
        if is_table(name):
            # In any order, as the service has it.
            answered = {json.loads(line)["custom_id"] for line in outputs}
            outputs = [as_record(name, custom_id) for custom_id in good if custom_id in answered]
        progress["state"] = "writing"
        if self.flaw == "careless":
            outputs.pop()
        path = PurePosixPath(name)
        folder = path.parent / f"{path.name}_20260101T000000Z"
        self.write("processed", folder / f"{path.stem}_output.jsonl", outputs)
        if errors:
            self.write("error", folder / f"{path.stem}_error.jsonl", [json.dumps(error) for error in errors])
        self.write("processed", folder / f"{path.stem}_metadata.json", [json.dumps({"file": name})])
        blob.delete_blob()

    def answer(self, name: str, lines: list[str]) -> list[str]:
        file = self.service.files.create(
            file=(PurePosixPath(name).stem + ".jsonl", "\n".join(lines).encode()), purpose="batch"
        )
        self.service.files.wait_for_processing(file.id, poll_interval=0.05)
        endpoint = json.loads(lines[0])["url"]
        for _ in range(2 if self.flaw == "careless" else 1):
            batch = self.service.batches.create(
                input_file_id=file.id, endpoint=endpoint, completion_window="24h"
            )
        while batch.status != "completed":
            time.sleep(0.05)
            batch = self.service.batches.retrieve(batch.id)
        assert batch.output_file_id
        text = self.service.files.content(batch.output_file_id).text
        for file_id in (file.id, batch.output_file_id, batch.error_file_id):
            if file_id and self.flaw != "careless":
                self.service.files.delete(file_id)
        return text.splitlines()

    def write(self, container: str, path: PurePosixPath, lines: list[str]) -> None:
        self.storage.get_blob_client(container, str(path)).upload_blob("".join(f"{line}\n" for line in lines))


def files_in(container: ContainerClient) -> list[str]:
    return [name for name in container.list_blob_names() if not is_job_spec(name)]


def sort_rows(name: str, content: bytes) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """A request for each row, by custom_id, and an error record for every malformed one."""
    good: dict[str, str] = {}
    errors: list[dict[str, Any]] = []
    for number, row in enumerate(rows_of(name, content)):
        custom_id = f"row-{number}"
        if row is None:
            errors.append({"file": name, "row": number, "custom_id": custom_id, "code": "ragged_row"})
            continue
        message = {"role": "user", "content": json.dumps(row, default=str)}
        body = {"model": os.environ["AZURE_OPENAI_DEPLOYMENT"], "messages": [message]}
        line = {"custom_id": custom_id, "method": "POST", "url": "/chat/completions", "body": body}
        good[custom_id] = json.dumps(line)
    return good, errors


def as_record(name: str, custom_id: str) -> str:
    return json.dumps({"file": name, "row": int(custom_id.removeprefix("row-")), "custom_id": custom_id})


def sort_lines(content: str) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """The lines to send, by custom_id, and an error record for every other."""
    good: dict[str, str] = {}
    errors: list[dict[str, Any]] = []
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            request = json.loads(line)
        except json.JSONDecodeError:
            errors.append({"line": number, "custom_id": None, "code": "invalid_json_line"})
            continue
        if request["custom_id"] in good or request["body"]["model"] != os.environ["AZURE_OPENAI_DEPLOYMENT"]:
            errors.append({"line": number, "custom_id": request["custom_id"], "code": "invalid_request"})
        else:
            good[request["custom_id"]] = line
    return good, errors


if __name__ == "__main__":
    api = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Api)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    Pipeline(sys.argv[2]).run()
    threading.Event().wait()
