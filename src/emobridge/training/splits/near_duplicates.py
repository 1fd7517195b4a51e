"""The same recording or the same text twice: what must not lie on both sides of a split.

Identical audio is equal in its decoded 16 kHz samples. Near-duplicate audio is equal up to level and coding: the
log-mel frames, averaged over a fixed number of time slots and centred, have a cosine above 0.999 (different readings
of a sentence by one actor reach 0.995). A recording that was cut or shifted is not found. Near-duplicate text is equal
after case folding and dropping all but letters and digits, or has a cosine of TF-IDF-weighted character 4-grams of at
least 0.9. A text of fewer than four words ("Yeah.", "Oh my God!") says too little to be the same utterance: it is
never a duplicate.
"""

import hashlib
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emobridge.audio.load import load_audio
from emobridge.features.log_mel import LogMelSettings, log_mel
from emobridge.training.corpora.base import Utterance, is_speech
from emobridge.utils.extras import load_extra

AUDIO_COSINE = 0.999
TEXT_COSINE = 0.9
LEAST_WORDS = 4
SLOTS = 32
_SETTINGS = LogMelSettings()
_BLOCK_ROWS = 512


@dataclass(frozen=True)
class AudioFingerprint:
    """A recording in brief: `digest`, the SHA-256 of its samples, and `signature` (SLOTS * bands,) of norm 1 or 0."""

    digest: str
    signature: NDArray[np.float32]


def audio_fingerprint(path: Path) -> AudioFingerprint:
    """Return the fingerprint of a recording.

    Raises:
        AudioError: the recording cannot be read.
    """
    samples = load_audio(path, sample_rate_hz=_SETTINGS.sample_rate_hz)
    digest = hashlib.sha256(np.ascontiguousarray(samples, dtype="<f4").tobytes()).hexdigest()
    return AudioFingerprint(digest, audio_signature(samples))


