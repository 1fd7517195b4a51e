"""Laws of the model card: every corpus with its licence, weak said where weak, no figure that is not in the bundle."""

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import emobridge
from emobridge.inference.bundle import BundleConfig, DimensionConfig, TrainingCorpus, load_bundle
from emobridge.training.evaluation.bootstrap import Interval
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.evaluation.scores import Scores, score
from emobridge.training.evaluation.subgroups import Gap
from emobridge.training.experiments.model_card import SpokenCorpus, limits, model_card

SPEECH = ("crema_d", "ravdess", "emodb", "nemo")
DEFAULT = Path(emobridge.__file__).parent / "default"
WEAK = "**Weak** means that nobody rated"


@pytest.fixture(scope="module")
def config(toy_bundle: Path) -> BundleConfig:
    return replace(load_bundle(toy_bundle).config, architecture={"fusion": {"fusion": "bridge"}})


@pytest.fixture(scope="module")
def predictions(toy_run: Any) -> Predictions:
    found: Predictions = toy_run.predictions
    return found.select(found.variants == "toy")


@pytest.fixture(scope="module")
def scores(predictions: Predictions) -> Scores:
    return score(predictions, resamples=20)


def test_every_corpus_stands_there_with_its_licence_and_citation(config: BundleConfig, scores: Scores) -> None:
    corpora = tuple(
        TrainingCorpus(f"corpus-{n}", f"licence-{n}", f"Author {n} (2020)", "", 10 * n, n or None, "x")
        for n in range(9)
    )
    card = model_card(replace(config, training_data=corpora), scores)
    for one in corpora:
        (row,) = [line for line in card.splitlines() if line.startswith(f"| {one.corpus} ")]
        assert one.licence in row
        assert one.citation in row
        assert str(one.speakers or "unknown") in row


@pytest.mark.parametrize("how", ["weak", "rated and weak", "rated"])
def test_weak_is_explained_where_any_dimension_is_weak(config: BundleConfig, scores: Scores, how: str) -> None:
    dimensions = (DimensionConfig("valence", (0, 1), {"acoustic": how, "linguistic": "rated"}),)
    conformal = {name: replace(one, half_width={}) for name, one in config.conformal.items()}
    card = model_card(replace(config, dimensions=dimensions, conformal=conformal), scores)
    assert (WEAK in card) == ("weak" in how)
    (row,) = [line for line in card.splitlines() if line.startswith("| valence ")]
    assert [cell.strip() for cell in row.strip("|").split("|")] == ["valence", how, "rated"]


def test_temperatures_and_sets_are_those_of_the_bundle(config: BundleConfig, scores: Scores) -> None:
    card = model_card(config, scores).partition("## Confidence")[2]
    for presence, temperature in config.temperature.items():
        (row,) = [line for line in card.splitlines() if line.startswith(f"| {presence} ")]
        assert f"{temperature:.2f}" in row
        assert "valence ±0.20" in row


def test_weights_of_a_view_are_listed_where_it_has_some(config: BundleConfig, scores: Scores) -> None:
    assert "multiplies" not in model_card(config, scores)
    name, view = next(iter(config.views.items()))
    factors = tuple(0.5 + 0.25 * number for number in range(len(view.categories)))
    weighed = replace(view, category_weights={"linguistic": factors})
    card = model_card(replace(config, views={name: weighed}), scores)
    listed = ", ".join(f"{one} {factor:.2f}" for one, factor in zip(view.categories, factors, strict=True))
    assert f"- `{name}`, linguistic: {listed}" in card


def test_a_model_without_dimensions_or_without_measured_widths_says_so(config: BundleConfig, scores: Scores) -> None:
    bare = {name: replace(one, half_width={}) for name, one in config.conformal.items()}
    card = model_card(replace(config, dimensions=(), conformal=bare), scores)
    assert "## Dimensions\n\nNone." in card
    assert card.count("none measured") == len(bare)


def test_held_out_figures_are_given_for_each_corpus(config: BundleConfig, predictions: Predictions) -> None:
    corpora = np.where(np.arange(len(predictions)) % 2, "two", "one")
    card = model_card(config, score(replace(predictions, corpora=corpora), resamples=20))
    table = card.partition("## Held-out results")[2].partition("##")[0]
    assert [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")][-2:] == ["one", "two"]


def test_confidence_is_measured_on_the_held_out_part(config: BundleConfig, predictions: Predictions) -> None:
    scores = score(replace(predictions, half_width=np.full_like(predictions.half_width, 0.2)), resamples=20)
    section = model_card(config, scores).partition("## Confidence")[2].partition("## Limits")[0]
    (head,) = [line for line in section.splitlines() if line.startswith("| corpus ")]
    columns = [cell.strip() for cell in head.strip("|").split("|")]
    assert {"ECE ↓", "90 % sets hold", "set size ↓", "90 % intervals hold valence"} <= set(columns)
    assert f"{scores.metrics['set_coverage'].pooled.value:.3f}" in section


def test_corpora_left_out_stand_there_where_they_were_measured(config: BundleConfig, scores: Scores) -> None:
    assert "left out" not in model_card(config, scores)
    card = model_card(config, scores, {"elsewhere": scores, "elsewhere, four": scores})
    assert card.count("| elsewhere ") == card.count("| elsewhere, four ") == 2
    assert f"{scores.metrics['unweighted_average_recall'].pooled.value:.3f}" in card.partition("## Corpora left out")[2]


def test_limits_say_what_was_learned_from_and_what_was_measured(config: BundleConfig, predictions: Predictions) -> None:
    spoken = [SpokenCorpus("one", "acted", "de"), SpokenCorpus("two", "acted", "en")]
    told = limits(config, spoken)
    assert "is acted (one, two). Natural speech is harder" in told
    assert "Languages of that speech: de, en." in told
    assert f"up to {1.5 * config.window_s:g} s is analysed as a whole" in told
    assert "Equal accuracy over gender, age, accent and language was not measured" in told
    natural = limits(config, [*spoken, SpokenCorpus("three", "natural", "en")])
    assert "is acted (one, two); natural (three)." in natural
    assert "Natural speech is harder" not in natural
    assert "speech that it learned from" not in limits(config, [])


def test_limits_hold_the_difference_between_genders_where_it_was_measured(config: BundleConfig) -> None:
    gap = Gap("one", "female", "male", {"unweighted_average_recall": Interval(0.1, -0.05, 0.25)})
    told = limits(config, (), [gap])
    assert "between genders: one +0.100 [-0.050, +0.250] (female minus male)" in told
    assert "over gender" not in told


def test_the_shipped_card_has_the_limits_that_are_written_today() -> None:
    config = load_bundle(DEFAULT).config
    facts = {name: importlib.import_module(f"emobridge.training.corpora.{name}").FACTS for name in SPEECH}
    spoken = [SpokenCorpus(name, found.speech, found.language) for name, found in facts.items()]
    assert limits(config, spoken) in (DEFAULT / "README.md").read_text(encoding="utf-8")
