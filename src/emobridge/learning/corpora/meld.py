"""MELD: utterances of multi-party dialogue from a television series, 7 emotions, the authors' split; text only."""

from collections.abc import Iterator
from pathlib import Path

from emobridge.learning.corpora.base import Corpus, Utterance
from emobridge.learning.corpora.manifests import (
    SPLITS,
    CorpusFacts,
    Entry,
    assemble,
    collection_rows,
    neither_layout,
    read_rows,
    text_utterance,
)

FACTS = CorpusFacts(
    name="meld",
    labels=("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise"),
    language="en",
    licence="GPL v3 (of the repository); the dialogue belongs to the owner of the series",
    citation="S. Poria, D. Hazarika, N. Majumder, G. Naik, E. Cambria, R. Mihalcea, MELD: A Multimodal Multi-Party "
    "Dataset for Emotion Recognition in Conversations, ACL 2019, arXiv:1810.02508",
    source="https://github.com/declare-lab/MELD",
    original_layout="data/MELD/train_sent_emo.csv, dev_sent_emo.csv and test_sent_emo.csv",
)
PARTS = ("train", "dev", "test")
COLUMNS = ("Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID", "Season", "Episode",
           "StartTime", "EndTime")  # fmt: skip
# The published files hold Windows-1252 punctuation as control characters.
_PUNCTUATION = {code: bytes([code]).decode("cp1252", "replace") for code in range(0x80, 0xA0)}


def read(root: Path) -> Corpus:
    """Read MELD from a collection, from a checkout of its repository, or from the folder of its three tables."""
    rows = collection_rows(root, FACTS.name)
    if rows is not None:
        entries = (text_utterance(f"{row['dialogue_id']}_{row['utterance_id']}", row, FACTS) for row in rows)
        return assemble(FACTS, entries)
    for folder in (root / "data" / "MELD", root):
        if all((folder / f"{part}_sent_emo.csv").is_file() for part in PARTS):
            return assemble(FACTS, _original(folder))
    raise neither_layout(root, FACTS)


def _original(folder: Path) -> Iterator[Entry]:
    for part in PARTS:
        for row in read_rows(folder / f"{part}_sent_emo.csv", COLUMNS):
            dialogue = f"{part}_{row['Dialogue_ID']}"
            yield Utterance(
                id=f"{dialogue}_{row['Utterance_ID']}",
                corpus=FACTS.name,
                speaker=row["Speaker"].translate(_PUNCTUATION) or None,
                text=row["Utterance"].translate(_PUNCTUATION) or None,
                label=row["Emotion"] or None,
                split=SPLITS[part],
                dialogue=dialogue,
                attributes={
                    "utterance_id": row["Utterance_ID"],
                    "sentiment": row["Sentiment"],
                    "season": row["Season"],
                    "episode": row["Episode"],
                    "start_time": row["StartTime"],
                    "end_time": row["EndTime"],
                },
            )