def audio_signature(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the log-mel picture (SLOTS * bands,) of mono 16 kHz ``samples`` (N,), centred, of norm 1 (silence: 0)."""
    frames = log_mel(samples, _SETTINGS)
    # Slot k averages frames edges[k] to edges[k + 1]; of fewer frames than slots some stand in several.
    edges = np.linspace(0, len(frames), SLOTS + 1)
    starts = np.minimum(edges[:-1].astype(int), len(frames) - 1)
    stops = np.maximum(np.ceil(edges[1:]).astype(int), starts + 1)
    slots = np.stack([frames[start:stop].mean(axis=0) for start, stop in zip(starts, stops, strict=True)])
    picture = slots.ravel() - slots.mean()
    norm = float(np.linalg.norm(picture))
    signature: NDArray[np.float32] = (picture / norm if norm > 1e-3 else np.zeros_like(picture)).astype(np.float32)
    return signature


def near_duplicate_audio(fingerprints: Sequence[AudioFingerprint]) -> list[tuple[int, int]]:
    """Return every pair (i, j), i < j, of identical or near-duplicate recordings, sorted."""
    if not fingerprints:
        return []
    signatures = np.stack([fingerprint.signature for fingerprint in fingerprints])
    pairs = set(_equal_pairs([fingerprint.digest for fingerprint in fingerprints]))
    for start in range(0, len(signatures), _BLOCK_ROWS):
        cosines = signatures[start : start + _BLOCK_ROWS] @ signatures.T
        pairs.update(_upper(start, *np.nonzero(cosines > AUDIO_COSINE)))
    return sorted(pairs)


def near_duplicate_recordings(utterances: Sequence[Utterance], indices: Sequence[int]) -> list[tuple[int, int]]:
    """Return every pair, out of the utterances at ``indices`` (rising), whose recordings are near-duplicates.

    Raises:
        AudioError: a recording cannot be read.
    """
    spoken = [(index, path) for index in indices if (path := utterances[index].audio) is not None]
    pairs = near_duplicate_audio([audio_fingerprint(path) for _, path in spoken])
    return [(spoken[first][0], spoken[second][0]) for first, second in pairs]


def near_duplicate_utterances(
    utterances: Sequence[Utterance], indices: Sequence[int]
) -> Iterator[tuple[str, int, int]]:
    """Yield ("recording" or "text", i, j) for each two near-duplicates out of the utterances at ``indices`` (rising).

    Texts count where there is no speech at all: acted sentences are often read by every speaker.

    Raises:
        AudioError: a recording cannot be read.
    """
    for first, second in near_duplicate_recordings(utterances, indices):
        yield "recording", first, second
    if not is_speech(utterances[index] for index in indices):
        for first, second in near_duplicate_texts([utterances[index].text or "" for index in indices]):
            yield "text", indices[first], indices[second]


def normalised_text(text: str) -> str:
    """Return ``text`` case-folded, its letters and digits kept, one blank between words; "I don't" is two words."""
    return " ".join(re.findall(r"[^\W_]+", re.sub(r"['\u2019]", "", text.casefold())))


def near_duplicate_texts(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Return every pair (i, j), i < j, of near-duplicate texts of at least four words, sorted.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    vectors, places = _told_apart(texts)
    pairs = (pair for rows, columns in _near(vectors, vectors) for pair in _upper(0, rows, columns))
    return sorted((places[first], places[second]) for first, second in pairs)


def _told_apart(texts: Sequence[str]) -> tuple[Any, list[int]]:
    """Return the TF-IDF vectors, a sparse matrix, of the texts that are long enough, and their places in ``texts``."""
    normalised = [normalised_text(text) for text in texts]
    places = [index for index, text in enumerate(normalised) if len(text.split()) >= LEAST_WORDS]
    vectorizer = load_extra("sklearn.feature_extraction.text", "train").TfidfVectorizer
    vectors = vectorizer(analyzer="char", ngram_range=(4, 4), dtype=np.float32)
    return vectors.fit_transform([normalised[index] for index in places] or ["none at all"])[: len(places)], places


def _near(vectors: Any, others: Any) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield, block by block, the rows of ``vectors`` and the rows of ``others`` that nearly equal each other."""
    transposed = others.T.tocsc()
    for start in range(0, vectors.shape[0], _BLOCK_ROWS):
        # Equal texts have a cosine of 1 up to rounding, so that they are found here too.
        cosines = (vectors[start : start + _BLOCK_ROWS] @ transposed).tocoo()
        near = cosines.data >= TEXT_COSINE
        yield start + cosines.row[near], cosines.col[near]


@dataclass(frozen=True)
class Sentences:
    """Which sentence each utterance says; one that is said by several is the same sentence.

    Attributes:
        numbers: of each utterance's sentence; -1 where there is none, or one too short to be told from another.
        near: number of a sentence -> the numbers of those that nearly equal it.
    """

    numbers: tuple[int, ...]
    near: Mapping[int, frozenset[int]]

    def alike(self, index: int) -> frozenset[int]:
        """Return the numbers of an utterance's sentence and of those that nearly equal it."""
        number = self.numbers[index]
        return frozenset() if number < 0 else frozenset({number}) | self.near.get(number, frozenset())

    def of(self, indices: Iterable[int]) -> frozenset[int]:
        """Return the numbers of the sentences that some utterances say."""
        return frozenset(self.numbers[index] for index in indices) - {-1}


def sentences(
    utterances: Sequence[Utterance],
    find: Callable[[Sequence[str]], Iterable[tuple[int, int]]] = near_duplicate_texts,
) -> Sentences:
    """Return which sentence each utterance says.

    A sentence of fewer than four words counts where it is known to come from a script (the attribute ``situation``).

    Args:
        utterances: any.
        find: returns the pairs of texts that nearly equal each other; for who has found them before.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    texts = [normalised_text(utterance.text or "") for utterance in utterances]
    scripted = [utterance.attributes.get("situation") == "scripted" for utterance in utterances]
    counted = [
        text if len(text.split()) >= (1 if known else LEAST_WORDS) else ""
        for text, known in zip(texts, scripted, strict=True)
    ]
    places = {text: place for place, text in enumerate(dict.fromkeys(text for text in counted if text))}
    near: dict[int, set[int]] = {}
    for first, second in find(list(places)):
        near.setdefault(first, set()).add(second)
        near.setdefault(second, set()).add(first)
    numbers = tuple(places.get(text, -1) for text in counted)
    return Sentences(numbers, {number: frozenset(others) for number, others in near.items()})


def texts_found_in(texts: Sequence[str], others: Sequence[str]) -> list[int]:
    """Return the index of each of ``texts`` that nearly equals one of ``others``, rising.

    For a mixture of corpora: two corpora of one television series hold the same scenes, so that the training texts of
    one can be the test texts of the other.
    """
    vectors, places = _told_apart([*texts, *others])
    own = bisect_left(places, len(texts))
    found = {row for rows, _ in _near(vectors[:own], vectors[own:]) for row in rows.tolist()}
    return [places[row] for row in sorted(found)]


def _upper(start: int, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Iterator[tuple[int, int]]:
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        if start + row < column:
            yield start + row, column


def _equal_pairs(values: Sequence[str]) -> Iterator[tuple[int, int]]:
    places: dict[str, list[int]] = {}
    for index, value in enumerate(values):
        for earlier in places.setdefault(value, []):
            yield earlier, index
        places[value].append(index)
