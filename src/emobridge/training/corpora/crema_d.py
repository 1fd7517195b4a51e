"""CREMA-D: 91 actors, 12 sentences, 6 intended emotions, and what raters heard in each clip.

Labels are the intended emotions; votes and the rated intensity are those of raters who heard the voice alone (rows
numbered 1xxxxx of ``tabulatedVotes.csv``). Six clips are left out: three pairs are byte-identical under different
labels in the official release, so that the emotion that was acted is not known. One more is digital silence.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from emobridge.labels import Scale
from emobridge.training.corpora.base import Corpus, Utterance
from emobridge.training.corpora.manifests import (
    CorpusFacts,
    Entry,
    Row,
    assemble,
    collection_rows,
    neither_layout,
    number,
    read_rows,
    speech_utterance,
)

FACTS = CorpusFacts(
    name="crema_d",
    labels=("angry", "disgust", "fear", "happy", "neutral", "sad"),
    scales={"intensity": Scale(0.0, 100.0)},
    language="en",
    licence="Open Database License 1.0, contents under the Database Contents License 1.0",
    citation="H. Cao, D. G. Cooper, M. K. Keutmann, R. C. Gur, A. Nenkova, R. Verma, CREMA-D: Crowd-sourced Emotional "
    "Multimodal Actors Dataset, IEEE Trans. Affective Computing 5(4), 377-390, 2014",
    source="https://github.com/CheyneyComputerScience/CREMA-D",
    original_layout="AudioWAV/1001_DFA_ANG_XX.wav (with VideoDemographics.csv and processedResults/tabulatedVotes.csv)",
    speech="acted",
)
EMOTIONS = dict(zip(("ANG", "DIS", "FEA", "HAP", "NEU", "SAD"), FACTS.labels, strict=True))
VOTE_COLUMNS = dict(zip("ADFHNS", FACTS.labels, strict=True))
# The published tables write anger where the collection's votes write angry.
SPELLINGS = {"anger": "angry"}
INTENSITIES = {"LO": "low", "MD": "medium", "HI": "high", "XX": "unspecified"}
SENTENCES = {
    "IEO": "It's eleven o'clock.",
    "TIE": "That is exactly what happened.",
    "IOM": "I'm on my way to the meeting.",
    "IWW": "I wonder what this is about.",
    "TAI": "The airplane is almost full.",
    "MTI": "Maybe tomorrow it will be cold.",
    "IWL": "I would like a new alarm clock.",
    "ITH": "I think I have a doctor's appointment.",
    "DFA": "Don't forget a jacket.",
    "ITS": "I think I've seen this before.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
_PAIRS = (
    ("1006_TIE_HAP_XX", "1006_TIE_NEU_XX"),
    ("1013_WSI_DIS_XX", "1013_WSI_SAD_XX"),
    ("1017_IWW_ANG_XX", "1017_IWW_FEA_XX"),
)
UNUSABLE = {
    "1076_MTI_SAD_XX": "it is digital silence in the official release",
    **{
        clip: f"it is byte-identical to {twin} in the official release, so what was acted is not known"
        for first, second in _PAIRS
        for clip, twin in ((first, second), (second, first))
    },
}


def read(root: Path) -> Corpus:
    """Read CREMA-D from a collection or from a checkout of its repository."""
    rows = collection_rows(root, FACTS.name)
    if rows is not None:
        return assemble(FACTS, (_without_unusable(_from_manifest(root, row)) for row in rows))
    if not (root / "AudioWAV").is_dir():
        raise neither_layout(root, FACTS)
    return assemble(FACTS, _original(root))


def _without_unusable(utterance: Utterance) -> Entry:
    reason = UNUSABLE.get(utterance.id)
    return f"{utterance.id}: {reason}" if reason else utterance


def _from_manifest(root: Path, row: Row) -> Utterance:
    utterance = speech_utterance(root, row, FACTS)
    label = utterance.label and SPELLINGS.get(utterance.label, utterance.label)
    votes = {name: number(row.get(f"votes_{name}", "")) or 0.0 for name in FACTS.labels}
    intensity = number(row.get("rated_intensity_mean", ""))
    return dataclasses.replace(
        utterance,
        label=label,
        votes={name: count for name, count in votes.items() if count},
        dimensions={} if intensity is None else {"intensity": intensity},
        attributes={name: cell for name, cell in utterance.attributes.items() if not name.startswith("votes_")},
    )


def _original(root: Path) -> Iterator[Entry]:
    actors, ratings = root / "VideoDemographics.csv", root / "processedResults" / "tabulatedVotes.csv"
    demographics: dict[str, Row] = {}
    votes: dict[str, Row] = {}
    if actors.is_file():
        rows = read_rows(actors, ("ActorID", "Age", "Sex", "Race", "Ethnicity"))
        demographics = {row["ActorID"]: row for row in rows}
    else:
        yield f"there is no '{actors}': gender, age, race and ethnicity are unknown"
    if ratings.is_file():
        rows = read_rows(ratings, ("", *VOTE_COLUMNS, "fileName", "numResponses", "agreement", "meanEmoResp"))
        votes = {row["fileName"]: row for row in rows if len(row[""]) == 6 and row[""].startswith("1")}
    else:
        yield f"there is no '{ratings}': votes and rated intensity are unknown"
    for path in sorted((root / "AudioWAV").glob("*.wav")):
        codes = path.stem.split("_")
        if len(codes) != 4 or codes[1] not in SENTENCES or codes[2] not in EMOTIONS or codes[3] not in INTENSITIES:
            yield f"{path.stem}: the file name is not actor, sentence, emotion, level, as in 1001_DFA_ANG_XX"
        else:
            utterance = _utterance(path, codes, demographics.get(codes[0], {}), votes.get(path.stem, {}))
            yield _without_unusable(utterance)


def _utterance(path: Path, codes: list[str], actor: Row, rating: Row) -> Utterance:
    speaker, sentence, emotion, level = codes
    intensity = number(rating.get("meanEmoResp", ""))
    counts = {label: number(rating.get(column, "")) or 0.0 for column, label in VOTE_COLUMNS.items()}
    attributes = {
        "gender": actor.get("Sex", "").lower(),
        "language": FACTS.language,
        "intensity": INTENSITIES[level],
        "age": actor.get("Age", ""),
        "race": actor.get("Race", ""),
        "ethnicity": actor.get("Ethnicity", ""),
        "sentence_code": sentence,
        "source_name": path.name,
        "n_ratings": rating.get("numResponses", ""),
        "agreement": rating.get("agreement", ""),
    }
    return Utterance(
        id=path.stem,
        corpus=FACTS.name,
        speaker=speaker,
        audio=path,
        text=SENTENCES[sentence],
        label=EMOTIONS[emotion],
        votes={label: count for label, count in counts.items() if count},
        dimensions={} if intensity is None else {"intensity": intensity},
        attributes={name: cell for name, cell in attributes.items() if cell},
    )
