"""The network: its configuration, its time line, what attends to what, and that it can learn.

Padding, hidden modalities and export: tests/equivalence.
"""

from dataclasses import replace
from typing import Any, get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from emobridge.errors import RecipeError
from emobridge.training.fit.losses import MultiTaskLoss
from emobridge.training.models.alignment import Modality, TimeLine, common_time_line
from emobridge.training.models.attention import MultiHeadAttention
from emobridge.training.models.fusion import Fusion, FusionConfig, FusionModel, Pool, Pooling

CONFIG = FusionConfig.sized(
    16,
    categories=("angry", "happy", "sad"),
    dimensions=("valence", "arousal"),
    acoustic_dimension=6,
    linguistic_dimension=5,
)
fusions = pytest.mark.parametrize("fusion", get_args(Fusion))


def model_of(**values: Any) -> FusionModel:
    torch.manual_seed(0)
    return FusionModel(replace(CONFIG, **values)).eval()


def inputs(count: int = 8, frames: int = 7, tokens: int = 4) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "acoustic": torch.randn(count, frames, 6, generator=generator),
        "acoustic_mask": torch.ones(count, frames, dtype=torch.bool),
        "linguistic": torch.randn(count, tokens, 5, generator=generator),
        "linguistic_mask": torch.ones(count, tokens, dtype=torch.bool),
        "token_positions": ((torch.arange(tokens) + 0.5) / tokens).expand(count, -1),
        "presence": torch.ones(count, 2, dtype=torch.bool),
    }


def modality(*lengths: int, positions: list[list[float]] | None = None) -> Modality:
    """Vectors that hold their own index, counted from 1."""
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    vectors = torch.where(mask, torch.arange(1.0, max(lengths) + 1), 99.0)[:, :, None]
    return Modality(vectors, mask, mask.any(dim=1), None if positions is None else torch.tensor(positions))


def read(modalities: list[Modality], timeline: TimeLine) -> tuple[list[tuple[Tensor, Tensor]], Tensor]:
    """Each modality's vectors on the time line, and whether there are any; and the number of steps."""
    places, total = common_time_line(modalities, timeline)
    return [(place.read(each.vectors), place.real) for place, each in zip(places, modalities, strict=True)], total


# --- configuration


@pytest.mark.parametrize(
    ("values", "named"),
    [
        (
            {"fusion": "brige"},
            f"fusion is 'brige'; valid: {', '.join(get_args(Fusion))}; did you mean 'bridge'",
        ),
        ({"pooling": "max"}, "pooling is 'max'; valid: mean, attention, statistics"),
        ({"timeline": "words"}, "timeline is 'words'; valid: common, padded"),
        ({"width": 0}, "width is 0; valid: a whole number from 1"),
        ({"width": 15}, "width is 15; valid: multiples of 4"),
        ({"heads": True}, "heads is True; valid: a whole number from 1"),
        ({"refinement_layers": -1}, "refinement_layers is -1; valid: a whole number from 0"),
        ({"acoustic_dimension": 0}, "acoustic_dimension is 0"),
        ({"acoustic_dimension": None, "linguistic_dimension": None}, "both encoders are (None, None)"),
        ({"dropout": 1.0}, "dropout is 1.0; valid: 0 to below 1"),
        ({"categories": ("happy",)}, "categories are ['happy']"),
        ({"discount_neutral_words": True}, "with discount_neutral_words; 'neutral' among the categories; leave it out"),
        ({"categories": (), "dimensions": ()}, "two or more categories"),
    ],
)
def test_values_out_of_range_are_refused_in_one_line(values: dict[str, Any], named: str) -> None:
    with pytest.raises(RecipeError) as caught:
        replace(CONFIG, **values)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"fusoin": "cross"}, "unknown key 'fusoin'; valid: categories, .*; did you mean 'fusion'"),
        ({"categories": None}, "key 'categories' is missing"),
    ],
)
def test_reading_refuses_unknown_and_missing_keys(change: dict[str, Any], named: str) -> None:
    values = {name: value for name, value in {**CONFIG.to_dict(), **change}.items() if value is not None}
    with pytest.raises(RecipeError, match=named):
        FusionConfig.from_dict(values)


@given(st.sampled_from(get_args(Fusion)), st.sampled_from(get_args(Pooling)), st.integers(0, 3), st.integers(1, 40))
def test_a_configuration_read_back_is_the_same(fusion: Fusion, pooling: Pooling, layers: int, tokens: int) -> None:
    config = replace(CONFIG, fusion=fusion, pooling=pooling, refinement_layers=layers, bridge_tokens=tokens)
    assert FusionConfig.from_dict(config.to_dict()) == config


@given(st.integers(1, 2_048))
def test_one_dial_derives_a_valid_shape_for_every_width(width: int) -> None:
    config = FusionConfig.sized(
        width, categories=("angry", "sad"), dimensions=(), acoustic_dimension=1, linguistic_dimension=None
    )
    assert 4 <= config.bridge_tokens <= 30
    assert width % config.heads == 0


