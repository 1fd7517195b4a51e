"""MSP-Podcast as it is released: naturalistic speech from podcasts, labels of many raters, the authors' partitions.

The label is the raters' consensus in the release's letters (A angry, S sad, H happy, U surprise, F fear, D disgust,
C contempt, N neutral, O other; X, no agreement, is no label), the dimensions are their means on 1..7. Development (in
older releases Validation) is the validation part, Test1 the test part; the further test parts keep their names and are
neither trained nor validated on. Speakers whom the release does not know have none.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from emobridge.errors import CorpusError
from emobridge.labels import Scale
from emobridge.training.corpora.base import Corpus, Utterance
from emobridge.training.corpora.manifests import (
    CorpusFacts,
    Entry,
    Row,
    assemble,
    number,
    read_rows,
    read_text,
    release_folder,
)

DIMENSION_COLUMNS = {"valence": "EmoVal", "arousal": "EmoAct", "dominance": "EmoDom"}
FACTS = CorpusFacts(
    name="msp_podcast",
    labels=tuple("ASHUFDCNO"),
    scales=dict.fromkeys(DIMENSION_COLUMNS, Scale(1.0, 7.0)),
    language="en",
    licence="on request: an academic or a commercial licence",
    citation="R. Lotfian, C. Busso, Building Naturalistic Emotionally Balanced Speech Corpus by Retrieving Emotional "
    "Speech From Existing Podcast Recordings, IEEE Trans. Affective Computing 10(4), 471-483, 2019",
    source="https://ecs.utdallas.edu/research/researchlabs/msp-lab/MSP-Podcast.html",
    original_layout="Labels/labels_consensus.csv (or .json), Audios/MSP-PODCAST_0001_0008.wav, Transcripts/*.txt",
    speech="natural",
)
NO_AGREEMENT = "X"
# Until release 1.8 the file's name was misspelt.
CONSENSUS = ("labels_consensus.csv", "labels_concensus.csv", "labels_consensus.json", "labels_concensus.json")
SPLITS = {"train": "train", "development": "validation", "validation": "validation", "test": "test", "test1": "test"}
UNKNOWN = frozenset({"", "unknown", "-1", "nan"})
# A rater's primary emotion is a word; whatever else was typed is another emotion.
RATED_AS = {"angry": "A", "sad": "S", "happy": "H", "surprise": "U", "fear": "F", "disgust": "D", "contempt": "C",
            "neutral": "N"}  # fmt: skip
_OTHER = "O"


def read(root: Path) -> Corpus:
    """Read MSP-Podcast from the folder that holds ``Labels`` and ``Audios``."""
    if root.name in ("Labels", "Audios"):
        given = f"'{root}' is a part of MSP-Podcast"
        raise CorpusError(given, "the corpus is the folder that holds Labels and Audios", f"give '{root.parent}'")
    names = ("MSP-Podcast", "MSP-PODCAST", FACTS.name)
    release = release_folder(root, names, lambda folder: _consensus(folder) is not None)
    table = release and _consensus(release)
    if release is None or table is None:
        given = f"'{root}' does not hold the corpus {FACTS.name}"
        remedy = f"the corpus comes from {FACTS.source} and is read as it is released"
        raise CorpusError(given, f"expected {FACTS.original_layout}", remedy)
    return assemble(FACTS, _entries(release, table), opened=True)


def _consensus(folder: Path) -> Path | None:
    return next((path for path in (folder / "Labels" / name for name in CONSENSUS) if path.is_file()), None)


def _entries(release: Path, table: Path) -> Iterator[Entry]:
    rows = read_rows(table, ("FileName", "EmoClass")) if table.suffix == ".csv" else _json_rows(table)
    sounds = next((release / name for name in ("Audios", "Audio") if (release / name).is_dir()), release / "Audios")
    transcripts = release / "Transcripts"
    if not transcripts.is_dir():
        yield f"there is no folder '{transcripts}': what is said is not known"
    partitions = _partitions(release / "Partitions.txt")
    if not partitions and not any(row.get("Split_Set") for row in rows):
        yield f"neither '{table}' (Split_Set) nor '{release / 'Partitions.txt'}' says the authors' parts"
    votes = _votes(release / "Labels" / "labels_detailed.csv")
    for row in rows:
        name = row["FileName"]
        partition = row.get("Split_Set") or partitions.get(name, "")
        text = transcripts / f"{Path(name).stem}.txt"
        try:
            words = read_text(text).strip() if text.is_file() else ""
        except CorpusError as error:
            yield f"{error}; the utterance is kept without its words"
            words = ""
        yield _utterance(sounds / name, row, partition, words, votes.get(name, {}))


def _utterance(sound: Path, row: Row, partition: str, words: str, votes: Mapping[str, float]) -> Utterance:
    values = {name: number(row.get(column, "")) for name, column in DIMENSION_COLUMNS.items()}
    speaker, gender = row.get("SpkrID", ""), row.get("Gender", "").casefold()
    attributes = {
        "gender": "" if gender in UNKNOWN else gender,
        "language": FACTS.language,
        "partition": partition,
        # MSP-PODCAST_0001_0008 is a piece of podcast 0001; several strangers can speak in one.
        "podcast": sound.stem.rpartition("_")[0],
    }
    return Utterance(
        id=sound.stem,
        corpus=FACTS.name,
        speaker=None if speaker.casefold() in UNKNOWN else speaker,
        audio=sound,
        text=words or None,
        label=None if row["EmoClass"] in ("", NO_AGREEMENT) else row["EmoClass"],
        votes=votes,
        dimensions={name: value for name, value in values.items() if value is not None},
        split=SPLITS.get(partition.casefold(), partition.casefold() or None),
        attributes={name: cell for name, cell in attributes.items() if cell},
    )


def _json_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of the consensus as JSON: an object (or a list of one) for each file's name."""
    try:
        content: Any = json.loads(read_text(path))
        rows = {name: entry[0] if isinstance(entry, list) else entry for name, entry in content.items()}
        return [{"FileName": name, **{key: str(cell) for key, cell in row.items()}} for name, row in rows.items()]
    except (ValueError, AttributeError, IndexError) as error:
        given = f"'{path}' is not JSON of the release ({error})"
        raise CorpusError(given, "an object for each file's name", "copy it again") from error


def _partitions(path: Path) -> dict[str, str]:
    """Return file's name -> partition from lines ``Test1; MSP-PODCAST_0001_0008.wav``, in either order."""
    found = {}
    for line in read_text(path).splitlines() if path.is_file() else []:
        cells = [cell.strip() for cell in line.split(";")]
        if len(cells) >= 2:
            name, partition = cells[:2] if cells[0].endswith(".wav") else (cells[1], cells[0])
            found[name] = partition
    return found


def _votes(path: Path) -> dict[str, dict[str, float]]:
    """Return file's name -> letter -> raters who chose it, from either form of ``labels_detailed.csv``.

    Older releases have a column ``EmoClass_Major``, newer ones ``EmoDetail``: ``WORKER1; Angry; Sad; A:5; V:2; D:4;``.
    """
    votes: dict[str, dict[str, float]] = {}
    for row in read_rows(path, ("FileName",)) if path.is_file() else []:
        detail = row.get("EmoDetail", "").split(";")
        word = row.get("EmoClass_Major", "") or (detail[1] if len(detail) > 1 else "")
        if word.strip():
            letter = RATED_AS.get(word.strip().casefold(), _OTHER)
            counts = votes.setdefault(row["FileName"], {})
            counts[letter] = counts.get(letter, 0.0) + 1.0
    return votes
