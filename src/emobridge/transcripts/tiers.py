"""Which tiers of an annotated recording hold the words, and of whom: shared by Praat's and ELAN's formats.

Neither format says what a tier is for, so its name does:

1. A tier whose name speaks of something else (phones, gloss, translation, valence ...) is left aside.
2. Where names say ``words`` or ``utterances`` (``Anna - words``), those tiers count alone; what is left of the name is
   the speaker. A speaker's words are preferred to the utterances, for their times are finer.
   Of ``words@Anna`` and ``words@Anna_2``, both of which the file gives to Anna, she has the words of both.
3. Else each tier that depends on no other is a speaker, named as the tier.

Two other tiers that claim the same words make an error that lists all tiers: guessing would double or misplace what was
said.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from emobridge.errors import TranscriptError
from emobridge.transcripts.base import Span, Transcript, in_order

_WORDS = "words?|wrds?|wd|tokens?"
_UTTERANCES = (
    "utterances?|utts?|sentences?|phrases?|transcripts?|transcriptions?|texts?|tx|ortho?|orthography|speech|default"
)
_OTHER = (
    "phon|phones?|phonemes?|phonetics?|ipa|mau|kan|sampa|syl|syllables?|tones?|tobi|breaks?|stress|pitch|intensity|pos|"
    "lemmas?|gloss|glosses|morphemes?|translations?|ft|notes?|comments?|emotions?|category|categories|confidence|flags?|valence|arousal|"
    "dominance|gestures?|gaze|laughter|noise|silences?|events?|topics?"
)
_KIND = re.compile(rf"(?:^|[\W_]+)(?:{_WORDS}|{_UTTERANCES})(?=$|[\W_])", re.IGNORECASE)
_NUMBER = re.compile(r"_\d+$")
_SEPARATORS = " -–_:;,.@/|()[]"
# What aligners write where nobody speaks or a word is not known to them.
_NO_WORDS = {"", "sil", "<sil>", "sp", "spn", "<eps>", "<p:>", "<p>", "<unk>"}
_MAX_SPEAKERS = 100
_LISTED_TIERS = 20
_SAME_WORDS = 0.5  # two speakers do not talk at once for more than half of the time that either talks


@dataclass(frozen=True)
class Tier:
    """One tier: its stretches of text as spans without speakers.

    Attributes:
        name: as in the file.
        spans: with times, in order.
        speaker: where the file names one beside the tier's name.
        is_dependent: whether it belongs to another tier.
        language: what it is in, None where not known.
    """

    name: str
    spans: tuple[Span, ...]
    speaker: str | None = None
    is_dependent: bool = False
    language: str | None = None

    @property
    def kind(self) -> str | None:
        """What its name says it holds: ``words``, ``utterances``, ``other``; None where it does not say."""
        parts = re.split(r"[\W_]+", self.name.lower())
        for kind, names in (("other", _OTHER), ("words", _WORDS), ("utterances", _UTTERANCES)):
            if any(re.fullmatch(names, part) for part in parts):
                return kind
        return None

    @property
    def who(self) -> str | None:
        """Who speaks on it: the speaker that the file gives, else the name without what says its kind."""
        return self.speaker or (_KIND.sub("", self.name) if self.kind else self.name).strip(_SEPARATORS) or None


def transcript_of(path: Path, tiers: Sequence[Tier]) -> Transcript:
    """Return the words of the tiers that hold them, in order of time, each with its speaker.

    Raises:
        TranscriptError: no tier holds words, or several claim the same.
    """
    filled = [tier for tier in map(_with_words_alone, tiers) if tier.spans]
    usable = [tier for tier in filled if tier.kind != "other"]
    chosen = _named(path, filled, [tier for tier in usable if tier.kind])
    if not chosen:
        chosen = [tier for tier in usable if not tier.is_dependent]
        if len(chosen) > _MAX_SPEAKERS or any(_claim_the_same(one, other) for one, other in combinations(chosen, 2)):
            raise _ambiguous(path, "several tiers could hold the same words", filled)
    if filled and not chosen:
        raise _ambiguous(path, "no tier is known to hold words", filled)
    languages = {tier.language for tier in chosen}
    spans = [Span(span.text, span.start_s, span.end_s, tier.who) for tier in chosen for span in tier.spans]
    return Transcript(in_order([[span] for span in spans]), languages.pop() if len(languages) == 1 else None)


def _with_words_alone(tier: Tier) -> Tier:
    return replace(tier, spans=tuple(span for span in tier.spans if span.text.strip().lower() not in _NO_WORDS))


def _named(path: Path, filled: Sequence[Tier], named: Sequence[Tier]) -> list[Tier]:
    """Return one tier for each speaker of tiers that name their kind: the words, else the utterances."""
    tiers_of: dict[str | None, list[Tier]] = {}
    for tier in named:
        tiers_of.setdefault(tier.who, []).append(tier)
    chosen = []
    for who, own in tiers_of.items():
        finest = [tier for tier in own if tier.kind == "words"] or own
        if len(finest) > 1 and not _are_numbered(finest):
            raise _ambiguous(path, f"several tiers hold the {finest[0].kind} of {who or 'one speaker'}", filled)
        chosen += finest
    return _without_repeats(chosen)


def _without_repeats(tiers: Sequence[Tier]) -> list[Tier]:
    """Return the tiers without dependent ones that say the words of an earlier one at the same time."""
    kept: list[Tier] = []
    for tier in tiers:
        words = _plain_words(tier) if tier.is_dependent else []
        if not any(words and words == _plain_words(other) and _claim_the_same(tier, other) for other in kept):
            kept.append(tier)
    return kept


def _plain_words(tier: Tier) -> list[str]:
    return re.findall(r"\w+", " ".join(span.text for span in tier.spans).casefold())


def _are_numbered(tiers: Sequence[Tier]) -> bool:
    """Return whether the file gives all of ``tiers`` to one speaker, and their names differ in a number at the end.

    Somebody who overlaps with himself fills several tiers, for one holds no two annotations at once.
    """
    return all(tier.speaker for tier in tiers) and len({_NUMBER.sub("", tier.name) for tier in tiers}) == 1


def _claim_the_same(one: Tier, other: Tier) -> bool:
    """Return whether the two overlap for more of the time than two who talk with each other do."""
    shortest_s = min(_length_s(one.spans), _length_s(other.spans))
    return _overlap_s(one.spans, other.spans) > _SAME_WORDS * shortest_s


def _length_s(spans: Sequence[Span]) -> float:
    return sum(end_s - start_s for start_s, end_s in _times_s(spans))


def _overlap_s(some: Sequence[Span], others: Sequence[Span]) -> float:
    """Return the seconds that both have; the spans of a tier are in order."""
    first, second = _times_s(some), _times_s(others)
    total_s = 0.0
    while first and second:
        total_s += max(0.0, min(first[-1][1], second[-1][1]) - max(first[-1][0], second[-1][0]))
        # What starts later is done with: whatever is left of the other side ends before it.
        (first if first[-1][0] >= second[-1][0] else second).pop()
    return total_s


def _times_s(spans: Sequence[Span]) -> list[tuple[float, float]]:
    return [(span.start_s, span.end_s) for span in spans if span.start_s is not None and span.end_s is not None]


def _ambiguous(path: Path, found: str, tiers: Sequence[Tier]) -> TranscriptError:
    listed = ", ".join(repr(tier.name) for tier in tiers[:_LISTED_TIERS]) + ", ..." * (len(tiers) > _LISTED_TIERS)
    return TranscriptError(
        f"{str(path)!r}: {found} (tiers with text: {listed})",
        "a tier for each speaker, named by the speaker or 'NAME - words' or 'NAME - utterances'",
        "rename the tiers that hold the words, or remove the others",
    )
