"""The service with its page, and a real browser before it: Chromium, driven by Playwright, with a microphone that plays
the sample. A page that complains, breaks its own policy or asks another host for anything fails its test."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile

import emobridge

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ROOT = Path(__file__).parents[2]
SAMPLE = Path(emobridge.__file__).parent / "sample" / "two_speakers.flac"
START_S = 60.0
TIMEOUT_MS = 30_000  # a machine may be busy with other things
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip


@pytest.fixture(scope="session")
def sample() -> Path:
    """Two speakers, 24 seconds, as FLAC."""
    return SAMPLE


@pytest.fixture(scope="session")
def long_recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample six times over, as WAV: long enough to see how far it is."""
    samples, rate_hz = soundfile.read(SAMPLE, dtype="int16")
    place = tmp_path_factory.mktemp("recordings") / "long.wav"
    soundfile.write(place, np.tile(samples, 6), rate_hz)
    return place


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the service, on a port of its own."""
    folder = tmp_path_factory.mktemp("service")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", "from emobridge.cli import main; main()", "serve", "--port", str(port)]
    address = f"http://127.0.0.1:{port}/"
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen([*command, "--data", str(folder / "data")], stdout=log, stderr=log) as process,
    ):
        try:
            _wait_until_ready(f"{address}readyz", process, folder / "log")
            yield address
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()


def _wait_until_ready(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end_s = time.monotonic() + START_S
    while time.monotonic() < end_s and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.1)
    pytest.fail(f"the service did not start: {log.read_text()}")


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Browser"]:
    """Chromium as it is installed; skips where there is none.

    Playwright keeps an event loop in this thread as long as it lives: it must be gone before other tests run theirs.
    """
    if BROWSER is None:
        pytest.skip("there is no chromium or chrome here")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    microphone = tmp_path_factory.mktemp("microphone") / "microphone.wav"
    soundfile.write(microphone, *soundfile.read(SAMPLE, dtype="int16"))
    sync_api.expect.set_options(timeout=TIMEOUT_MS)
    heard = f"--use-file-for-fake-audio-capture={microphone}"
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=[*FLAGS, heard])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: "Browser", service: str, tmp_path: Path) -> Iterator[Callable[..., "Page"]]:
    """A function (path of the address, width, height, **options of the context) -> the page, opened and ready."""
    complaints: list[str] = []
    asked: list[str] = []
    contexts = []
    expected: list[str] = []

    def told(message: "ConsoleMessage") -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    def requested(request: "Request") -> None:
        asked.append(request.url)

    def open_page(width: int = 1360, height: int = 900, expect: str | None = None, **options: Any) -> "Page":
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        context.set_default_timeout(TIMEOUT_MS)
        page = context.new_page()
        page.on("console", told)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", requested)
        page.on("websocket", lambda websocket: asked.append(websocket.url))
        if expect is not None:
            expected.append(expect)
        page.goto(service)
        return page

    yield open_page
    for context in contexts:
        context.close()
    left = [each for each in complaints if not any(known in each for known in expected)]
    assert not left
    own = urlsplit(service).netloc
    strangers = {url for url in asked if urlsplit(url).netloc != own and not url.startswith(("blob:", "data:"))}
    assert not strangers


@pytest.fixture
def page(open_page: Callable[..., "Page"]) -> "Page":
    """The page on a desk."""
    return open_page()


@pytest.fixture(scope="session")
def fresh_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page as its source gives it now; skips where there is no npm, or none of its packages can be had."""
    if shutil.which("npm") is None:
        pytest.skip("there is no npm here")
    folder = tmp_path_factory.mktemp("built") / "page"
    command = [ROOT / "scripts" / "build_page", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and re.search(r"EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ETIMEDOUT|ECONNRESET", done.stderr):
        pytest.skip("npm cannot reach its registry")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="session")
def axe(fresh_page: Path) -> str:
    """The script that finds what keeps people out, one of the packages that npm brings for the page."""
    assert fresh_page.is_dir()
    return (ROOT / "page" / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def shots() -> Callable[["Page", str], None]:
    """A function (page, name) that keeps a picture of the page in $EMOBRIDGE_SCREENSHOTS, where that is set."""
    folder = os.environ.get("EMOBRIDGE_SCREENSHOTS")

    def shoot(page: "Page", name: str) -> None:
        if folder:
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    return shoot
