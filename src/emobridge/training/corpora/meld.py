"""MELD: utterances of multi-party dialogue from a television series, 7 emotions, the authors' split.

The tables alone are text. Where the clips of the release lie beside them (``train_splits/dia0_utt0.mp4``, or the sound
taken out of them as ``.wav`` or ``.flac``), an utterance has its sound too; one without a clip stays text.
"""

import dataclasses
from pathlib import Path

from emobridge.training.corpora.base import Corpus, KnownCount, Utterance
from emobridge.training.corpora.manifests import SPLITS, CorpusFacts, Row, read_dialogues

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
KNOWN_UTTERANCES = {"train": 9989, "validation": 1109, "test": 2610}
CLIP_FOLDERS = {
    "train": ("train", "train_splits"),
    "validation": ("dev", "dev_splits_complete"),
    "test": ("test", "output_repeated_splits_test"),
}
CLIP_EXTENSIONS = (".wav", ".flac", ".mp4")
DAMAGED = frozenset({"train_125_3"})  # its clip is broken in the release
# The published files hold Windows-1252 punctuation as control characters.
_PUNCTUATION = {code: bytes([code]).decode("cp1252", "replace") for code in range(0x80, 0xA0)}


def read(root: Path) -> Corpus:
    """Read MELD from a collection, from a checkout of its repository, or from the folder of its release."""
    corpus = read_dialogues(root, FACTS, "data/MELD", "{}_sent_emo.csv", COLUMNS, _utterance)
    splits = [utterance.split for utterance in corpus.utterances]
    counts = [KnownCount(f"utterances, {part}", known, splits.count(part)) for part, known in KNOWN_UTTERANCES.items()]
    return _with_clips(dataclasses.replace(corpus, known_counts=tuple(counts)), root)


def _with_clips(corpus: Corpus, root: Path) -> Corpus:
    """Return the corpus with the sound of every utterance whose clip lies below ``root``."""
    folders = {
        split: next((folder for folder in (root / clips, root / part / clips) if folder.is_dir()), None)
        for split, (part, clips) in CLIP_FOLDERS.items()
    }
    utterances, problems = [], list(corpus.problems)
    for utterance in corpus.utterances:
        folder = folders.get(utterance.split or "")
        if folder is not None:
            _, dialogue, place = utterance.id.split("_")
            names = [folder / f"dia{dialogue}_utt{place}{extension}" for extension in CLIP_EXTENSIONS]
            clip = next((path for path in names if path.is_file() and path.stat().st_size), None)
            if clip is None or utterance.id in DAMAGED:
                problems.append(
                    f"{utterance.id}: no clip '{names[-1]}' that can be read; the utterance is kept as text"
                )
                clip = None
            utterances.append(dataclasses.replace(utterance, audio=clip))
        else:
            utterances.append(utterance)
    return dataclasses.replace(corpus, utterances=tuple(utterances), problems=tuple(problems))


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
