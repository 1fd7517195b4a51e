"""IEMOCAP as it is released: ten actors in five sessions of two, scripted and improvised, 10,039 turns.

The label is what most raters heard; valence, arousal (the release's activation) and dominance are their means on 1..5.
The raters' own lines are kept: those of the categories as votes, all of them as attributes. A turn on which the raters
did not agree (``xxx``) has no label. Design: a turn's name says who speaks (``Ses01F_impro01_M003`` is the man of
session 1; the first letter is who wore the markers), and nothing is repaired: what does not parse is a problem.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from emobridge.errors import CorpusError
from emobridge.labels import Scale
from emobridge.training.corpora.base import Corpus, KnownCount, Utterance
from emobridge.training.corpora.manifests import CorpusFacts, Entry, assemble, number, read_text, release_folder

DIMENSIONS = ("valence", "arousal", "dominance")  # in the order of the label lines
FACTS = CorpusFacts(
    name="iemocap",
    labels=("ang", "hap", "exc", "sad", "neu", "fru", "fea", "sur", "dis", "oth"),
    scales=dict.fromkeys(DIMENSIONS, Scale(1.0, 5.0)),
    language="en",
    licence="on request, for research alone",
    citation="C. Busso, M. Bulut, C.-C. Lee, A. Kazemzadeh, E. Mower, S. Kim, J. N. Chang, S. Lee, S. S. Narayanan, "
    "IEMOCAP: Interactive Emotional Dyadic Motion Capture Database, Language Resources and Evaluation 42(4), 335-359, "
    "2008",
    source="https://sail.usc.edu/iemocap/",
    original_layout="Session1/dialog/EmoEvaluation/Ses01F_impro01.txt, with dialog/transcriptions and sentences/wav",
    speech="acted",
)
NO_AGREEMENT = "xxx"
FOUR = {"angry": ("ang",), "happy": ("hap", "exc"), "sad": ("sad",), "neutral": ("neu",)}
# What is published of the release: labels, then the four categories by session and by speaker.
KNOWN_UTTERANCES = 10_039
KNOWN_LABELS = {"ang": 1103, "hap": 595, "exc": 1041, "sad": 1084, "neu": 1708, "fru": 1849, "fea": 40, "sur": 107,
                "dis": 2, "oth": 3, NO_AGREEMENT: 2507}  # fmt: skip
KNOWN_SPEAKERS = {"Ses01F": 528, "Ses01M": 557, "Ses02F": 481, "Ses02M": 542, "Ses03F": 522, "Ses03M": 629,
                  "Ses04F": 528, "Ses04M": 503, "Ses05F": 590, "Ses05M": 651}  # fmt: skip
GENDERS = {"F": "female", "M": "male"}
SITUATIONS = {"impro": "improvised", "script": "scripted"}
# Raters chose among words, the summary lines give codes.
RATED_AS = {"anger": "ang", "happiness": "hap", "excited": "exc", "sadness": "sad", "neutral": "neu",
            "neutral state": "neu", "frustration": "fru", "fear": "fea", "surprise": "sur", "disgust": "dis",
            "other": "oth"}  # fmt: skip

_SESSIONS = 5
_TURN = re.compile(r"Ses(?P<session>\d\d)[FM]_(?P<scene>(?P<kind>impro|script)\w*?)_(?P<gender>[FM])[A-Z]*\d+")
_SUMMARY = re.compile(r"\[([\d.]+)\s*-\s*([\d.]+)\]\s+(\S+)\s+(\S+)\s+\[([^,\]]*),([^,\]]*),([^,\]]*)\]")
_RATER = re.compile(r"([CA]-[A-Z]+\d+)\s*:\s*(.*)")
_OUTSIDER = re.compile(r"C-E\d+")  # the actors rated themselves too, as C-F1 and C-M1
_TRANSCRIPT = re.compile(r"(Ses\S+)\s*\[[^\]]*\]\s*:\s*(.*)")


def read(root: Path) -> Corpus:
    """Read IEMOCAP from the folder that holds ``Session1`` to ``Session5``."""
    if (root / "dialog").is_dir():
        given = f"'{root}' is one session of IEMOCAP"
        raise CorpusError(given, "the corpus is the folder that holds Session1 to Session5", f"give '{root.parent}'")
    release = release_folder(root, ("IEMOCAP_full_release", "IEMOCAP", FACTS.name), lambda at: any(at.glob("Session*")))
    if release is None:
        given = f"'{root}' does not hold the corpus {FACTS.name}"
        remedy = f"the corpus comes from {FACTS.source} and is read as it is released"
        raise CorpusError(given, f"expected {FACTS.original_layout}", remedy)
    corpus = assemble(FACTS, _entries(release), opened=True)
    return dataclasses.replace(corpus, known_counts=tuple(_known_counts(corpus)))


def _entries(release: Path) -> Iterator[Entry]:
    for place in range(1, _SESSIONS + 1):
        session = release / f"Session{place}"
        evaluations = _files(session / "dialog" / "EmoEvaluation")
        if not evaluations:
            yield f"there is no '{session / 'dialog' / 'EmoEvaluation'}' with label files (*.txt)"
            continue
        texts: dict[str, str] = {}
        transcriptions = _files(session / "dialog" / "transcriptions")
        if not transcriptions:
            yield f"there is no '{session / 'dialog' / 'transcriptions'}' with files: what is said there is not known"
        for path in transcriptions:
            yield from _read_transcription(path, texts)
        named: set[str] = set()
        for path in evaluations:
            for entry in _read_evaluation(path, session, texts):
                if isinstance(entry, Utterance):
                    named.add(entry.id)
                yield entry
        for path in sorted((session / "sentences" / "wav").glob("*/*.wav")):
            if path.stem not in named and not path.name.startswith("."):
                yield f"{path.stem}: no label line names the recording '{path}'"


def _files(folder: Path) -> list[Path]:
    """Return the text files of a folder; those that macOS left beside them (``._Ses01F_impro01.txt``) are none."""
    return [path for path in sorted(folder.glob("*.txt")) if not path.name.startswith(".")]


def _read_transcription(path: Path, texts: dict[str, str]) -> Iterator[str]:
    """Put what each turn says into ``texts``; yield the reason of every line that is of no turn."""
    try:
        lines = read_text(path).splitlines()
    except CorpusError as error:
        yield str(error)
        return
    for place, line in enumerate(lines, start=1):
        found = _TRANSCRIPT.match(line.strip())
        if found:
            texts.setdefault(found[1], found[2].strip())
        elif line.strip():
            yield f"'{path}' line {place} is of no turn: '{line.strip()[:40]}'"


def _read_evaluation(path: Path, session: Path, texts: Mapping[str, str]) -> Iterator[Entry]:
    """Yield the turns of a label file, and what in it cannot be read."""
    try:
        lines = read_text(path).splitlines()
    except CorpusError as error:
        yield str(error)
        return
    turn: Utterance | None = None
    for place, text in enumerate(lines, start=1):
        line, where = text.strip(), f"'{path}' line {place}"
        if not line or line.startswith("%"):
            continue
        rater = _RATER.match(line)
        if rater is None:
            if turn is not None:
                yield turn
            turn = _turn(line, session, texts)
            if turn is None:
                yield f"{where} is not '[start - end] turn label [valence, activation, dominance]': '{line[:60]}'"
            else:
                turn, outside = _within_scale(turn)
                yield from outside
        elif turn is not None:
            turn, unknown = _rated(turn, rater[1], rater[2])
            yield from (f"{where}: a rater wrote '{word}', which is no category of the release" for word in unknown)
    if turn is not None:
        yield turn


def _turn(line: str, session: Path, texts: Mapping[str, str]) -> Utterance | None:
    summary = _SUMMARY.fullmatch(line)
    name = _TURN.fullmatch(summary[3]) if summary else None
    values = [number(cell.strip()) for cell in summary.groups()[4:]] if summary else []
    times = [number(cell) for cell in summary.groups()[:2]] if summary else []
    if summary is None or name is None or None in values or None in times:
        return None
    start_s, end_s = (time or 0.0 for time in times)
    identity = summary[3]
    dialogue = identity.rpartition("_")[0]
    partner = "M" if name["gender"] == "F" else "F"
    return Utterance(
        id=identity,
        corpus=FACTS.name,
        speaker=f"Ses{name['session']}{name['gender']}",
        audio=session / "sentences" / "wav" / dialogue / f"{identity}.wav",
        text=texts.get(identity) or None,
        label=None if summary[4] == NO_AGREEMENT else summary[4],
        dimensions={key: value for key, value in zip(DIMENSIONS, values, strict=True) if value is not None},
        dialogue=dialogue,
        duration_s=end_s - start_s,
        attributes={
            "gender": GENDERS[name["gender"]],
            "language": FACTS.language,
            "session": name["session"].lstrip("0"),
            "partner": f"Ses{name['session']}{partner}",
            "situation": SITUATIONS[name["kind"]],
            "scene": name["scene"],
            "start_s": summary[1],
            "end_s": summary[2],
        },
    )


def _within_scale(turn: Utterance) -> tuple[Utterance, list[str]]:
    """Return the turn without means outside 1..5, which a rater's slip can bring about, and words for each."""
    scale = FACTS.scales["valence"]
    kept = {name: value for name, value in turn.dimensions.items() if scale.low <= value <= scale.high}
    words = [
        f"{turn.id}: its {name} {value} is outside {scale.low:g}..{scale.high:g}; the turn is kept without it"
        for name, value in turn.dimensions.items()
        if name not in kept
    ]
    return dataclasses.replace(turn, dimensions=kept), words


