"""The real faster-whisper with a Whisper of random weights, made here: nothing is downloaded."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from emobridge.audio.load import SAMPLE_RATE_HZ, load_audio
from emobridge.errors import BundleError, TranscriptError
from emobridge.transcripts.asr import Recogniser

SAMPLE = Path(__file__).parents[2] / "src" / "emobridge" / "sample" / "two_speakers.flac"

# Token numbers of Whisper's vocabulary of English and 99 other languages.
END, START, TRANSLATE, FIRST_TIME, TOKENS = 50_257, 50_258, 50_359, 50_365, 51_866


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Whisper of random weights and of the real shape, saved as CTranslate2 saves; it says nine words at most."""
    pytest.importorskip("faster_whisper", reason="the extra [asr] is not installed")
    from ctranslate2.specs import WhisperSpec
    from tokenizers import Tokenizer, decoders, models

    folder = tmp_path_factory.mktemp("whisper")
    words = [f"Ġw{number}" for number in range(END)]
    languages = [f"<|{code}|>" for code in ("en", "de", *(f"x{number}" for number in range(98)))]
    tasks = ["translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps"]
    times = [f"<|{number * 0.02:.2f}|>" for number in range(TOKENS - FIRST_TIME)]
    special = ["<|endoftext|>", "<|startoftranscript|>", *languages, *(f"<|{task}|>" for task in tasks), *times]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token=words[0]))
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    tokenizer.save(str(folder / "tokenizer.json"))
    spec = WhisperSpec(1, 2, 1, 2)
    _fill(spec, width=8)
    bias = np.zeros(TOKENS, dtype=np.float32)
    bias[FIRST_TIME + 1 :] = -20
    bias[[FIRST_TIME, END]] = 30, 11
    bias[:5] = 12
    spec.decoder.projection.bias = bias
    spec.register_vocabulary(words + special)
    spec.config.lang_ids = list(range(START + 1, TRANSLATE))
    spec.config.alignment_heads = [[0, 0], [0, 1]]
    spec.config.suppress_ids = spec.config.suppress_ids_begin = []
    spec.validate()
    spec.optimize()
    spec.save(str(folder))
    return str(folder)


def _fill(spec: Any, width: int) -> None:
    generator = np.random.default_rng(0)

    def weights(*shape: int) -> NDArray[np.float32]:
        return (0.1 * generator.standard_normal(shape)).astype(np.float32)

    def linear(layer: Any, outputs: int) -> None:
        layer.weight, layer.bias = weights(outputs, width), weights(outputs)

    def norm(layer: Any) -> None:
        layer.gamma, layer.beta = np.ones(width, dtype=np.float32), np.zeros(width, dtype=np.float32)

    def attention(layer: Any, *outputs: int) -> None:
        norm(layer.layer_norm)
        for part, size in zip(layer.linear, outputs, strict=True):
            linear(part, size)

    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight, encoder.conv1.bias = weights(width, 80, 3), weights(width)
    encoder.conv2.weight, encoder.conv2.bias = weights(width, width, 3), weights(width)
    encoder.position_encodings.encodings = weights(1500, width)
    decoder.embeddings.weight = weights(TOKENS, width)
    decoder.position_encodings.encodings = weights(448, width)
    decoder.projection.weight = weights(TOKENS, width)
    attention(decoder.layer[0].attention, width, 2 * width, width)
    for side in (encoder, decoder):
        norm(side.layer_norm)
        attention(side.layer[0].self_attention, 3 * width, width)
        norm(side.layer[0].ffn.layer_norm)
        linear(side.layer[0].ffn.linear_0, width)
        linear(side.layer[0].ffn.linear_1, width)


def test_words_have_times_where_somebody_speaks_alone(tiny_model: str) -> None:
    samples = load_audio(SAMPLE)[: 8 * SAMPLE_RATE_HZ]
    recogniser = Recogniser(tiny_model, threads=1)
    transcript = recogniser.recognise(samples)
    assert transcript.language == "en"
    assert transcript.spans
    for span in transcript.spans:
        assert span.start_s is not None
        assert span.end_s is not None
        assert 0 <= span.start_s <= span.end_s <= 8.0
        assert span.text.startswith("w")
    assert recogniser.recognise(np.zeros_like(samples)).spans == ()


def test_what_it_complains_of_is_one_line(tiny_model: str, tmp_path: Path) -> None:
    samples = np.zeros(SAMPLE_RATE_HZ, dtype=np.float32)
    with pytest.raises(BundleError, match=r"cannot be loaded .*model\.bin"):
        Recogniser(str(tmp_path)).recognise(samples)
    with pytest.raises(TranscriptError, match="it knows en;"):
        Recogniser(tiny_model, "de", threads=1).recognise(samples)
