"""Laws of recipes: what is misspelt, missing or out of range is named in one line; the digest follows what decides."""

import copy
import tomllib
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emobridge.errors import RecipeError
from emobridge.training.experiments.overrides import override
from emobridge.training.experiments.recipe import Recipe, parse_recipe, read_recipe

PACKAGED = sorted(
    file.name.removesuffix(".toml")
    for file in (resources.files("emobridge") / "recipes").iterdir()
    if file.name.endswith(".toml")
)
WHOLE = parse_recipe(
    {
        "name": "whole",
        "data": {
            "corpora": [{"name": "table:a.csv", "modalities": ["acoustic", "linguistic"]}],
            "dimensions": ["valence"],
        },
        "acoustic": {},
        "linguistic": {},
        "model": {"heads": 4, "bridge_tokens": 8, "feed_forward": 2},
        "training": {"streams": [{"kind": "paired"}, {"kind": "paired"}]},
    }
).to_dict()
Path_ = tuple[str | int, ...]


def leaves(values: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Yield the path of everything that is no table and no list of tables."""
    if isinstance(values, dict) and path != ("variants",):
        for key, value in values.items():
            yield from leaves(value, (*path, key))
    elif isinstance(values, list) and values and isinstance(values[0], dict):
        for number, value in enumerate(values):
            yield from leaves(value, (*path, number))
    elif path != ("variants",):
        yield path


def at(values: Any, path: Path_) -> Any:
    for part in path:
        values = values[part]
    return values


OF_CLIPS = ("mixup", "voices")  # keys of a stream that only one of sound may have
LEAVES = list(leaves(WHOLE))
SECTIONS = sorted(
    {path[:end] for path in LEAVES for end in range(1, len(path) + 1) if isinstance(path[end - 1], str)}, key=str
)


def refused(values: dict[str, Any], words: str = "") -> str:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(values)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    assert words in str(caught.value)
    return str(caught.value)


def write(folder: Path, text: str) -> Path:
    (folder / "mine.toml").write_text(text, encoding="utf-8")
    return folder / "mine.toml"


@pytest.mark.parametrize("name", PACKAGED)
def test_every_packaged_recipe_is_read_and_says_what_it_is(name: str) -> None:
    recipe = read_recipe(name)
    assert recipe.name == name
    assert recipe.description
    assert recipe.licence
    assert parse_recipe(recipe.to_dict()) == recipe
    for variant in recipe.variants:
        assert recipe.variant(variant).digest != recipe.digest


def test_plain_values_are_read_back_equal() -> None:
    recipe = parse_recipe(WHOLE)
    assert recipe.to_dict() == WHOLE
    assert parse_recipe(recipe.to_dict()) == recipe


@given(st.sampled_from(SECTIONS), st.integers(0, 30), st.sampled_from("abcxyz_"))
@settings(max_examples=120, deadline=None)
def test_a_misspelt_key_is_answered_with_the_nearest_at_every_level(path: Path_, place: int, letter: str) -> None:
    values = copy.deepcopy(WHOLE)
    key = str(path[-1])
    misspelt = key[: place % (len(key) + 1)] + letter + key[place % (len(key) + 1) :]
    table = at(values, path[:-1])
    table[misspelt] = table.pop(key)
    message = refused(values, f"unknown recipe key '{'.'.join(map(str, (*path[:-1], misspelt)))}'")
    assert f"did you mean '{key}'?" in message


@pytest.mark.parametrize("path", LEAVES, ids=lambda path: ".".join(map(str, path)))
def test_a_value_of_another_type_is_named_in_one_line(path: Path_) -> None:
    values = copy.deepcopy(WHOLE)
    given = at(values, path)
    wrong = 5 if isinstance(given, str | list) else "maybe so"
    at(values, path[:-1])[path[-1]] = wrong
    message = refused(values, "recipe key '" + ".".join(map(str, path)))
    assert repr(wrong) in message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", -1), ("data.corpora", []), ("data.corpora.0.modalities", []), ("data.corpora.0.weight", -0.5),
        ("data.categories", "eight"), ("training.steps", 0), ("training.checkpoint_steps", 0), ("training.streams", []),
        ("training.streams.0.batch_size", 0), ("training.streams.0.share", 0), ("training.learning_rate", 0),
        ("training.learning_rate", float("nan")), ("training.warmup", 1.5), ("training.average_decay", 1.0),
        ("training.streams.0.balance", 1.5), ("training.streams.0.mixup", -0.1), ("training.perturbed_copies", -1),
        ("loss.category_weight", -1), ("loss.label_smoothing", 1),
        ("linguistic.trainable_layers", 7), ("linguistic.trainable_layers", -1), ("linguistic.dropout", 1),
        ("evaluation.folds", 0), ("evaluation.resamples", -1), ("masking.start", 2), ("masking.per", "word"),
        ("acoustic.width", 0), ("acoustic.input_dropout", 1.0), ("acoustic.dropout", -0.1), ("model.fusion", "glue"),
        ("model.width", 0), ("model.heads", 5), ("model.dropout", 1.0), ("model.refinement_layers", -1),
    ],
)  # fmt: skip
def test_a_value_out_of_range_is_refused_in_one_line(key: str, value: Any) -> None:
    values = copy.deepcopy(WHOLE)
    override(values, key, value)
    message = refused(values)
    assert key.rpartition(".")[2] in message


@pytest.mark.parametrize("path", [("name",), ("data",), ("data", "corpora"), ("data", "corpora", 0, "name")])
def test_a_missing_key_is_named_without_the_rest(path: Path_) -> None:
    values = copy.deepcopy(WHOLE)
    del at(values, path[:-1])[path[-1]]
    assert refused(values) == f"the recipe lacks the key '{'.'.join(map(str, path))}'; it has no default; add it"


def test_encoders_and_modalities_go_together() -> None:
    without = {key: value for key, value in WHOLE.items() if key != "linguistic"}
    refused(without, "uses linguistic input; its encoder is described by a section [linguistic]")
    values = copy.deepcopy(WHOLE)
    values["data"]["corpora"][0]["modalities"] = ["acoustic"]
    refused(values, "no corpus of it uses linguistic input; drop [linguistic], or add 'linguistic'")


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b"])
def test_a_name_is_that_of_a_folder(name: str) -> None:
    refused({**WHOLE, "name": name}, f"the name '{name}'")
    refused({**WHOLE, "variants": {name: {}}}, f"the name '{name}'")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"training.stps": 5}, "variant 'b': unknown recipe key 'training.stps'"),
        ({"training.steps": 0}, "variant 'b': recipe key 'training.steps' is 0"),
        ({"data.corpora.7.weight": 1}, "variant 'b': override 'data.corpora.7.weight'; '7' is not in the recipe"),
        ({"data.dimensions": []}, "variant 'b' sets data.dimensions to ()"),
        ({"data.categories": "four"}, "variant 'b' sets data.categories to 'four'"),
        ({"data.corpora.0.name": "meld"}, "variant 'b' has the corpora meld"),
    ],
)
def test_a_variant_is_refused_when_the_recipe_is_read(overrides: dict[str, Any], words: str) -> None:
    refused({**WHOLE, "variants": {"b": overrides}}, words)


def test_a_variant_may_not_take_the_recipes_name() -> None:
    refused({**WHOLE, "variants": {"whole": {}}}, "variant 'whole'; its name is that of the recipe itself")


def test_variants_apply_their_overrides_and_nothing_else() -> None:
    variants = {
        "long": {"training.steps": 77, "data.corpora.0.weight": 2.0},
        "heard": {"data.corpora.0.modalities": ["acoustic"]},
    }
    recipe = parse_recipe({**WHOLE, "variants": variants})
    assert recipe.variant("whole") is recipe
    expected = copy.deepcopy(WHOLE)
    expected["training"]["steps"], expected["data"]["corpora"][0]["weight"] = 77, 2.0
    assert recipe.variant("long").to_dict() == expected
    heard = recipe.variant("heard")
    assert heard.linguistic is None
    assert heard.modalities == ("acoustic",)
    assert recipe.digest == parse_recipe(WHOLE).digest


OTHERS: dict[str, Any] = {
    "categories": "four", "kind": "linguistic", "fusion": "cross", "pooling": "attention", "timeline": "padded",
    "per": "sample", "trainable_layers": 3, "dimensions": ["arousal"],
    "modalities": ["linguistic", "acoustic"],
}  # fmt: skip


def another(name: str, given: Any) -> Any:
    """Return another valid value of a recipe key."""
    if isinstance(given, bool):
        return not given
    if name in OTHERS:
        return OTHERS[name]
    if isinstance(given, str):
        return given + "x"
    return given * 2 or 1 if isinstance(given, int) else given / 2 or 0.25


@pytest.mark.parametrize(
    "path", [path for path in LEAVES if path[-1] not in OF_CLIPS], ids=lambda path: ".".join(map(str, path))
)
def test_the_digest_changes_with_all_but_name_and_description(path: Path_) -> None:
    values = copy.deepcopy(WHOLE)
    at(values, path[:-1])[path[-1]] = another(str(path[-1]), at(values, path))
    unchanged = parse_recipe(values).digest == parse_recipe(WHOLE).digest
    assert unchanged == (path in {("name",), ("description",)})


@pytest.mark.parametrize("name", OF_CLIPS)
def test_the_digest_changes_with_what_a_stream_of_sound_does_to_its_clips(name: str) -> None:
    def digest(**stream: Any) -> str:
        return parse_recipe({**WHOLE, "training": {"streams": [{"kind": "acoustic", **stream}]}}).digest

    assert digest() != digest(**{name: 0.3})


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("training.steps=12", ("training", "steps"), 12),
        ("training.learning_rate = 5e-4", ("training", "learning_rate"), 5e-4),
        ("data.votes=false", ("data", "votes"), False),
        ("data.categories=seven", ("data", "categories"), "seven"),
        ('description="a = b"', ("description",), "a = b"),
        ("data.corpora.0.weight=3", ("data", "corpora", 0, "weight"), 3.0),
        ('data.dimensions=["valence", "arousal"]', ("data", "dimensions"), ["valence", "arousal"]),
        ("linguistic.dropout=0.3", ("linguistic", "dropout"), 0.3),
    ],
)
def test_an_override_sets_one_value_of_its_type(tmp_path: Path, text: str, path: Path_, value: Any) -> None:
    toml = 'name = "mine"\n[data]\n[[data.corpora]]\nname = "table:a.csv"\nmodalities = ["linguistic"]\n[linguistic]\n'
    found = read_recipe(write(tmp_path, toml), [text]).to_dict()
    expected = read_recipe(write(tmp_path, toml)).to_dict()
    assert type(at(found, path)) is type(value)
    at(expected, path[:-1])[path[-1]] = value
    assert found == expected


@pytest.mark.parametrize("text", ["training.steps", "name.first=1", "data.corpora.first.weight=1", "=1", "training=1"])
def test_an_override_that_leads_nowhere_is_refused(
    toy_values: Callable[..., dict[str, Any]], tmp_path: Path, text: str
) -> None:
    toml = 'name = "mine"\n[data]\n[[data.corpora]]\nname = "table:a.csv"\n[acoustic]\n'
    with pytest.raises(RecipeError) as caught:
        read_recipe(write(tmp_path, toml), [text])
    assert text.partition("=")[0] in str(caught.value)


def test_an_unknown_recipe_is_answered_with_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError, match=r"no recipe 'ravdes'; a TOML file, or one of .*; did you mean 'ravdess'\?"):
        read_recipe("ravdes")


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe", b"[data]\n[data]\n"])
def test_what_is_no_toml_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.toml").write_bytes(content)
    with pytest.raises(RecipeError, match=r"bad\.toml' is not TOML") as caught:
        read_recipe(tmp_path / "bad.toml")
    assert "\n" not in str(caught.value)


def test_a_recipe_of_the_quickstart_is_read() -> None:
    text = (Path(__file__).parents[3] / "docs" / "quickstart.md").read_text(encoding="utf-8")
    recipe = parse_recipe(tomllib.loads(text.partition("```toml\n")[2].partition("```")[0]))
    assert isinstance(recipe, Recipe)
