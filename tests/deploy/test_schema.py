"""What the service says of itself is true: whatever its schema allows, or forbids, is answered as the schema says."""

import subprocess
import sys
from pathlib import Path

from benchmarks.service.serving import Service

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,unsupported_method,allow_header_conformance"
)


def test_every_request_of_schemathesis_is_answered_as_the_schema_says(service: Service, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{service.url}/openapi.json", "--checks", CHECKS]
    command += ["--seed", "1", "--max-time", "30", "--max-examples", "30", "--request-timeout", "30", "--no-color"]
    command += ["--phases", "examples,coverage,fuzzing", "--warnings", "off"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False, timeout=150)
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2000:]
    assert "No issues found" in done.stdout


def test_every_answer_of_the_schema_shows_an_example(service: Service) -> None:
    schema = service.ask("GET", "/openapi.json").json()
    lacking = [
        f"{method} {path} {status}"
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
        for status, response in operation["responses"].items()
        for kind, content in response.get("content", {}).items()
        if "json" in kind and not ({"example", "examples"} & content.keys())
    ]
    assert lacking == []