def test_the_dial_gives_the_papers_shape_at_its_width_and_yields_to_given_values() -> None:
    names = {"categories": CONFIG.categories, "dimensions": CONFIG.dimensions}
    paper = FusionConfig.sized(1024, **names, acoustic_dimension=1024, linguistic_dimension=1024)
    assert (paper.bridge_tokens, paper.heads, paper.fusion, paper.pooling) == (30, 16, "bridge_crossed", "mean")
    given = FusionConfig.sized(1024, **names, acoustic_dimension=1, linguistic_dimension=1, heads=2, bridge_tokens=5)
    assert (given.bridge_tokens, given.heads) == (5, 2)


# --- attention, pooling and the time line


def test_attention_equals_that_of_torch() -> None:
    torch.manual_seed(0)
    mine, theirs = MultiHeadAttention(12, 3), torch.nn.MultiheadAttention(12, 3, batch_first=True)
    parts = (mine.query, mine.key, mine.value)
    theirs.in_proj_weight.data = torch.cat([part.weight for part in parts])
    theirs.in_proj_bias.data = torch.cat([part.bias for part in parts])
    theirs.out_proj.load_state_dict(mine.out.state_dict())
    query, key, value = torch.randn(2, 3, 12), torch.randn(2, 5, 12), torch.randn(2, 5, 12)
    mask = torch.tensor([[True] * 5, [True, True, False, False, False]])
    expected, _ = theirs(query, key, value, key_padding_mask=~mask)
    torch.testing.assert_close(mine(query, key, value, mask), expected, atol=1e-5, rtol=0)


def test_attention_without_any_key_is_finite_with_a_finite_gradient() -> None:
    attention, vectors = MultiHeadAttention(12, 3), torch.randn(1, 4, 12, requires_grad=True)
    found = attention(vectors, vectors, vectors, torch.zeros(1, 4, dtype=torch.bool))
    found.sum().backward()
    assert found.isfinite().all()
    assert vectors.grad is not None
    assert vectors.grad.isfinite().all()


def test_mean_pooling_is_the_mean_of_what_is_real() -> None:
    vectors, mask = torch.randn(2, 5, 3), torch.tensor([[True] * 5, [True, True, False, False, False]])
    pooled = Pool(3, "mean")(vectors, mask)
    torch.testing.assert_close(pooled, torch.stack([vectors[0].mean(dim=0), vectors[1, :2].mean(dim=0)]))


def test_statistics_pooling_hears_the_spread_that_attention_pooling_does_not() -> None:
    torch.manual_seed(0)
    narrow = torch.tensor([-1.0, 1.0])[None, :, None].expand(1, 2, 3)
    mask = torch.ones(1, 2, dtype=torch.bool)
    pools = {name: Pool(3, name) for name in ("attention", "statistics")}
    for pool in pools.values():
        pool.score.weight.data.zero_()
    assert torch.allclose(pools["attention"](narrow, mask), pools["attention"](2 * narrow, mask))
    assert not torch.allclose(pools["statistics"](narrow, mask), pools["statistics"](2 * narrow, mask))


def test_the_common_time_line_reads_both_modalities_at_the_same_moments() -> None:
    acoustic, linguistic = modality(6), modality(3, positions=[[0.1, 0.2, 0.9]])
    (heard, said), total = read([acoustic, linguistic], "common")
    assert total.tolist() == [6]
    assert heard[0][0, :, 0].tolist() == [1, 2, 3, 4, 5, 6]
    assert said[0][0, :, 0].tolist() == [1, 2, 2, 3, 3, 3]  # moments 1/12, 3/12, ... 11/12
    assert heard[1].all()
    assert said[1].all()


def test_a_text_longer_than_the_sound_stretches_the_sound() -> None:
    acoustic, linguistic = modality(2), modality(5, positions=[[0.1, 0.3, 0.5, 0.7, 0.9]])
    (heard, said), _ = read([acoustic, linguistic], "common")
    assert heard[0][0, :, 0].tolist() == [1, 1, 2, 2, 2]
    assert said[0][0, :, 0].tolist() == [1, 2, 3, 4, 5]


def test_the_padded_time_line_lays_index_beside_index() -> None:
    acoustic, linguistic = modality(5), modality(3, positions=[[0.1, 0.2, 0.9]])
    (heard, said), _ = read([acoustic, linguistic], "padded")
    assert heard[0][0, :, 0].tolist() == [1, 2, 3, 4, 5]
    assert said[0][0, :, 0].tolist() == [1, 2, 3, 0, 0]
    assert said[1][0].tolist() == [True, True, True, False, False]


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=4))
def test_the_time_line_keeps_order_and_skips_nothing_of_the_longer_modality(lengths: list[tuple[int, int]]) -> None:
    frames, tokens = zip(*lengths, strict=True)
    spread = [[(index + 0.5) / count for index in range(max(tokens))] for count in tokens]
    (heard, said), total = read([modality(*frames), modality(*tokens, positions=spread)], "common")
    for item, (n_frames, n_tokens) in enumerate(lengths):
        steps = int(total[item])
        assert steps == max(n_frames, n_tokens)
        for (vectors, mask), count in ((heard, n_frames), (said, n_tokens)):
            indices = vectors[item, :steps, 0]
            assert mask[item].sum() == steps
            assert indices.diff().min() >= 0 if steps > 1 else True
            assert set(indices.tolist()) == set(range(1, count + 1))


