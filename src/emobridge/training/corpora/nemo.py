"""nEMO: nine Polish actors, 90 sentences, 6 emotions."""

from collections.abc import Iterator
from pathlib import Path

from emobridge.training.corpora.base import Corpus, Utterance
from emobridge.training.corpora.manifests import (
    CorpusFacts,
    Entry,
    assemble,
    collection_rows,
    neither_layout,
    read_rows,
    speech_utterance,
)

FACTS = CorpusFacts(
    name="nemo",
    labels=("anger", "fear", "happiness", "neutral", "sadness", "surprised"),
    language="pl",
    licence="CC BY-NC-SA 4.0",
    citation="I. Christop, nEMO: Dataset of Emotional Speech in Polish, LREC-COLING 2024, 12111-12116",
    source="https://github.com/amu-cai/nEMO",
    original_layout="data.tsv and samples/EB0_anger_1.wav",
    speech="acted",
)


def read(root: Path) -> Corpus:
    """Read nEMO from a collection or from a checkout of its repository."""
    rows = collection_rows(root, FACTS.name)
    if rows is not None:
        return assemble(FACTS, (speech_utterance(root, row, FACTS) for row in rows))
    if not (root / "data.tsv").is_file():
        raise neither_layout(root, FACTS)
    return assemble(FACTS, _original(root))


def _original(root: Path) -> Iterator[Entry]:
    columns = ("file_id", "emotion", "raw_text", "normalized_text", "speaker_id", "gender", "age")
    for row in read_rows(root / "data.tsv", columns, delimiter="\t"):
        path = root / "samples" / row["file_id"]
        yield Utterance(
            id=path.stem,
            corpus=FACTS.name,
            speaker=row["speaker_id"] or None,
            audio=path,
            text=row["raw_text"] or None,
            label=row["emotion"] or None,
            attributes={
                "gender": row["gender"],
                "language": FACTS.language,
                "age": row["age"],
                "normalized_text": row["normalized_text"],
            },
        )
