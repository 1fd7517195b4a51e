"""Laws of the ablation of dimensions: variants differ in their part alone, and the page marks what is reliable."""

from typing import Any

from benchmarks.accuracy import dimensions
from emobridge.training.experiments.recipe import read_recipe
from emobridge.training.fit.weak_supervision import WeakConfig


def test_each_variant_adds_one_part_to_prototypes_alone() -> None:
    recipe = dimensions.ablation(read_recipe("default"))
    assert recipe.loss.weak == WeakConfig()
    for name, part in dimensions.PARTS.items():
        varied = recipe.variant(name)
        assert varied.loss.weak == WeakConfig(**part)
        assert varied.data == recipe.data
    everything = WeakConfig(**{key: value for part in dimensions.PARTS.values() for key, value in part.items()})
    assert recipe.variant(dimensions.ALL).loss.weak == everything
    assert not any(entry.weak_dimensions for entry in recipe.variant(dimensions.NO_PROTOTYPES).data.corpora)


def test_every_part_of_weak_teaching_is_in_the_ablation() -> None:
    assert {key for part in dimensions.PARTS.values() for key in part} == set(vars(WeakConfig())) - {"order_margin"}


def variant(value: float, low: float, high: float) -> dict[str, Any]:
    metric = {"value": value, "low": value - 0.1, "high": value + 0.1}
    return {
        "metrics": {"within_category_arousal": metric, "intensity_rank_arousal": {"value": None}},
        "differences": {"within_category_arousal": {"value": low, "low": low, "high": high}},
    }


def test_the_page_marks_reliable_differences_and_leaves_out_what_no_clip_can_tell() -> None:
    page = dimensions.page({
        "emobridge": "1", "recipe": "0", "resamples": 9, "steps": 5, "dimensions": ["arousal"],
        "variants": {"prototypes": {}, "tolerance": {"loss.weak.tolerance": 0.1}, "noise": {"a": False}},
        "speech": {"toy": {
            "prototypes": variant(0.2, 0.0, 0.0), "tolerance": variant(0.5, 0.1, 0.4), "noise": variant(0.3, -0.1, 0.2),
        }},
        "rated": {"prototypes": {"concordance_cc_valence": {"value": 0.7, "low": 0.6, "high": 0.8}}},
    })  # fmt: skip
    assert "**0.500 [0.400, 0.600]**" in page
    assert "| 0.300 [0.200, 0.400]" in page
    assert "rank of intensity |" not in page
    assert "`loss.weak.tolerance = 0.1`" in page
