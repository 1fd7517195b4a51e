"""The README's results are those that are stored in docs/results, and each comes from a packaged recipe."""

import json
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STORED = sorted((ROOT / "docs" / "results").glob("*.json"))


def test_readme_table_is_what_the_stored_scores_say() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "results"))
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = text.split(script["BEGIN"])[1].split(script["END"])[0].strip()
    assert STORED
    assert shown == script["table"]()


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_stored_scores_belong_to_a_recipe_and_have_intervals(path: Path) -> None:
    assert (ROOT / "recipes" / f"{path.stem}.toml").is_file()
    for scores in json.loads(path.read_text(encoding="utf-8")).values():
        judged = {
            name: score["pooled"]
            for name, score in scores["metrics"].items()
            if name == "unweighted_average_recall" or name.startswith("concordance_cc")
        }
        for pooled in judged.values():
            if pooled["value"] is not None:
                assert pooled["low"] <= pooled["value"] <= pooled["high"]
