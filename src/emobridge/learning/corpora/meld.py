"""MELD: utterances of multi-party dialogue from a television series, 7 emotions, the authors' split; text only."""

from pathlib import Path

from emobridge.learning.corpora.base import Corpus, Utterance
from emobridge.learning.corpora.manifests import SPLITS, CorpusFacts, Row, read_dialogues

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
COLUMNS = ("Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID", "Season", "Episode",
           "StartTime", "EndTime")  # fmt: skip
# The published files hold Windows-1252 punctuation as control characters.
_PUNCTUATION = {code: bytes([code]).decode("cp1252", "replace") for code in range(0x80, 0xA0)}


def read(root: Path) -> Corpus:
    """Read MELD from a collection, from a checkout of its repository, or from the folder of its three tables."""
    return read_dialogues(root, FACTS, "data/MELD", "{}_sent_emo.csv", COLUMNS, _utterance)


def _utterance(part: str, row: Row) -> Utterance:
    dialogue = f"{part}_{row['Dialogue_ID']}"
    return Utterance(
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