# --- the whole model


@fusions
@pytest.mark.parametrize("pooling", get_args(Pooling))
def test_outputs_have_the_shape_of_the_label_set_and_dimensions_stay_in_range(fusion: Fusion, pooling: Pooling) -> None:
    given = inputs()
    given["acoustic"] = given["acoustic"] * 100
    logits, dimensions = model_of(fusion=fusion, pooling=pooling)(**given)
    assert logits.shape == (8, 3)
    assert dimensions.shape == (8, 2)
    assert dimensions.min() >= 0
    assert dimensions.max() <= 1


@fusions
def test_a_head_that_nobody_asked_for_has_no_output(fusion: Fusion) -> None:
    logits, dimensions = model_of(fusion=fusion, categories=())(**inputs())
    assert (logits.shape, dimensions.shape) == ((8, 0), (8, 2))
    logits, dimensions = model_of(fusion=fusion, dimensions=())(**inputs())
    assert (logits.shape, dimensions.shape) == ((8, 3), (8, 0))


@fusions
def test_every_parameter_learns_from_all_and_none_from_nothing(fusion: Fusion) -> None:
    model, given = model_of(fusion=fusion, pooling="statistics"), inputs()
    given["presence"][0] = False
    sum((each * torch.randn_like(each)).sum() for each in model(**given)).backward()
    silent = [name for name, each in model.named_parameters() if each.grad is None or not each.grad.any()]
    # Such a bias moves all scores of a softmax alike, which it ignores; rounding may leave some gradient.
    assert [name for name in silent if not name.endswith(("key.bias", "score.bias"))] == []


@pytest.mark.parametrize("present", [(True, False), (False, True)])
@fusions
def test_a_model_hears_with_one_modality_hidden(fusion: Fusion, present: tuple[bool, bool]) -> None:
    given = inputs()
    given["presence"] = torch.tensor([present] * 8)
    logits, _ = model_of(fusion=fusion)(**given)
    assert logits.std(dim=0).min() > 1e-4


def test_with_nothing_present_every_item_gets_the_same_answer() -> None:
    given = inputs()
    given["presence"] = torch.zeros(8, 2, dtype=torch.bool)
    for each in model_of()(**given):
        assert (each == each[0]).all()


def test_crossed_and_plain_bridges_differ_with_both_modalities_and_agree_with_one() -> None:
    crossed, plain, given = model_of(fusion="bridge_crossed"), model_of(fusion="bridge"), inputs()
    plain.load_state_dict(crossed.state_dict())
    assert not torch.allclose(crossed(**given)[0], plain(**given)[0], atol=1e-3)
    given["presence"] = torch.tensor([[True, False], [False, True]] * 4)
    torch.testing.assert_close(crossed(**given)[0], plain(**given)[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize(("fusion", "matters"), [("bridge_crossed", True), ("recurrent", True), ("concat", False)])
def test_token_times_matter_where_the_time_line_is_read(fusion: Fusion, matters: bool) -> None:
    model, given = model_of(fusion=fusion), inputs()
    proportional, _ = model(**given)
    moved, _ = model(**{**given, "token_positions": given["token_positions"] ** 3})
    assert torch.allclose(proportional, moved) != matters


def test_encoder_layers_are_summed_with_weights_that_start_even() -> None:
    model, given = model_of(acoustic_layers=3), inputs()
    layers = torch.randn(3, *given["acoustic"].shape)
    single = model_of()
    single.load_state_dict({name: each for name, each in model.state_dict().items() if "layer_scores" not in name})
    stacked = model(**{**given, "acoustic": layers.transpose(0, 1)})
    torch.testing.assert_close(stacked, single(**{**given, "acoustic": layers.mean(dim=0)}), atol=1e-5, rtol=0)


@fusions
def test_a_small_model_learns_eight_utterances_by_heart(fusion: Fusion) -> None:
    model, given = model_of(fusion=fusion, dropout=0.0), inputs()
    labels = torch.arange(8) % 3
    target, dimensions = torch.eye(3)[labels], torch.rand(8, 2, generator=torch.Generator().manual_seed(2))
    loss = MultiTaskLoss(CONFIG.dimensions)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    allowed, weight = torch.ones(8, 3, dtype=torch.bool), torch.ones(8)
    for _ in range(60):
        optimizer.zero_grad()
        total, parts = loss(model(**given), target, allowed, weight, dimensions)
        total.backward()
        optimizer.step()
    assert torch.equal(model(**given)[0].argmax(dim=1), labels)
    assert max(parts["valence"], parts["arousal"]) < 0.05
