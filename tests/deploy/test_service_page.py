"""Requests print what the pages say; the addresses, flags and files of docs/service.md are there."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks.service.serving import Service
from emobridge.server.settings import TOLD

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(bash|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ADDRESS = "http://127.0.0.1:8000"
NUMBER = re.compile(r"\d+[.,]\d+")


def examples(page: str) -> list[tuple[str, str]]:
    """Return each script of a page with what it prints."""
    blocks = BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    assert [kind for kind, _ in blocks] == ["bash", "text"] * (len(blocks) // 2)
    return [(script, printed) for (_, script), (_, printed) in zip(blocks[::2], blocks[1::2], strict=True)]


@pytest.mark.parametrize("page", ["README.md", "docs/faq.md", "docs/service.md"])
def test_requests_of_a_page_print_what_it_says(service: Service, page: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    mark = "----the next one----"
    assert examples(page)
    scripts = f"\necho {mark}\n".join(script.replace(ADDRESS, service.url) for script, _ in examples(page))
    command = ["bash", "-euo", "pipefail", "-c", scripts]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    for printed, (script, told) in zip(done.stdout.split(f"{mark}\n"), examples(page), strict=True):
        assert NUMBER.sub("#", printed) == NUMBER.sub("#", told), script


def test_every_address_of_the_page_is_one_of_the_service(service: Service) -> None:
    paths = set(service.ask("GET", "/openapi.json").json()["paths"])
    rows = re.findall(r"^\| `(?:GET|POST|DELETE) (/[^`]*)`", PAGE, re.MULTILINE)
    assert len(rows) >= 8
    for row in rows:
        assert re.sub(r"\{\w+\}", "{}", row) in {re.sub(r"\{\w+\}", "{}", path) for path in paths} | {"/openapi.json"}


def test_every_setting_that_the_page_speaks_of_is_one() -> None:
    spoken = set(re.findall(r"`--([a-z-]+)`", PAGE)) - {"config", "read-only"}
    assert {name.replace("-", "_") for name in spoken} <= set(TOLD)
    for name in ("short_s", "results_s", "grace_s", "max_disk_mb", "decode_memory_mb", "threads", "decoders"):
        assert f"`{name}`" in PAGE
        assert name in TOLD
