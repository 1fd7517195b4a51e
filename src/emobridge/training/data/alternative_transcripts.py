"""Other transcripts of the same utterances, recognised ones say: what a system is worth without a typist.

A table has a column ``text`` and a column ``id`` or ``file`` that names the utterance: its id, or the name of its sound
file. Several rows of one utterance are joined in their order, so what ``emobridge predict CLIPS --asr MODEL --out
recognised.csv`` writes can be used as it stands. Where a table has no text for an utterance, nothing was recognised.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from emobridge.errors import CorpusError
from emobridge.training.corpora.base import Corpus, Utterance
from emobridge.training.corpora.table import table_rows

NOTHING = "..."  # read by a system that would have no input at all where nothing was recognised


def table_digest(path: Path) -> str:
    """Return the SHA-256 of a table's bytes, in hexadecimal digits.

    Raises:
        CorpusError: it cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise CorpusError(f"table of transcripts '{path}': {error.strerror}", "a file", "check the path") from error


def with_transcripts(corpora: Sequence[Corpus], path: Path, heard: bool) -> tuple[Corpus, ...]:
    """Return the corpora with the texts of a table in the place of their own; what had no text stays without.

    Args:
        corpora: as read.
        path: the table.
        heard: whether the system also hears; if not, it reads `NOTHING` where nothing was recognised.

    Raises:
        CorpusError: the table cannot be read, lacks a column, or names none of the utterances.
    """
    rows = table_rows(path)
    columns = set(rows[0]) if rows else set()
    naming = next((name for name in ("id", "file") if name in columns), None)
    if naming is None or "text" not in columns:
        valid = "a column 'text', and one of 'id' and 'file'"
        raise CorpusError(f"table of transcripts '{path}' has {', '.join(sorted(columns)) or 'no rows'}", valid)
    said: dict[str, list[str]] = {}
    for row in rows:
        said.setdefault(row[naming], []).append(row["text"])
    by_name = {Path(name).name: " ".join(filter(None, texts)) for name, texts in said.items()}
    by_id = {name: " ".join(filter(None, texts)) for name, texts in said.items()}
    found = 0

    def replaced(utterance: Utterance) -> Utterance:
        nonlocal found
        name = utterance.audio.name if utterance.audio else utterance.id
        text = by_id.get(utterance.id, by_name.get(name))
        found += text is not None
        return replace(utterance, text=text or (None if heard else NOTHING)) if utterance.text else utterance

    changed = [replace(corpus, utterances=tuple(map(replaced, corpus.utterances))) for corpus in corpora]
    if not found:
        valid = f"the corpora have ids such as '{corpora[0].utterances[0].id}'"
        raise CorpusError(f"table of transcripts '{path}' names none of the utterances", valid, "correct its ids")
    return tuple(changed)
