"""What docs/behaviour.md quotes of the measured pages is what these say."""

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "behaviour.md").read_text(encoding="utf-8")
RECALL = "unweighted_average_recall_all"


def results(name: str) -> Any:
    return json.loads((ROOT / "docs" / "benchmarks" / f"{name}.json").read_text(encoding="utf-8"))


def rounded(value: float, places: int, sign: str = "") -> str:
    return f"{round(value, places) + 0.0:{sign}.{places}f}"


def test_lengths() -> None:
    rows = {row["name"]: row["metrics"] for row in results("durations")["conditions"]}
    header = next(line for line in PAGE.splitlines() if line.startswith("| length | 0.3 s"))
    lengths = [cell.strip() for cell in header.strip("|").split("|")][1:]
    for title, metric in (("UAR", RECALL), ("accuracy", "accuracy"), ("mean confidence", "confidence")):
        cells = " | ".join(rounded(rows[length][metric]["value"], 2) for length in lengths)
        assert f"| {title} | {cells} |" in PAGE


@pytest.mark.parametrize(
    ("words", "condition", "gain"),
    [
        ("of the clip's category", "speech, matching", "matching_gain"),
        ("neutral", "speech, irrelevant", "irrelevant_gain"),
        ("of another emotion", "speech, contradicting", None),
    ],
)
def test_words_beside_a_voice(words: str, condition: str, gain: str | None) -> None:
    metrics = results("fusion")["metrics"]
    alone = metrics["accuracy_speech alone"]["value"]
    if gain is None:
        change = rounded(metrics[f"accuracy_{condition}"]["value"] - alone, 3, "+")
    else:
        value, low, high = (metrics[gain][key] for key in ("value", "low", "high"))
        change = f"{rounded(value, 3, '+')} [{rounded(low, 3)}, {rounded(high, 3)}]"
    assert f"| {words} | {change} | {rounded(metrics[f'confidence_{condition}']['value'], 3)} |" in PAGE
    assert f"sound alone ({rounded(alone, 3)})" in PAGE
    assert (
        f"| none, or empty | 0, the same numbers | {rounded(metrics['confidence_speech alone']['value'], 3)} |" in PAGE
    )


def test_neutral_clips() -> None:
    metrics = results("fusion")["metrics"]
    alone, *gains = (
        metrics[f"neutral_{name}"]["value"] for name in ("accuracy", "matching_gain", "contradicting_gain")
    )
    told = [rounded(alone, 3), *(rounded(alone + gain, 3) for gain in gains)]
    sentence = f"{told[0]} are found by sound alone, {told[1]} with a neutral sentence, {told[2]} with an emotional one"
    assert sentence in " ".join(PAGE.split())
