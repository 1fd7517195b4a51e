"""EmoryNLP: utterances of multi-party dialogue from a television series, 7 emotions, the authors' split; text only."""

import re
from pathlib import Path

from emobridge.training.corpora.base import Corpus, Utterance
from emobridge.training.corpora.manifests import SPLITS, CorpusFacts, Row, read_dialogues

FACTS = CorpusFacts(
    name="emorynlp",
    labels=("joyful", "mad", "neutral", "peaceful", "powerful", "sad", "scared"),
    language="en",
    licence="Apache License 2.0; the dialogue belongs to the owner of the series",
    citation="S. Zahiri, J. D. Choi, Emotion Detection on TV Show Transcripts with Sequence-based Convolutional Neural "
    "Networks, AAAI-18 Workshop on Affective Content Analysis",
    source="https://github.com/declare-lab/MELD",
    original_layout="emorynlp_train_final.csv, emorynlp_dev_final.csv and emorynlp_test_final.csv",
)
COLUMNS = ("Utterance", "Speaker", "Emotion", "Scene_ID", "Utterance_ID", "Season", "Episode")
# Speakers are written as a list of quoted names: ['Monica Geller', "Ross' mother"].
_QUOTED = re.compile(r"'([^']*)'(?=\s*[,\]])|\"([^\"]*)\"")


def read(root: Path) -> Corpus:
    """Read EmoryNLP from a collection, from a checkout of MELD's repository, or from the folder of its three tables."""
    return read_dialogues(root, FACTS, "data/emorynlp", "emorynlp_{}_final.csv", COLUMNS, _utterance)


def _utterance(part: str, row: Row) -> Utterance:
    scene = f"s{int(row['Season']):02d}e{int(row['Episode']):02d}_{row['Scene_ID']}"
    return Utterance(
        id=f"{scene}_{row['Utterance_ID']}",
        corpus=FACTS.name,
        speaker=", ".join(first or second for first, second in _QUOTED.findall(row["Speaker"])) or None,
        text=row["Utterance"] or None,
        label=row["Emotion"].lower() or None,
        split=SPLITS[part],
        dialogue=scene,
        attributes={"utterance_id": row["Utterance_ID"], "season": row["Season"], "episode": row["Episode"]},
    )
