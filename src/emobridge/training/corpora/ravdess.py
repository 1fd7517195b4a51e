"""RAVDESS, speech, audio only: 24 actors, 2 sentences, 8 emotions; the file name says everything."""

from collections.abc import Iterator
from pathlib import Path

from emobridge.training.corpora.base import Corpus, Utterance
from emobridge.training.corpora.manifests import (
    CorpusFacts,
    Entry,
    assemble,
    collection_rows,
    neither_layout,
    speech_utterance,
)

FACTS = CorpusFacts(
    name="ravdess",
    labels=("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"),
    language="en",
    licence="CC BY-NC-SA 4.0",
    citation="S. R. Livingstone, F. A. Russo, The Ryerson Audio-Visual Database of Emotional Speech and Song "
    "(RAVDESS), PLoS ONE 13(5): e0196391, 2018",
    source="https://zenodo.org/records/1188976",
    original_layout="Actor_01/03-01-06-01-02-01-12.wav (Audio_Speech_Actors_01-24)",
    speech="acted",
)
SENTENCES = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}
INTENSITIES = {"01": "normal", "02": "strong"}


def read(root: Path) -> Corpus:
    """Read RAVDESS from a collection or from the folder that holds ``Actor_01`` to ``Actor_24``."""
    rows = collection_rows(root, FACTS.name)
    if rows is not None:
        return assemble(FACTS, (speech_utterance(root, row, FACTS) for row in rows))
    if not any(root.glob("Actor_*")):
        raise neither_layout(root, FACTS)
    return assemble(FACTS, _original(root))


def _original(root: Path) -> Iterator[Entry]:
    for path in sorted(root.glob("Actor_*/*.wav")):
        codes = path.stem.split("-")
        if len(codes) != 7 or not all(code.isdecimal() and len(code) == 2 for code in codes):
            yield f"{path.stem}: the file name is not seven two-digit numbers, as in 03-01-06-01-02-01-12"
        elif codes[:2] != ["03", "01"]:
            yield f"{path.stem}: it is not audio-only speech (a name that begins with 03-01)"
        elif not 1 <= int(codes[2]) <= len(FACTS.labels) or codes[3] not in INTENSITIES or codes[4] not in SENTENCES:
            yield f"{path.stem}: emotion {codes[2]}, intensity {codes[3]} or sentence {codes[4]} is not in the corpus"
        else:
            yield _utterance(path, codes)


def _utterance(path: Path, codes: list[str]) -> Utterance:
    _, _, emotion, intensity, sentence, repetition, actor = codes
    return Utterance(
        id=path.stem,
        corpus=FACTS.name,
        speaker=f"actor_{actor}",
        audio=path,
        text=SENTENCES[sentence],
        label=FACTS.labels[int(emotion) - 1],
        attributes={
            "gender": "male" if int(actor) % 2 else "female",
            "language": FACTS.language,
            "intensity": INTENSITIES[intensity],
            "repetition": str(int(repetition)),
        },
    )