def _rated(turn: Utterance, rater: str, judgement: str) -> tuple[Utterance, list[str]]:
    """Return the turn with a rater's line, and the words in it that name no category."""
    attributes = {**turn.attributes, rater: " ".join(judgement.split())}
    votes = dict(turn.votes)
    unknown = []
    if _OUTSIDER.fullmatch(rater):
        for word in judgement.partition("(")[0].split(";"):
            label = RATED_AS.get(word.strip().casefold())
            if label is not None:
                votes[label] = votes.get(label, 0.0) + 1.0
            elif word.strip():
                unknown.append(word.strip())
    return dataclasses.replace(turn, votes=votes, attributes=attributes), unknown


def _known_counts(corpus: Corpus) -> Iterator[KnownCount]:
    labels = [utterance.label or NO_AGREEMENT for utterance in corpus.utterances]
    yield KnownCount("utterances", KNOWN_UTTERANCES, len(labels))
    for label, known in KNOWN_LABELS.items():
        yield KnownCount(f"label {label}", known, labels.count(label))
    in_four = {label for labels in FOUR.values() for label in labels}
    four = [utterance for utterance in corpus.utterances if utterance.label in in_four]
    yield KnownCount("four categories", sum(KNOWN_SPEAKERS.values()), len(four))
    for category, members in FOUR.items():
        known = sum(KNOWN_LABELS[label] for label in members)
        yield KnownCount(f"four, {category}", known, sum(utterance.label in members for utterance in four))
    for place in range(1, _SESSIONS + 1):
        known = sum(count for speaker, count in KNOWN_SPEAKERS.items() if speaker.startswith(f"Ses{place:02d}"))
        found = sum(utterance.attributes["session"] == str(place) for utterance in four)
        yield KnownCount(f"four, session {place}", known, found)
    for speaker, known in KNOWN_SPEAKERS.items():
        yield KnownCount(f"four, {speaker}", known, sum(utterance.speaker == speaker for utterance in four))
