"""Laws of the benchmark of public encoders: it says what it measured, and operations are counted as torch counts."""

import json
from pathlib import Path

import pytest
import torch
from torch.nn.utils import parametrize
from torch.utils.flop_counter import FlopCounterMode
from transformers import DebertaV2Model, HubertConfig, HubertModel

from benchmarks.speed import encoders, encoders_speech, encoders_text
from benchmarks.speed.encoders_speech import speech_operations

SMALL = {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64}
SPEECH = {"conv_dim": (32,) * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders_speech, "LARGE", {**encoders_speech.LARGE, **SMALL, **SPEECH})
    monkeypatch.setattr(encoders_text, "LARGE", {**encoders_text.LARGE, **SMALL, "vocab_size": 100})
    monkeypatch.setattr(encoders, "TEXTS", 2)
    monkeypatch.setattr(encoders, "LONGEST_S", 11.0)
    monkeypatch.setenv("EMOBRIDGE_CACHE", "elsewhere")  # put back afterwards


@pytest.mark.usefixtures("small")
def test_a_page_and_its_figures_say_what_each_precision_took_and_how_close_it_came(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    threads = torch.get_num_threads()
    try:
        status = encoders.main(["--out", str(tmp_path), "--threads", "1", "--files", "3", "--layers", "1"])
    finally:
        torch.set_num_threads(threads)
    results = json.loads((tmp_path / "encoders.json").read_text())
    page = (tmp_path / "encoders.md").read_text()
    for part in ("speech", "text"):
        rows = {row["name"]: row for row in results[part]["rows"]}
        assert all(row["seconds"] > 0 for row in rows.values())
        assert set(encoders.usable()) < set(rows)
        assert rows["int8"]["cosine"] > 0.9
        assert all(f"| {name} " in page for name in rows)
    assert status == (0 if encoders.sound(results) else 1) == 0
    assert results["speech"]["audio_s"] == pytest.approx(sum(encoders.durations_s(3)))


def test_lengths_are_the_same_every_time_and_reach_both_ends() -> None:
    lengths = encoders.durations_s(50)
    assert lengths == encoders.durations_s(50)
    assert (min(lengths), max(lengths)) == (0.6, 34.0)


def test_operations_are_those_that_torch_counts() -> None:
    small = {**encoders_speech.LARGE, **SMALL, **SPEECH}
    config = HubertConfig(num_hidden_layers=2, **small, attn_implementation="eager")
    network = HubertModel(config).eval()
    parametrize.remove_parametrizations(network.encoder.pos_conv_embed.conv, "weight")  # torch cannot count it
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(torch.zeros(1, 16_000))
    assert speech_operations(config, [16_000]) == pytest.approx(counter.get_total_flops() / 1e9, rel=0.02)


def test_a_text_is_counted_without_the_positions_that_depend_on_weights_alone() -> None:
    config = DebertaV2Model.config_class(num_hidden_layers=2, **{**encoders_text.LARGE, "vocab_size": 100})
    layer = 12 * config.hidden_size**2  # of each token; attention is a small part
    assert encoders_text.text_operations(config) == pytest.approx(2 * 18 * 2 * layer / 1e9, rel=0.02)
