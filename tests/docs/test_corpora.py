"""docs/corpora.md tells of every corpus where it comes from, its licence and its folder, and its columns are read."""

import importlib
import re
from pathlib import Path

import pytest

from emobridge.training.corpora import CORPORA, OWN_DATA, read_corpus

PAGE = (Path(__file__).parents[2] / "docs" / "corpora.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CORPORA)
def test_page_names_source_and_first_file_of_each_corpus(name: str) -> None:
    facts = importlib.import_module(CORPORA[name].partition(":")[0]).FACTS
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |"))
    assert facts.source in row
    assert f"| {facts.language} |" in row
    assert Path(facts.original_layout.split()[0].rstrip(",")).name in row


@pytest.mark.parametrize("kind", OWN_DATA)
def test_page_describes_each_way_to_bring_own_data(kind: str) -> None:
    assert f"`{kind}:PATH`" in PAGE


def test_table_on_the_page_is_read_as_the_page_says(tmp_path: Path) -> None:
    table = next(block for block in re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL) if block.startswith("file,"))
    (tmp_path / "mine.csv").write_text(table, encoding="utf-8")
    for line in table.splitlines()[1:]:
        sound = tmp_path / line.partition(",")[0]
        sound.parent.mkdir(exist_ok=True)
        sound.write_bytes(b"any sound")
    corpus = read_corpus(f"table:{tmp_path / 'mine.csv'}")
    assert [(each.speaker, each.label, each.dimensions["valence"]) for each in corpus.utterances] == [
        ("anna", "angry", 1.5),
        ("ben", "happy", 4.5),
    ]
    assert corpus.scales["valence"].to_unit(4.5) == pytest.approx(0.875)
