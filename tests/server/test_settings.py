"""Laws of settings: a flag before a variable before the file, and what contradicts is refused in one line."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from emobridge import cli
from emobridge.cli import serve
from emobridge.errors import SettingsError
from emobridge.server.settings import TOLD, Settings, read_settings

runner = CliRunner()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings with which services would have been started."""
    settings: list[Settings] = []
    monkeypatch.setattr("emobridge.server.running.run", settings.append)
    monkeypatch.setattr("logging.basicConfig", lambda **_: None)
    return settings


def test_flags_go_before_variables_and_these_before_the_file(started: list[Settings], tmp_path: Path) -> None:
    file = tmp_path / "serve.toml"
    file.write_text('port = 1\nqueue = 2\nbatch_size = 3\nallowed_host = ["a", "b"]\nshort_s = 4', encoding="utf-8")
    environment = {"EMOBRIDGE_SERVE_QUEUE": "20", "EMOBRIDGE_SERVE_BATCH_SIZE": "30"}
    called = runner.invoke(cli.app, ["serve", "--config", str(file), "--batch-size", "200"], env=environment)
    assert called.exit_code == 0, called.output
    (settings,) = started
    assert (settings.port, settings.queue, settings.batch_size) == (1, 20, 200)
    assert settings.allowed_host == ("a", "b")
    assert settings.short_s == 4.0


def test_lists_come_by_flag_and_by_variable(started: list[Settings]) -> None:
    by_flag = ["--allowed-host", "a", "--allowed-host", "b"]
    assert runner.invoke(cli.app, ["serve", *by_flag]).exit_code == 0
    assert runner.invoke(cli.app, ["serve"], env={"EMOBRIDGE_SERVE_ALLOWED_HOST": "a b"}).exit_code == 0
    assert [each.allowed_host for each in started] == [("a", "b")] * 2


def test_every_setting_is_a_flag() -> None:
    told = runner.invoke(cli.app, ["serve", "--help"], terminal_width=200).output
    assert all(f"--{name.replace('_', '-')}" in told for name in TOLD)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"host": "0.0.0.0"}, "without API keys"),
        ({"host": "192.168.0.7"}, "without API keys"),
        ({"host": "example.org"}, "without API keys"),
        ({"port": 70_000}, "valid: 0 to 65535"),
        ({"queue": 0}, "queue"),
        ({"short_s": float("nan")}, "short_s"),
        ({"log_level": "loud"}, "debug"),
        ({"max_disk_mb": 100}, "max_upload_mb"),
    ],
)
def test_what_is_out_of_range_or_unsafe_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        read_settings(given, None)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_needs_no_keys(host: str) -> None:
    assert read_settings({"host": host}, None).host == host


@pytest.mark.parametrize(
    ("text", "words"),
    [("prot = 1", "did you mean 'port'"), ("port = 'x'", "whole number"), ("port = true", "number"), ("[", "TOML")],
)
def test_a_file_that_is_wrong_is_told_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "serve.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=words):
        read_settings({}, tmp_path / "serve.toml")


def test_a_key_is_printed_once_and_only_its_digest_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    keys = []
    for name in ("anna", "ben"):
        called = runner.invoke(cli.app, ["serve-key", name, "--keys", str(file)])
        assert called.exit_code == 0
        keys.append(called.output.strip())
    assert len(set(keys)) == 2
    assert not any(key in file.read_text(encoding="utf-8") for key in keys)
    assert file.stat().st_mode & 0o077 == 0
    again = runner.invoke(cli.app, ["serve-key", "anna", "--keys", str(file)])
    assert isinstance(again.exception, SettingsError)


def test_a_missing_extra_is_told_with_its_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "PACKAGES", ("no_such_package",))
    called = runner.invoke(cli.app, ["serve"])
    assert "pip install 'emobridge[server]'" in str(called.exception)
