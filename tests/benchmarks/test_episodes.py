"""Laws of confidence by episodes: the split alone is changed, chance is what chance is, and the page tells a miss."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import emobridge
from benchmarks.accuracy import episodes
from emobridge.training.corpora.base import Utterance
from emobridge.training.evaluation.metrics import expected_calibration_error
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.experiments.recipe import read_recipe
from emobridge.utils.files import read_json


def test_nothing_but_the_split_and_the_variants_is_changed() -> None:
    recipe = read_recipe("default")
    dealt = episodes.by_episodes(recipe)
    protocols = {entry.name: entry.protocol for entry in dealt.data.corpora}
    assert {name for name, protocol in protocols.items() if protocol == "episodes"} == set(episodes.CORPORA)
    assert not dealt.variants
    ours, theirs = recipe.to_dict(), dealt.to_dict()
    for values in (ours, theirs):
        del values["variants"], values["evaluation"]
        for entry in values["data"]["corpora"]:
            entry.pop("protocol", None)
    assert ours == theirs


def test_the_error_by_chance_is_that_of_labels_drawn_from_the_probabilities() -> None:
    generator = np.random.default_rng(3)
    probabilities = generator.dirichlet(np.ones(4), 500)
    found = episodes.error_by_chance(probabilities, 200)
    drawn = [
        expected_calibration_error(generator.multinomial(1, probabilities).astype(float), probabilities)
        for _ in range(200)
    ]
    assert_allclose(found["mean"], np.mean(drawn), atol=0.003)
    assert_allclose(found["most"], np.quantile(drawn, 0.95), atol=0.006)
    many = episodes.error_by_chance(np.tile(probabilities, (20, 1)), 50)
    assert many["most"] < found["mean"] / 2
    assert found == episodes.error_by_chance(probabilities, 200)
    assert episodes.error_by_chance(np.eye(3), 5) == {"mean": 0.0, "most": 0.0}


def said(corpus: str, count: int, right: float) -> tuple[Predictions, list[Utterance]]:
    """Return answers of confidence .7, a given share of them right, to the sentences of ten episodes."""
    names = np.array([f"{corpus}{place:04d}" for place in range(count)])
    hits = np.arange(count) % 100 < 100 * right
    truth = np.where(hits[:, None], [1.0, 0.0], [0.0, 1.0]).astype(np.float32)
    none = np.zeros((count, 0), np.float32)
    words = {
        "corpora": corpus, "speakers": "somebody", "genders": "", "folds": "fold-1", "variants": "toy",
        "presence": "linguistic", "labels": "",
    }  # fmt: skip
    predictions = Predictions(
        categories=("happy", "sad"), dimensions=(), ids=names, seeds=np.ones(count, np.int64), truth=truth,
        allowed=np.ones((count, 2), bool), probabilities=np.tile(np.array([0.7, 0.3], np.float32), (count, 1)),
        category_threshold=np.full(count, 0.8, np.float32), truth_dimensions=none, predicted_dimensions=none,
        half_width=none, **{name: np.full(count, word) for name, word in words.items()},
    )  # fmt: skip
    utterances = [
        Utterance(
            name, corpus, "somebody", text="x", split="test" if place % 10 == 0 else "train",
            attributes={"season": "1", "episode": str(place % 10)},
        )
        for place, name in enumerate(names.tolist())
    ]  # fmt: skip
    return predictions, utterances


@pytest.mark.parametrize(("share", "told"), [(0.7, "0.000, under 0.05"), (0.6, "0.100, NOT under 0.05")])
def test_the_page_tells_the_error_of_all_sentences_and_of_the_authors_part(
    share: float, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, Any] = {name: said(name, 1000, share) for name in episodes.CORPORA}
    monkeypatch.setattr(emobridge, "read_corpus", lambda name, _: SimpleNamespace(utterances=made[name][1]))
    predictions = Predictions.concatenate([one for one, _ in made.values()])
    results = episodes.measure(read_recipe("default_text"), predictions, None, 20)
    for found in results["corpora"].values():
        assert found[episodes.ALL]["sentences"] == 1000
        assert found[episodes.ALL]["episodes"] == 10
        assert (found[episodes.AUTHORS]["sentences"], found[episodes.AUTHORS]["episodes"]) == (100, 1)
        error = found[episodes.ALL]["metrics"][episodes.ERROR]
        assert_allclose(error["value"], abs(0.7 - share), atol=1e-3)
        assert found[episodes.AUTHORS]["by_chance"]["mean"] > found[episodes.ALL]["by_chance"]["mean"] > 0
    page = episodes.page(results)
    assert all(f"{name} {told}" in page for name in episodes.CORPORA)
    assert "folds fold-1 of 4" in page


def test_the_committed_page_says_what_the_committed_figures_say() -> None:
    results = read_json(episodes.COMMITTED / "episodes.json")
    assert (episodes.COMMITTED / "episodes.md").read_text(encoding="utf-8") == episodes.page(results)
    assert results["recipe"]["digest"] == episodes.by_episodes(read_recipe("default")).digest
