"""Laws of ``emobridge embed``: every format holds the vectors that `Predictor.embed` gives, in its order."""

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

import emobridge
from emobridge import cli
from emobridge.inference.embeddings import KINDS, Embeddings

SAMPLE = emobridge.sample()


@pytest.fixture(scope="module")
def expected() -> Embeddings:
    return emobridge.load(threads=1).embed(SAMPLE, SAMPLE.with_suffix(".txt"))


def embed(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["emobridge", "embed", *map(str, arguments), "--threads", "1"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(str(ended.value.code))


@pytest.mark.parametrize("extension", ["parquet", "jsonl"])
def test_a_table_has_a_row_a_segment(
    extension: str, expected: Embeddings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / f"found.{extension}"
    assert embed(monkeypatch, SAMPLE, "--transcript", SAMPLE.with_suffix(".txt"), "--out", out) == 0
    if extension == "parquet":
        rows = pyarrow.parquet.read_table(out).to_pylist()
    else:
        rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [row["text"] for row in rows] == [segment.text for segment in expected.segments]
    for kind in KINDS:
        assert np.array([row[kind] for row in rows]) == pytest.approx(getattr(expected, kind), abs=1e-5)


def test_an_array_has_a_field_a_kind(
    expected: Embeddings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "found.npy"
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    assert embed(monkeypatch, SAMPLE, tmp_path / "broken.wav", "--out", out) == 1
    assert "broken.wav" in capsys.readouterr().err
    found = np.load(out)
    assert found["file"].tolist() == [str(SAMPLE)] * len(expected.segments)
    assert found["start_s"].tolist() == [segment.start_s for segment in expected.segments]
    assert found["acoustic"] == pytest.approx(expected.acoustic, abs=1e-5)
    assert found["linguistic"].shape == (len(found), 0)
    assert found["fused"].shape == expected.fused.shape
    assert found["fused"].any(axis=1).all()


def test_another_extension_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert embed(monkeypatch, SAMPLE, "--out", tmp_path / "found.csv") == 1
    assert ".parquet, .npy, .jsonl; name --out so" in capsys.readouterr().err
