"""Laws of public text encoders: tokens know where they are, padding has no influence, what is too long is told."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from emobridge.encoders.hub.text import HubLinguisticConfig, HubLinguisticEncoder, open_linguistic
from emobridge.errors import BundleError

Open = Callable[..., HubLinguisticEncoder]
TEXTS = ("i am so angry", "happy cats sit, on the mat by the door today", "dog")
FAMILIES = ("deberta-v2", "bert", "xlm-roberta")
every_family = pytest.mark.parametrize("family", FAMILIES)


@pytest.fixture(scope="session")
def open_tiny(checkpoint: Callable[..., str]) -> Open:
    """A function (family, **fields of `HubLinguisticConfig`) -> an encoder of a tiny checkpoint."""
    return lambda family, **fields: open_linguistic(HubLinguisticConfig(checkpoint(family), **fields), ("en",))


@every_family
def test_a_text_is_what_the_library_makes_of_it(open_tiny: Open, checkpoint: Callable[..., str], family: str) -> None:
    model = AutoModel.from_pretrained(checkpoint(family)).eval()
    tokenizer = AutoTokenizer.from_pretrained(checkpoint(family))
    for text in TEXTS:
        ids = torch.tensor([tokenizer(text)["input_ids"]])
        with torch.inference_mode():
            expected = model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state[0, 1:-1].numpy()
        found = open_tiny(family).encode(text)
        assert len(found.spans) == len(found.vectors)
        np.testing.assert_allclose(found.vectors, expected, atol=1e-6)


@every_family
def test_a_text_alone_gives_what_it_gives_beside_longer_ones(open_tiny: Open, family: str) -> None:
    encoder = open_tiny(family)
    ids = [encoder.tokenizer.encode(text).ids for text in TEXTS]
    token_ids = torch.tensor([[*one, *[1] * (max(map(len, ids)) - len(one))] for one in ids])
    mask = torch.tensor([[position < len(one) for position in range(token_ids.shape[1])] for one in ids]).long()
    beside = encoder.read(token_ids, mask)
    for one, vectors in zip(ids, beside, strict=True):
        whole = torch.tensor([one])
        torch.testing.assert_close(
            vectors[: len(one)], encoder.read(whole, torch.ones_like(whole))[0], atol=1e-5, rtol=0
        )


@every_family
def test_tokens_know_where_in_the_text_they_are(open_tiny: Open, family: str) -> None:
    text = "  happy cats sit,  on the mat"
    spans = open_tiny(family).encode(text).spans
    assert all(text[start:end] and not text[start].isspace() for start, end in spans if end - start > 1)
    covered = {place for start, end in spans for place in range(start, end)}
    assert covered >= {place for place, character in enumerate(text) if not character.isspace()}
    assert list(spans) == sorted(spans)


def test_the_sentencepiece_tokenizer_keeps_words_together_with_their_place(open_tiny: Open) -> None:
    encoder = open_tiny("deberta-v2")
    text = "she said hello world"
    tokens = encoder.tokenizer.encode(text).tokens
    assert (tokens[0], tokens[-1]) == ("[CLS]", "[SEP]")
    assert "".join(tokens[1:-1]).replace("\u2581", " ").strip() == text
    read = encoder.encode(text)
    for token, (start, end) in zip(tokens[1:-1], read.spans, strict=True):
        assert text[start:end] == token.replace("\u2581", "") or token == "\u2581"


def test_a_text_without_any_token_has_no_vectors_and_loads_no_weights(
    open_tiny: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HubLinguisticEncoder, "states", lambda *_: pytest.fail("weights were loaded"))
    for text in ("", "  "):
        found = open_tiny("bert").encode(text)
        assert (found.vectors.shape, found.spans, found.truncated) == ((0, 16), (), False)


@pytest.mark.parametrize(
    ("family", "fields", "longest"), [("bert", {}, 34), ("xlm-roberta", {}, 32), ("bert", {"maximum_tokens": 9}, 9)]
)
def test_what_is_longer_than_the_encoder_reads_is_cut_and_flagged(
    open_tiny: Open, family: str, fields: dict[str, int], longest: int
) -> None:
    encoder = open_tiny(family, **fields)
    fits, too_long = (encoder.encode("dog " * count) for count in (longest - 2, longest - 1))
    assert (len(fits.vectors), fits.truncated) == (longest - 2, False)
    assert (len(too_long.vectors), too_long.truncated) == (longest - 2, True)


def test_layers_stand_side_by_side(open_tiny: Open) -> None:
    last, every = open_tiny("deberta-v2"), open_tiny("deberta-v2", layers="all")
    assert every.dimension == 48
    found = every.encode("hello").vectors
    np.testing.assert_allclose(found[:, 32:], last.encode("hello").vectors, atol=1e-6)


def test_a_speech_encoder_is_refused(checkpoint: Callable[..., str]) -> None:
    with pytest.raises(BundleError, match=r"is a 'hubert'; encoders of this modality are albert, bert, "):
        open_linguistic(HubLinguisticConfig(checkpoint("hubert")))
