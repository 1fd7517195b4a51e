"""Laws of checkpoints: whole or not at all, refused when damaged or another training's."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from emobridge.errors import BundleError
from emobridge.training.fit import checkpoint
from emobridge.training.fit.checkpoint import load_average, load_checkpoint, save_checkpoint

State = tuple[nn.Module, dict[str, Tensor], torch.optim.Optimizer]


def state(seed: int) -> State:
    torch.manual_seed(seed)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)
    for _ in range(seed):
        model(torch.ones(1, 3)).sum().backward()
        optimizer.step()
    return model, {name: value + seed for name, value in model.state_dict().items()}, optimizer


def same(one: State, other: State) -> bool:
    weights = zip(one[0].parameters(), other[0].parameters(), strict=True)
    moments = [each[2].state_dict()["state"] for each in (one, other)]
    return (
        all(torch.equal(first, second) for first, second in weights)
        and all(torch.equal(value, other[1][name]) for name, value in one[1].items())
        and moments[0].keys() == moments[1].keys()
        and all(
            torch.equal(value, moments[1][n][name]) for n, all_ in moments[0].items() for name, value in all_.items()
        )
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.safetensors"


def test_a_restored_training_is_the_stored_one(path: Path) -> None:
    stored, restored = state(3), state(1)
    save_checkpoint(path, 7, "digest", *stored)
    assert load_checkpoint(path, "digest", *restored) == 7
    assert same(stored, restored)
    assert all(torch.equal(value, stored[1][name]) for name, value in load_average(path).items())


def test_without_a_checkpoint_nothing_is_done_yet(path: Path) -> None:
    untouched = state(1)
    assert load_checkpoint(path, "digest", *untouched) == 0
    assert same(untouched, state(1))


def test_the_checkpoint_of_another_training_is_refused(path: Path) -> None:
    save_checkpoint(path, 7, "digest-a", *state(2))
    with pytest.raises(
        BundleError, match=r"another training, of digest digest-a; .* have digest-b; choose another --out"
    ):
        load_checkpoint(path, "digest-b", *state(1))


@pytest.mark.parametrize("size", [0, 5, 100, -1])
def test_a_damaged_checkpoint_is_one_line(path: Path, size: int) -> None:
    save_checkpoint(path, 7, "digest", *state(2))
    path.write_bytes(path.read_bytes()[:size])
    for load in (lambda: load_checkpoint(path, "digest", *state(1)), lambda: load_average(path)):
        with pytest.raises(BundleError, match=r"checkpoint .*checkpoint\.safetensors") as caught:
            load()
        assert "\n" not in str(caught.value)


def test_a_file_without_a_digest_and_a_missing_one_are_refused(path: Path) -> None:
    with pytest.raises(BundleError, match="train again"):
        load_average(path)
    save_file({"a": torch.ones(1)}, path)
    with pytest.raises(BundleError, match="another training, of digest None"):
        load_checkpoint(path, "digest", *state(1))


def test_a_write_that_dies_leaves_the_old_checkpoint(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = state(2)
    save_checkpoint(path, 7, "digest", *old)

    def die(tensors: object, file: Path, **_: object) -> None:
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "save_file", die)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(path, 8, "digest", *state(3))
    restored = state(1)
    assert load_checkpoint(path, "digest", *restored) == 7
    assert same(old, restored)
