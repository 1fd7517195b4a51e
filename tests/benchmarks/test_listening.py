"""Laws of the benchmarks that hear clips: what is heard is what users are told, figures follow, seeded = equal."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

import emobridge
from benchmarks import listening
from benchmarks.listening import Clips, Condition, Heard, figures, held_out, interval, listen, measured
from benchmarks.robustness import conditions as robustness
from benchmarks.robustness import durations, relative
from emobridge.audio.load import load_audio
from emobridge.inference.predictor import Predictor
from emobridge.training.evaluation.metrics import concordance_cc, unweighted_average_recall
from emobridge.training.experiments.recipe import Recipe, parse_recipe

SPEAKERS, LABELS = ("anna", "ben", "cleo", "dan", "eva", "finn"), ("angry", "happy", "sad")


@pytest.fixture(scope="module")
def recipe(
    speech_like: Callable[..., NDArray[np.float32]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Recipe]:
    """A recipe over 36 clips: 6 speakers x 3 labels x 2."""
    folder = tmp_path_factory.mktemp("corpus")
    names = [f"{speaker}-{label}-{take}" for speaker in SPEAKERS for label in LABELS for take in range(2)]
    for seed, name in enumerate(names):
        soundfile.write(folder / f"{name}.wav", speech_like(0.5 + 0.02 * seed, seed), 16_000)
    rows = [",".join([f"{name}.wav", *name.split("-")[:2]]) for name in names]
    (folder / "toy.csv").write_text("\n".join(["file,speaker,label", *rows]) + "\n", encoding="utf-8")
    values = {"categories": "seven", "corpora": [{"name": f"table:{folder / 'toy.csv'}"}]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOBRIDGE_CACHE", str(folder))
        yield parse_recipe({"name": "toy", "data": values, "acoustic": {}, "evaluation": {"folds": 3}})


@pytest.fixture(scope="module")
def clips(recipe: Recipe) -> Clips:
    return held_out(recipe, None, 6)


@pytest.fixture(scope="module")
def predictor(toy_bundle: Path) -> Predictor:
    return emobridge.load(toy_bundle, threads=1)


def test_clips_are_those_of_the_test_part_and_others_are_other_speakers(clips: Clips, recipe: Recipe) -> None:
    everything = held_out(recipe, None, None)
    assert len(clips) == 6
    assert len(everything) == 12
    assert set(clips.ids) < set(everything.ids)
    assert_array_equal(clips.ids, held_out(recipe, None, 6).ids)
    assert len(set(everything.speakers)) == 2
    assert not {path.name.partition("-")[0] for path in everything.others} & set(everything.speakers)
    for index, path in enumerate(clips.audio):
        assert clips.categories[clips.truth[index]] == path.name.split("-")[1]


def test_what_is_heard_is_what_a_user_is_told(clips: Clips, predictor: Predictor) -> None:
    found = listen(predictor, clips, [Condition("as it is", "", lambda _, samples, __: samples)])["as it is"]
    for index, path in enumerate(clips.audio):
        (segment,) = predictor.predict((load_audio(path), 16_000)).segments
        expected = [segment.probabilities[name] for name in clips.categories]
        np.testing.assert_allclose(found.probabilities[index], expected, rtol=1e-6)
        assert found.dimensions[index].tolist() == pytest.approx(list(segment.dimensions.values()))
    assert found.judged.all()


def test_silence_is_an_even_guess_that_counts_as_not_judged(clips: Clips, predictor: Predictor) -> None:
    found = listen(predictor, clips, [Condition("nothing", "", lambda _, samples, __: 0 * samples)])["nothing"]
    assert not found.judged.any()
    assert_array_equal(found.probabilities, np.full_like(found.probabilities, 1 / 7))
    assert np.isnan(found.dimensions).all()


def test_the_same_seed_hears_the_same_and_a_condition_does_not_depend_on_the_others(
    clips: Clips, predictor: Predictor
) -> None:
    noisy = robustness.conditions([clips.sound(0)] * 3)[1:4]
    first, second = (listen(predictor, clips, noisy, seed) for seed in (1, 1))
    alone = listen(predictor, clips, noisy[:1], 1)
    other = listen(predictor, clips, noisy[:1], 2)
    name = noisy[0].name
    for one in (second, alone):
        assert_array_equal(first[name].probabilities, one[name].probabilities)
    assert not np.array_equal(first[name].probabilities, other[name].probabilities)


def invented(clips: Clips, seed: int) -> Heard:
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.ones(len(clips.categories)), len(clips))
    return Heard(probabilities, random.uniform(size=(len(clips), 2)), np.ones(len(clips), bool))


def test_figures_are_those_of_the_metrics(clips: Clips) -> None:
    clean, changed = invented(clips, 0), invented(clips, 1)
    two = dataclasses.replace(clips, corpora=np.array(["a", "a", "a", "b", "b", "b"]))
    values = measured(two, changed, clean, ["valence", "arousal"]).values()
    said = changed.probabilities.argmax(axis=1)
    recalls = [unweighted_average_recall(clips.truth[rows], said[rows]) for rows in (slice(3), slice(3, 6))]
    assert [values[f"unweighted_average_recall_{name}"] for name in "ab"] == recalls
    assert values["unweighted_average_recall_all"] == pytest.approx(np.mean(recalls))
    assert values["accuracy"] == np.mean(said == clips.truth)
    assert values["confidence"] == pytest.approx(changed.probabilities.max(axis=1).mean())
    assert values["concordance_cc_arousal"] == concordance_cc(clean.dimensions[:, 1], changed.dimensions[:, 1])
    same = [Condition(name, "", lambda _, samples, __: samples) for name in ("clean", "changed")]
    found = figures(two, {"clean": clean, "changed": clean}, same, "clean", ["valence", "arousal"], 20)
    assert found[1]["differences"]["unweighted_average_recall_all"]["value"] == 0
    assert found[1]["metrics"]["concordance_cc_valence"]["value"] == pytest.approx(1)


def test_the_recall_of_what_is_judged_leaves_the_rest_out(clips: Clips) -> None:
    certain = np.eye(7)[np.where(np.arange(6) < 4, clips.truth, (clips.truth + 1) % 3)]
    heard = dataclasses.replace(invented(clips, 0), probabilities=certain, judged=np.arange(6) < 4)
    values = measured(clips, heard, heard, []).values()
    assert values["unweighted_average_recall_judged"] == 1 > values["unweighted_average_recall_all"]
    assert values["judged"] == pytest.approx(4 / 6)


def test_a_category_is_chosen_among_those_of_the_corpus(clips: Clips) -> None:
    allowed = np.eye(7, dtype=bool)[clips.truth]
    heard = invented(clips, 0)
    assert measured(dataclasses.replace(clips, allowed=allowed), heard, heard, []).values()["accuracy"] == 1


@pytest.mark.parametrize(("figure", "text"), [
    (None, ""), ({"value": None, "low": None, "high": None}, ""), ({"value": 0.5, "low": None, "high": None}, "0.500"),
    ({"value": 0.5, "low": 0.25, "high": 1.0}, "0.500 [0.250, 1.000]"),
])  # fmt: skip
def test_intervals_are_written_as_far_as_they_are_known(figure: Any, text: str) -> None:
    assert interval(figure) == text


def test_gain_law_finds_the_largest_change_and_who_fell_silent(clips: Clips) -> None:
    clean = invented(clips, 0)
    moved = dataclasses.replace(clean, probabilities=clean.probabilities + 0.03 * np.eye(6, 7) * [1, *[0] * 6])
    silent = dataclasses.replace(moved, judged=np.arange(6) > 0)
    found = {"clean": clean, "gain +20 dB": clean, "gain -20 dB": moved}
    law = robustness.gain_law(found)
    assert law["largest_change"] == pytest.approx(0.03)
    assert not law["kept"]
    law = robustness.gain_law({**found, "gain -20 dB": silent})
    assert law["kept"]
    assert law["now_unjudged"] == 1


def test_gain_alone_moves_no_probability_of_the_default_model(speech_like: Any) -> None:
    model = emobridge.load(threads=1)
    for seed in range(4):
        samples = speech_like(1.2, seed)
        plain, loud, quiet = (
            list(model.predict((samples * gain, 16_000)).segments[0].probabilities.values()) for gain in (1, 10, 0.1)
        )
        assert np.abs(np.subtract(loud, plain)).max() <= robustness.GAIN_LIMIT
        assert np.abs(np.subtract(quiet, plain)).max() <= robustness.GAIN_LIMIT


def test_the_middle_is_where_the_energy_is() -> None:
    samples = np.zeros(64_000, np.float32)
    samples[48_000:52_000] = 1.0
    assert_array_equal(durations.middle(samples, 0.25), np.ones(4_000))
    assert_array_equal(durations.middle(samples[:100], 0.25), samples[:100])
    assert len(durations.middle(samples, 3.9)) == round(3.9 * 16_000)
    assert len(durations.middle(np.zeros(9_000, np.float32), 0.5)) == 8_000


def test_joined_clips_are_of_one_speaker_and_category(recipe: Recipe) -> None:
    clips = held_out(recipe, None, None)
    samples = clips.sound(0)
    same = np.flatnonzero((clips.speakers == clips.speakers[0]) & (clips.truth == clips.truth[0]))
    assert len(same) == 2
    both = np.concatenate([samples, clips.sound(int(same[1]))])
    long = durations.joined(clips, 0, samples, 4.0, np.random.default_rng(0))
    assert_array_equal(long, np.resize(both, 64_000))
    assert_array_equal(durations.joined(clips, 0, samples, 0.1, np.random.default_rng(0)), samples[:1_600])


@pytest.mark.parametrize(("gains", "expected"), [
    ([0.1, 0.6, 0.4, 0.7], "2 s"), ([0.9, 0.6, 0.8, 0.7], "0.5 s"), ([0.9, 0.6, 0.8, 0.2], durations.WHOLE),
    ([None] * 4, durations.WHOLE),
])  # fmt: skip
def test_the_shortest_length_that_is_enough_is_followed_by_none_that_is_not(gains: Any, expected: str) -> None:
    names = ("0.5 s", "1 s", "1.5 s", "2 s")
    rows = [{"name": name, "group": "short", "gain": gain} for name, gain in zip(names, gains, strict=True)]
    assert durations.shortest({"conditions": [*rows, {"name": "9 s", "group": "long", "gain": 0.0}]}, 0.5) == expected


@pytest.mark.parametrize("script", [robustness, durations], ids=lambda script: str(script.__name__))
def test_a_benchmark_writes_its_table_from_its_figures(
    script: Any, recipe: Recipe, toy_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "durations" if script is durations else "robustness"
    monkeypatch.setattr(listening, "read_recipe", lambda _: recipe)
    monkeypatch.setattr(robustness, "RATIOS_DB", (20, 0))
    arguments = ["--model", str(toy_bundle), "--clips", "4", "--resamples", "3", "--out", str(tmp_path)]
    assert script.main(arguments) == 0
    results = json.loads((tmp_path / f"{name}.json").read_text())
    page = (tmp_path / f"{name}.md").read_text()
    assert page == script.page(results)
    assert " 4 clips)" in page
    drawn = tmp_path / f"{name}.svg"
    first = drawn.read_bytes()
    listening.draw(drawn, 2, lambda axes: script.paint(results, axes), (10.0, 4.0 if script is durations else 4.5))
    assert first == drawn.read_bytes()
    for row in results["conditions"]:
        assert f"| {row['name']} " in page


def test_clips_before_a_clip_are_of_its_speaker_and_of_the_given_moods(recipe: Recipe) -> None:
    clips = held_out(recipe, None, None)
    generator = np.random.default_rng(0)
    for index in range(len(clips)):
        for past in relative.PASTS:
            heard = relative.before(clips, index, past, generator)
            assert index not in heard
            assert set(clips.speakers[heard]) <= {clips.speakers[index]}
            most = 1 if past.moods == "same" else 5
            assert len(heard) == min(past.count, most) == len(set(heard.tolist()))
            if past.moods == "same":
                assert set(clips.truth[heard]) <= {clips.truth[index]}


def test_most_of_a_neutral_past_is_neutral() -> None:
    truth = np.array([0] * 9 + [1] * 9)
    names, ones = np.array(["x"] * 18), np.ones((18, 2), bool)
    clips = Clips(("neutral", "sad"), (Path(),) * 18, names, names, names, truth, ones, ())
    past = relative.Past("", 8, "neutral")
    counts = [(truth[relative.before(clips, 17, past, np.random.default_rng(seed))] == 0).sum() for seed in range(9)]
    assert counts == [6] * 9


def test_after_nothing_a_clip_is_heard_as_it_is_and_after_others_it_is_not(clips: Clips, predictor: Predictor) -> None:
    generator = np.random.default_rng(0)
    for index in range(len(clips)):
        expected = predictor.predict((clips.sound(index), 16_000)).segments
        found = relative.hear(predictor, clips, index, relative.ALONE, generator).segments
        other = relative.hear(predictor, clips, index, relative.PASTS[1], generator).segments
        assert [segment.probabilities for segment in found] == [segment.probabilities for segment in expected]
        assert len(other) == len(found)
        assert [segment.probabilities for segment in other] != [segment.probabilities for segment in expected]


def test_the_page_of_pasts_tells_what_each_gains(clips: Clips, predictor: Predictor, recipe: Recipe) -> None:
    results = relative.measure(predictor, recipe, clips, 20)
    page = relative.page(results)
    assert page.count("\n| ") == 1 + len(relative.PASTS)
    recalls = {row["name"]: row["metrics"]["unweighted_average_recall_all"]["value"] for row in results["conditions"]}
    assert all(f"{recall:.3f}" in page for recall in recalls.values())
