"""Laws of the linguistic encoder: official weights or none, padding without influence, frozen means frozen."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from transformers import BertConfig, BertModel

from emobridge.errors import BundleError
from emobridge.training.models import text_encoder
from emobridge.training.models.text_encoder import (
    MAX_TOKENS,
    MinilmConfig,
    MiniLmEncoder,
    load_tokenizer,
    starting_weights,
)


def tiny(trainable_layers: int = 2, **fields: object) -> MiniLmEncoder:
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2}
    torch.manual_seed(0)
    config = MinilmConfig(trainable_layers, **fields)
    return MiniLmEncoder(config, BertConfig(vocab_size=40, max_position_embeddings=64, **sizes)).eval()


def test_token_vectors_are_those_of_the_reference_implementation() -> None:
    encoder = tiny()
    ids = torch.tensor([[1, 5, 9, 2], [1, 7, 2, 0]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
    reference = BertModel(encoder.bert.config, add_pooling_layer=False).eval()
    reference.load_state_dict(encoder.bert.state_dict())
    with torch.inference_mode():
        expected = reference(input_ids=ids, attention_mask=mask).last_hidden_state
        torch.testing.assert_close(encoder(ids, mask)[mask.bool()], expected[mask.bool()], rtol=0, atol=1e-5)


def test_padding_changes_nothing() -> None:
    encoder = tiny()
    short, padded = torch.tensor([[1, 5, 2]]), torch.tensor([[1, 5, 2, 9, 9]])
    with torch.inference_mode():
        alone = encoder(short, torch.ones_like(short))
        inside = encoder(padded, torch.tensor([[1, 1, 1, 0, 0]]))
    torch.testing.assert_close(inside[:, :3], alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("embeddings", [False, True])
def test_the_top_layers_learn_and_the_rest_stays(count: int, embeddings: bool) -> None:
    encoder = tiny(count, train_embeddings=embeddings)
    learning = [any(weight.requires_grad for weight in layer.parameters()) for layer in encoder.bert.encoder.layer]
    assert learning == [False] * (3 - count) + [True] * count
    assert all(weight.requires_grad == embeddings for weight in encoder.bert.embeddings.parameters())


def test_other_weights_than_the_official_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"others")
    package = SimpleNamespace(get_model_path=lambda: tmp_path)
    monkeypatch.setattr(text_encoder, "load_extra", lambda *_: package)
    with pytest.raises(BundleError, match=r"sha256 \w{64}; the official all-MiniLM-L6-v2 has 53aa5117.*; reinstall"):
        starting_weights()


def test_texts_are_cut_at_the_longest_and_never_padded() -> None:
    tokenizer = load_tokenizer(starting_weights())
    encodings = tokenizer.encode_batch(["so happy " * 300, "so"])
    assert [len(encoding.ids) for encoding in encodings] == [MAX_TOKENS, 3]


@pytest.mark.parametrize(
    ("typeset", "typed"),
    [
        ("I’m fine", "I'm fine"),
        ("“Oh…”", '"Oh..."'),
        ("no — never", "no - never"),
        ("‘Tis –", "'tis -"),
        ("don’t…", "don't..."),
    ],
)
def test_typographic_characters_are_read_as_plain_ones(typeset: str, typed: str) -> None:
    tokenizer = load_tokenizer(starting_weights())
    encoded = tokenizer.encode(typeset)
    assert encoded.ids == tokenizer.encode(typed).ids
    assert max(end for _, end in encoded.offsets) == len(typeset)
    assert [start for start, _ in encoded.offsets[1:-1]] == sorted(start for start, _ in encoded.offsets[1:-1])


def test_a_tokenizer_saved_and_loaded_reads_the_same(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(starting_weights())
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    text = "He said “I’m—wait… no!” and left. Zürich, naïve, 東京"
    again = load_tokenizer(tmp_path).encode(text)
    assert (again.ids, again.offsets) == (tokenizer.encode(text).ids, tokenizer.encode(text).offsets)
