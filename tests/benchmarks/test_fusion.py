"""Laws of the fusion benchmark: what a model scores that ignores words, one that obeys them, and one that doubts."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.accuracy import fusion
from benchmarks.listening import Clips

CATEGORIES = ("angry", "happy", "neutral", "sad")
SENTENCES = fusion.Sentences(
    {name: [f"{name} {n}" for n in range(3)] for name in CATEGORIES if name != "neutral"}, ["so"]
)
COUNT = 24


class ToyClips(Clips):
    """Clips whose sound is their number."""

    def sound(self, index: int) -> NDArray[np.float32]:
        return np.array([index], np.float32)


@pytest.fixture(scope="module")
def clips() -> ToyClips:
    truth = np.arange(COUNT) % 5 - 1  # unlabelled, then each category
    words = np.array([f"s{index % 4}" for index in range(COUNT)])
    allowed = np.ones((COUNT, 4), bool)
    return ToyClips(CATEGORIES, (), np.arange(COUNT).astype(np.str_), words, words, truth, allowed, ())


class Model:
    """Hears rightly; reads what the words say; ``mix`` makes one answer of both, each (C,)."""

    def __init__(self, clips: Clips, mix: Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]) -> None:
        self.clips, self.mix, self.read = clips, mix, []

    def predict(self, heard: tuple[NDArray[Any], int] | None, text: str | None) -> Any:
        self.read.append(text)
        word = text.split()[0] if text else ""
        said = np.array([0.7 if name == word else 0.1 for name in CATEGORIES]) if word in CATEGORIES else None
        sure = None if heard is None else np.where(np.arange(4) == self.clips.truth[int(heard[0][0])], 0.7, 0.1)
        shares = said if sure is None else sure if said is None else self.mix(sure, said)
        return SimpleNamespace(summary=SimpleNamespace(shares=dict(zip(CATEGORIES, shares, strict=True))))


def figures(clips: Clips, mix: Callable[..., NDArray[Any]]) -> dict[str, float]:
    chosen, neutral = fusion.emotional_clips(clips, SENTENCES), fusion.neutral_clips(clips)
    found = fusion.ask(Model(clips, mix), clips, chosen, SENTENCES)
    unmoved = fusion.ask(Model(clips, mix), clips, neutral, SENTENCES, fusion.NEUTRAL_CONDITIONS)
    values = fusion.measured(clips, chosen, found).values()
    return {**values, **fusion.measured_neutral(clips, neutral, unmoved).values()}


def test_clips_are_labelled_and_emotional(clips: Clips) -> None:
    chosen = fusion.emotional_clips(clips, SENTENCES)
    assert set(clips.truth[chosen]) == {0, 1, 3}
    assert len(chosen) == np.isin(clips.truth, [0, 1, 3]).sum()
    assert fusion.neutral_clips(clips).tolist() == np.flatnonzero(clips.truth == 2).tolist() != []


def test_a_model_that_ignores_words_stays_and_never_doubts(clips: Clips) -> None:
    found = figures(clips, lambda sound, words: sound)
    assert (found["stays"], found["follows"], found["third"]) == (1, 0, 0)
    assert found["matching_gain"] == found["irrelevant_changed"] == found["doubt"] == 0
    assert (found["neutral_accuracy"], found["neutral_matching_gain"], found["neutral_contradicting_gain"]) == (1, 0, 0)


def test_a_model_that_obeys_words_follows_them(clips: Clips) -> None:
    found = figures(clips, lambda sound, words: words)
    assert (found["stays"], found["follows"], found["third"]) == (0, 1, 0)
    assert found[f"accuracy_{fusion.MATCHING}"] == 1
    assert found[f"accuracy_{fusion.CONTRADICTING}"] == 0
    assert found["doubt"] == 0
    assert (found["neutral_accuracy"], found["neutral_contradicting_gain"]) == (1, -1)


def test_a_model_that_averages_doubts_where_words_contradict(clips: Clips) -> None:
    found = figures(clips, lambda sound, words: (sound + words) / 2)
    assert found["doubt"] == pytest.approx(0.4 - 0.7)
    assert found["doubt_against_speech"] == pytest.approx(0.4 - 0.7)


def test_each_clip_reads_its_category_another_one_and_an_emotionless_sentence(clips: Clips) -> None:
    chosen = fusion.emotional_clips(clips, SENTENCES)
    models = [Model(clips, lambda sound, words: sound) for _ in range(2)]
    for model in models:
        fusion.ask(model, clips, chosen, SENTENCES)
    assert models[0].read == models[1].read
    for index, (none, own, again, other, plain, empty, opposite) in zip(
        chosen, np.array(models[0].read, object).reshape(-1, 7).tolist(), strict=True
    ):
        label = CATEGORIES[clips.truth[index]]
        assert (none, empty, plain) == (None, "", "so")
        assert own == again
        assert own.split()[0] == label != other.split()[0] != "neutral"
        assert other == opposite


@pytest.mark.parametrize("same", [True, False])
def test_the_page_names_every_condition_and_says_whether_empty_text_is_harmless(same: bool) -> None:
    one = {"value": 0.5, "low": 0.4, "high": 0.6}
    metrics = {f"{figure}_{name}": one for figure in ("accuracy", "confidence") for name in fusion.CONDITIONS}
    page = fusion.page({
        "emobridge": "1", "model": {"name": "toy", "version": "1"}, "recipe": "toy", "clips": {"toy": 3},
        "sentences": {"sad": 2}, "resamples": 9, "empty_text_changes_nothing": same, "neutral_clips": 2,
        "metrics": {**metrics, **dict.fromkeys(fusion.FIGURES | fusion.NEUTRAL_FIGURES, one)},
        "accuracy": {"toy": dict.fromkeys(fusion.CONDITIONS, 0.5)},
    })  # fmt: skip
    assert all(f"\n| {name} " in page for name in fusion.CONDITIONS)
    assert ("does NOT give" in page) != same
