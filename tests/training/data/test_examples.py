"""Laws of examples: raw labels stay, maps and scales apply, missing stays missing, weak never passes for rated."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.testing import assert_array_equal

from emobridge.audio.load import load_audio
from emobridge.errors import AudioError, CorpusError, LabelError, RecipeError
from emobridge.features.functionals import FunctionalsSettings
from emobridge.labels import Scale, label_map
from emobridge.training.corpora.base import Corpus, Utterance
from emobridge.training.data import front_ends
from emobridge.training.data.examples import CorpusConfig, DataConfig, Examples, build_examples
from emobridge.training.models.text_encoder import load_tokenizer


def corpus_of(*utterances: Utterance, name: str = "toy", labels: tuple[str, ...] = (), **scales: Scale) -> Corpus:
    return Corpus(name, utterances, labels, scales, "en", "CC0-1.0", "", "")


def said(identity: str, corpus: str = "toy", **fields: Any) -> Utterance:
    return Utterance(identity, corpus, **{"text": "i am so happy", **fields})


@pytest.fixture
def build(tmp_path: Path, toy_bundle: Path) -> Callable[..., Examples]:
    """A function (*corpora, entries={} for each, **fields of `DataConfig`) -> examples of their texts."""
    tokenizer = load_tokenizer(toy_bundle)

    def build(*corpora: Corpus, entries: dict[str, Any] | None = None, **fields: Any) -> Examples:
        each = {"modalities": ("linguistic",), **(entries or {})}
        config = DataConfig(tuple(CorpusConfig(corpus.name, **each) for corpus in corpora), **fields)
        return build_examples(config, corpora, tmp_path, tokenizer)

    return build


def test_raw_labels_stay_and_the_map_applies(build: Callable[..., Examples]) -> None:
    forward = label_map("crema_d", "seven").forward
    rows = [said(label, "crema_d", label=label) for label in forward]
    examples = build(corpus_of(*rows, name="crema_d", labels=tuple(forward)), categories="seven")
    assert [one.label for one in examples.utterances] == list(forward)
    for target, category in zip(examples.targets, forward.values(), strict=True):
        assert target.sum() == 1
        assert examples.categories[target.argmax()] == category
    assert_array_equal(examples.allowed, np.tile(label_map("crema_d", "seven").allowed, (len(rows), 1)))


@pytest.mark.parametrize("categories", ["own", "seven", "four"])
def test_votes_become_a_distribution_unless_one_label_is_asked_for(
    build: Callable[..., Examples], categories: str
) -> None:
    votes = {"angry": 3.0, "sad": 1.0}
    corpus = corpus_of(said("a", label="sad", votes=votes), labels=("angry", "sad"))
    both = [build(corpus, categories=categories, votes=voted) for voted in (True, False)]
    shares = [dict(zip(each.categories, each.targets[0].tolist(), strict=True)) for each in both]
    assert {name: share for name, share in shares[0].items() if share} == {"angry": 0.75, "sad": 0.25}
    assert {name: share for name, share in shares[1].items() if share} == {"sad": 1.0}


def test_what_is_missing_stays_missing(build: Callable[..., Examples]) -> None:
    rows = (said("lost", label="boredom"), said("none"), said("wordless", text=None), said("tokenless", text="\u200b"))
    corpus = corpus_of(*rows, labels=("boredom",), valence=Scale(1, 5))
    examples = build(corpus, categories="seven", dimensions=("valence",))
    assert not examples.targets.any()
    assert np.isnan(examples.dimensions).all()
    assert_array_equal(examples.presence, [[False, True], [False, True], [False, False], [False, False]])


def test_categories_that_are_not_to_be_learned_are_missing(build: Callable[..., Examples]) -> None:
    corpus = corpus_of(said("a", label="angry"), labels=("angry",))
    examples = build(corpus, entries={"categories": False}, categories="seven")
    assert not examples.targets.any()
    assert not examples.allowed.any()


def test_ratings_come_to_the_unit_scale_and_weak_labels_never_count_as_ratings(build: Callable[..., Examples]) -> None:
    rated, unrated = said("a", label="angry", dimensions={"valence": 2.0}), said("b", label="angry")
    corpus = corpus_of(rated, unrated, labels=("angry",), valence=Scale(1, 5))
    examples = build(corpus, entries={"weak_dimensions": True}, dimensions=("valence", "arousal"))
    assert_array_equal(examples.rated_dimensions, np.array([[0.25, np.nan], [np.nan, np.nan]], np.float32))
    assert examples.dimensions[0, 0] == 0.25
    assert not np.isnan(examples.dimensions).any()
    without = build(corpus, dimensions=("valence",))
    assert_array_equal(without.dimensions, without.rated_dimensions)


def test_an_unknown_dimension_is_answered_with_the_nearest(build: Callable[..., Examples]) -> None:
    corpus = corpus_of(said("a"), valence=Scale(1, 5))
    with pytest.raises(RecipeError, match="'valenc'; these corpora have valence; did you mean 'valence'"):
        build(corpus, dimensions=("valenc",))


def test_own_labels_must_be_shared_and_may_stand_in_any_order(build: Callable[..., Examples]) -> None:
    first = corpus_of(said("a", label="sad"), labels=("angry", "sad"))
    second = corpus_of(said("b", "other", label="sad"), name="other", labels=("sad", "angry"))
    third = corpus_of(said("c", "third", label="sad"), name="third", labels=("sad", "tired"))
    examples = build(first, second)
    assert examples.categories == ("angry", "sad")
    assert_array_equal(examples.targets, [[0, 1], [0, 1]])
    with pytest.raises(RecipeError, match=r"'own' for toy, third.*'nine', 'seven', 'six', 'five' or 'four'"):
        build(first, third)


def test_own_labels_beside_a_corpus_without_labels(build: Callable[..., Examples]) -> None:
    rated = corpus_of(said("b", "rated", dimensions={"valence": 0.5}), name="rated", valence=Scale(0, 1))
    examples = build(corpus_of(said("a", label="sad"), labels=("angry", "sad")), rated, dimensions=("valence",))
    assert_array_equal(examples.targets, [[0, 1], [0, 0]])
    assert_array_equal(examples.corpora, [0, 1])


def test_functionals_are_those_of_the_predicting_front_end(toy_examples: Callable[..., Examples]) -> None:
    examples = toy_examples()
    for row in (0, 17, 35):
        expected = FunctionalsSettings().frames(load_audio(examples.utterances[row].audio, sample_rate_hz=16_000))
        assert examples.frames(row).dtype == np.float32
        assert examples.frame_counts[row] == len(expected) == 1
        assert_array_equal(examples.frames(row), expected.astype(np.float16).astype(np.float32))


def test_an_example_without_sound_has_no_functionals(toy_examples: Callable[..., Examples]) -> None:
    examples = toy_examples(("linguistic",))
    assert examples.frames(0).shape == (0, FunctionalsSettings().width)


@pytest.mark.parametrize(("corpus", "label", "category"), [("ravdess", "calm", "calm"), ("emodb", "boredom", "bored")])
def test_among_nine_categories_calm_and_bored_have_a_place(
    build: Callable[..., Examples], corpus: str, label: str, category: str
) -> None:
    said_so = corpus_of(said("a", corpus, label=label), name=corpus, labels=(label,))
    nine, seven = (build(said_so, categories=categories) for categories in ("nine", "seven"))
    assert len(nine.categories) == 9
    assert nine.categories[nine.targets[0].argmax()] == category
    assert nine.targets[0].sum() == 1
    assert not seven.targets.any()


def test_sound_is_decoded_once(toy_examples: Callable[..., Examples], monkeypatch: pytest.MonkeyPatch) -> None:
    first = toy_examples()
    monkeypatch.setattr(front_ends, "load_audio", lambda *_, **__: pytest.fail("decoded again"))
    second = toy_examples()
    for row in range(len(first)):
        assert_array_equal(first.frames(row), second.frames(row), strict=True)


def test_a_modality_that_is_not_used_is_absent(toy_examples: Callable[..., Examples]) -> None:
    for modalities, expected in ((("acoustic",), [True, False]), (("linguistic",), [False, True])):
        assert (toy_examples(modalities).presence == expected).all()


@pytest.mark.parametrize("content", [b"RIFF of nothing", b"x" * 4000])
def test_a_corrupt_recording_is_named(build: Callable[..., Examples], tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.wav").write_bytes(content)
    with pytest.raises(AudioError, match=r"broken\.wav"):
        build(corpus_of(said("a", audio=tmp_path / "broken.wav")), entries={"modalities": ("acoustic",)})


def test_a_missing_recording_is_named(build: Callable[..., Examples], tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"toy: .*gone\.wav; No such file"):
        build(corpus_of(said("a", audio=tmp_path / "gone.wav")), entries={"modalities": ("acoustic",)})


def test_an_unknown_label_is_found_before_any_sound_is_decoded(
    build: Callable[..., Examples], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(800), 16_000)
    monkeypatch.setattr(front_ends, "load_audio", lambda *_, **__: pytest.fail("decoded"))
    corpus = corpus_of(said("a", audio=tmp_path / "a.wav", label="angy"), labels=("angy",))
    with pytest.raises(LabelError, match=r"'angy'.*did you mean 'angry'"):
        build(corpus, entries={"modalities": ("acoustic",)}, categories="seven")
