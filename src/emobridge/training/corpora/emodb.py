"""EMO-DB: 10 German actors, 10 everyday sentences, 7 emotions; the file name says everything but the ratings."""

import re
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
    name="emodb",
    labels=("anger", "boredom", "disgust", "fear", "happiness", "sadness", "neutral"),
    language="de",
    licence="CC0 1.0 (audEERING's edition) / CC BY 4.0 (version 2.0)",
    citation="F. Burkhardt, A. Paeschke, M. Rolfes, W. Sendlmeier, B. Weiss, A Database of German Emotional Speech, "
    "Interspeech 2005",
    source="https://zenodo.org/records/17651657",
    original_layout="wav/03a01Fa.wav (and erkennung.txt, optional)",
    speech="acted",
)
EMOTIONS = dict(zip("WLEAFTN", FACTS.labels, strict=True))
SPEAKERS = {  # speaker: (gender, age)
    "03": ("male", "31"), "08": ("female", "34"), "09": ("female", "21"), "10": ("male", "32"), "11": ("male", "26"),
    "12": ("male", "30"), "13": ("female", "32"), "14": ("female", "35"), "15": ("male", "25"), "16": ("female", "31"),
}  # fmt: skip
SENTENCES = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
_NAME = re.compile(r"(\d\d)([ab]\d\d)([WLEAFTN])([a-f])")
# A line of erkennung.txt: file name, percent that recognised the emotion and that found it natural (3,5).
_RATING = re.compile(r"^\s*(\S+)\.wav\s+([\d.,]+)\s+([\d.,]+)")


def read(root: Path) -> Corpus:
    """Read EMO-DB from a collection or from the folder that holds ``wav``."""
    rows = collection_rows(root, FACTS.name)
    if rows is not None:
        return assemble(FACTS, (speech_utterance(root, row, FACTS) for row in rows))
    if not (root / "wav").is_dir():
        raise neither_layout(root, FACTS)
    return assemble(FACTS, _original(root))


def _original(root: Path) -> Iterator[Entry]:
    ratings = _ratings(root / "erkennung.txt")
    for path in sorted((root / "wav").glob("*.wav")):
        parts = _NAME.fullmatch(path.stem)
        if parts is None or parts[1] not in SPEAKERS or parts[2] not in SENTENCES:
            yield f"{path.stem}: the file name is not speaker, sentence, emotion, version, as in 03a01Fa"
            continue
        speaker, sentence, emotion, version = parts.groups()
        gender, age = SPEAKERS[speaker]
        yield Utterance(
            id=path.stem,
            corpus=FACTS.name,
            speaker=speaker,
            audio=path,
            text=SENTENCES[sentence],
            label=EMOTIONS[emotion],
            attributes={
                "gender": gender,
                "language": FACTS.language,
                "age": age,
                "sentence_code": sentence,
                "version": version,
                **ratings.get(path.stem, {}),
            },
        )


def _ratings(path: Path) -> dict[str, dict[str, str]]:
    """Return file name -> recognition and naturalness rates in percent, empty where the file is absent."""
    if not path.is_file():
        return {}
    matches = [_RATING.match(line) for line in path.read_text(encoding="latin-1").splitlines()]
    found = [match.groups() for match in matches if match]
    return {
        name: {
            "recognition_rate": f"{float(recognised.replace(',', '.')):.2f}",
            "naturalness_rate": f"{float(natural.replace(',', '.')):.2f}",
        }
        for name, recognised, natural in found
    }
