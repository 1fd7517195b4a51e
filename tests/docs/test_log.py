"""The log has one entry a question, and its index holds them all."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
INDEX = (ROOT / "docs" / "log.md").read_text(encoding="utf-8")
THEMES = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs" / "log").glob("*.md"))}


def test_index_of_the_log_is_made_from_its_entries() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "make_log_index"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == ("", 0)


def test_index_of_the_log_names_each_heading_once() -> None:
    headings = [line for text in THEMES.values() for line in re.findall(r"^## (.+)$", text, re.MULTILINE)]
    rows = re.findall(r"^\| 20\S+ \| \[(.+)\]\(log/\S+\) \| (.+?) \| ", INDEX, re.MULTILINE)
    indexed = [f"{question} ({verdict})" for question, verdict in rows]
    assert len(headings) > 80
    assert sorted(indexed) == sorted(headings)


def test_every_entry_of_the_log_has_verdict_date_commit_and_effect() -> None:
    line = re.compile(r"\*20\d\d-\d\d-\d\d · [0-9a-f]{7} · \S.+\*")
    for name, text in THEMES.items():
        head, *bodies = re.split(r"^## ", text, flags=re.MULTILINE)
        assert head.startswith("# Log: "), name
        for body in bodies:
            heading, _, rest = body.partition("\n\n")
            assert re.fullmatch(r"[^?]+\? \(.+\)", heading), heading
            meta, _, told = rest.partition("\n\n")
            assert line.fullmatch(meta), heading
            assert told.strip(), heading


def test_entries_of_the_log_stand_alone() -> None:
    for name, text in THEMES.items():
        assert re.findall(r"\b(?:above|below|later that night|this morning)\b", text) == [], name
