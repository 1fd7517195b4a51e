"""Tiny public encoders of the real architectures, randomly initialised and saved as their authors save theirs."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from tokenizers.processors import TemplateProcessing
from transformers import (
    BertConfig,
    BertModel,
    DebertaV2Config,
    DebertaV2Model,
    HubertConfig,
    HubertModel,
    PreTrainedTokenizerFast,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2Model,
    WavLMConfig,
    WavLMModel,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperModel,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from emobridge.encoders.hub.acceleration import precision

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
# Two of the seven convolutions of the large ones are enough: 100 samples a step, 40 ms.
FRONT = {
    "conv_dim": (8, 8),
    "conv_stride": (10, 64),
    "conv_kernel": (16, 96),
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}
SPEECH = {"hubert": (HubertConfig, HubertModel), "wavlm": (WavLMConfig, WavLMModel)}
SPEECH["wav2vec2"] = (Wav2Vec2Config, Wav2Vec2Model)
SENTENCES = [
    "i am so angry by the door",
    "i am sad today by the dog",
    "happy cats sit, on the mat",
    "she said hello world",
]


def write_whisper(folder: Path) -> None:
    heads = {f"{part}_attention_heads": 2 for part in ("encoder", "decoder")}
    sizes = {f"{part}_ffn_dim": 32 for part in ("encoder", "decoder")}
    tokens = {"vocab_size": 16, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
    config = WhisperConfig(
        d_model=16,
        encoder_layers=2,
        decoder_layers=1,
        max_source_positions=50,
        num_mel_bins=20,
        **heads,
        **sizes,
        **tokens,
    )
    WhisperModel(config).save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=20, chunk_length=1).save_pretrained(folder)


def write_speech(folder: Path, family: str, norm: str) -> None:
    config, model = SPEECH[family]
    stable = norm == "layer"
    settings = config(**SIZES, **FRONT, feat_extract_norm=norm, do_stable_layer_norm=stable, conv_bias=stable)
    model(settings).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=stable, return_attention_mask=stable).save_pretrained(folder)


def write_deberta(folder: Path) -> None:
    """Save a DeBERTaV3 as it is on the hub: a sentencepiece model beside the weights, and no tokenizer.json."""
    text = folder / "sentences.txt"
    text.write_text("\n".join(SENTENCES * 20), encoding="utf-8")
    special = {"pad": ("[PAD]", 0), "bos": ("[CLS]", 1), "eos": ("[SEP]", 2), "unk": ("[UNK]", 3)}
    sentencepiece.SentencePieceTrainer.train(
        input=str(text), model_prefix=str(folder / "spm"), vocab_size=64, model_type="unigram", minloglevel=3,
        hard_vocab_limit=False, user_defined_symbols=["[MASK]"],
        **{f"{name}_piece": piece for name, (piece, _) in special.items()},
        **{f"{name}_id": number for name, (_, number) in special.items()},
    )  # fmt: skip
    for leftover in (text, folder / "spm.vocab"):
        leftover.unlink()
    kinds = {"do_lower_case": False, "vocab_type": "spm"}
    (folder / "tokenizer_config.json").write_text(json.dumps(kinds), encoding="utf-8")
    attention = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "share_att_key": True}
    places = {"max_position_embeddings": 64, "position_buckets": 16, "position_biased_input": False}
    config = DebertaV2Config(
        vocab_size=80, type_vocab_size=0, norm_rel_ebd="layer_norm", **attention, **places, **SIZES
    )
    DebertaV2Model(config).save_pretrained(folder)


def write_text(folder: Path, family: str) -> None:
    """Save a BERT, or a multilingual RoBERTa whose positions start after its padding token."""
    first, last, pad = ("[CLS]", "[SEP]", "[PAD]") if family == "bert" else ("<s>", "</s>", "<pad>")
    tokenizer = Tokenizer(models.WordPiece(unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.WordPieceTrainer(vocab_size=80, special_tokens=["?", pad, first, last])
    tokenizer.train_from_iterator(SENTENCES, trainer)
    ids = [(token, tokenizer.token_to_id(token)) for token in (first, last)]
    tokenizer.post_processor = TemplateProcessing(single=f"{first} $A {last}", special_tokens=ids)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=pad, unk_token="?").save_pretrained(folder)
    sizes = {"vocab_size": 80, "max_position_embeddings": 34, "pad_token_id": 1, **SIZES}
    model = BertModel(BertConfig(**sizes)) if family == "bert" else XLMRobertaModel(XLMRobertaConfig(**sizes))
    model.save_pretrained(folder)


@pytest.fixture(autouse=True)
def no_half_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless a test says otherwise, this is a machine without units for bfloat16: all machines give the same."""
    monkeypatch.setattr(precision, "computes_in_half", lambda device: False)


@pytest.fixture(scope="session", autouse=True)
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the graphs and speeds that are kept, the tests' own."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("EMOBRIDGE_CACHE", str(folder))
        yield folder / "graphs"


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """A function (family, norm="layer") -> the folder of a tiny checkpoint of that architecture. Do not change it."""
    made: dict[tuple[str, str], str] = {}

    def make(family: str, norm: str = "layer") -> str:
        if (family, norm) not in made:
            folder = tmp_path_factory.mktemp(f"{family}-{norm}")
            torch.manual_seed(len(made))
            writers: dict[str, Callable[[], Any]] = {
                "whisper": lambda: write_whisper(folder),
                "deberta-v2": lambda: write_deberta(folder),
                **{name: lambda: write_speech(folder, family, norm) for name in SPEECH},
                **{name: lambda: write_text(folder, family) for name in ("bert", "xlm-roberta")},
            }
            writers[family]()
            made[family, norm] = str(folder)
        return made[family, norm]

    return make
