"""What the exact algebra of the bridges saves: the published recipe's network against the plain module, on one core.

    python -m benchmarks.speed.bridges [--out FOLDER] [--rounds N]

Both have the same weights and take turns on the same generated batch. Times are those of the processor, so that others
at work on the machine disturb little; the median of the rounds. Exit status 1: a bound of the page is broken.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.speed.plain_bridges import PlainBridgeFusion
from emobridge.encoders.hub.checkpoints import VectorShape
from emobridge.training.evaluation.tables import markdown_table
from emobridge.training.experiments.provenance import versions
from emobridge.training.experiments.recipe import read_recipe
from emobridge.training.experiments.train_fold import system_config
from emobridge.training.models.alignment import Modality
from emobridge.training.models.fusion import BridgeFusion, Fusion, FusionConfig, FusionModel
from emobridge.utils.files import make_folder, replacing

COMMITTED = Path(__file__).parents[2] / "docs" / "benchmarks"
RECIPE = "ispas2023"
ENCODED_WIDTH = 1024
BATCH, FRAMES, TOKENS = 32, 224, 16  # 4.5 s: 50 vectors of sound and 3.5 tokens a second
SHORTEST = 0.9  # of the longest in a batch, as in buckets of equal lengths
FEWEST_TIMES_FORWARD, FEWEST_TIMES_BOTH, LARGEST_DIFFERENCE = 7.0, 4.0, 1e-5
CROSSED, OWN, NETWORK = "bridges, crossed", "bridges, each its own modality", "whole network, crossed"


@dataclass(frozen=True)
class Row:
    """One pair of modules.

    Attributes:
        name: which.
        forward_s, both_s: processor time of a forward pass, and of one with its backward pass: plain, absorbed.
        products: floating-point operations of the matrix products of a forward pass: plain, absorbed.
        difference: the largest between outputs.
        gradient_difference: the largest between gradients of weights, of the largest gradient.
    """

    name: str
    forward_s: tuple[float, float]
    both_s: tuple[float, float]
    products: tuple[int, int]
    difference: float
    gradient_difference: float

    @property
    def times_forward(self) -> float:
        """How many times faster the forward pass is."""
        return self.forward_s[0] / self.forward_s[1]

    @property
    def times_both(self) -> float:
        """How many times faster forward and backward together are."""
        return self.both_s[0] / self.both_s[1]


def config_of(fusion: Fusion) -> FusionConfig:
    """Return the published network with a kind of bridges, without dropout."""
    shapes = dict.fromkeys(("acoustic", "linguistic"), VectorShape(ENCODED_WIDTH))
    recipe = read_recipe(RECIPE)
    config = system_config(recipe, ("angry", "happy", "neutral", "sad"), ("valence", "arousal"), shapes).fusion
    return replace(config, fusion=fusion, dropout=0.0)


def masks() -> tuple[Tensor, Tensor]:
    """Return which vectors of sound (B, T_a) and which tokens (B, T_l) of the batch are real."""
    generator = torch.Generator().manual_seed(1)
    shares = SHORTEST + (1 - SHORTEST) * torch.rand(BATCH, 1, generator=generator)
    heard, read = (torch.arange(longest) < (shares * longest).ceil() for longest in (FRAMES, TOKENS))
    return heard, read


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time of some work."""
    start_s = time.process_time()
    work()
    return time.process_time() - start_s


def backward(run: Callable[[], Tensor]) -> None:
    """Run forward and backward."""
    run().square().mean().backward()  # type: ignore[no-untyped-call]


def compare(name: str, modules: tuple[nn.Module, nn.Module], run: Callable[[nn.Module], Tensor], rounds: int) -> Row:
    """Return what the plain module and the other, which gets its weights, take and give.

    Args:
        name: of the pair.
        modules: plain, absorbed.
        run: from a module to its outputs.
        rounds: after one that does not count.
    """
    modules[1].load_state_dict(modules[0].state_dict(), strict=True)
    plain, absorbed = (partial(run, module) for module in modules)
    forward_s, both_s = [], []
    for _ in range(rounds + 1):
        with torch.no_grad():
            forward_s.append((seconds(plain), seconds(absorbed)))
        for module in modules:
            module.zero_grad()
        both_s.append((seconds(partial(backward, plain)), seconds(partial(backward, absorbed))))
    gradients = [
        torch.cat([each.grad.flatten() for each in module.parameters() if each.grad is not None]) for module in modules
    ]
    apart = (gradients[0] - gradients[1]).abs().max() / gradients[0].abs().max()
    difference = (plain() - absorbed()).detach().abs().max()
    counts = products(plain), products(absorbed)
    return Row(name, medians(forward_s), medians(both_s), counts, float(difference), float(apart))


def medians(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the median of the first and of the second of each pair but the first."""
    first, second = (statistics.median(each) for each in zip(*pairs[1:], strict=True))
    return first, second


def products(run: Callable[[], Tensor]) -> int:
    """Return the floating-point operations of the matrix products of a forward pass."""
    with FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops())


def compare_bridges(name: str, fusion: Fusion, rounds: int) -> Row:
    """Return the row of bridges alone."""
    config, random = config_of(fusion), torch.Generator().manual_seed(2)
    modalities = []
    for mask, timed in zip(masks(), (False, True), strict=True):
        vectors = torch.randn(*mask.shape, config.width, generator=random).requires_grad_()
        counts = mask.sum(dim=1, keepdim=True)
        positions = ((torch.arange(mask.shape[1]) + 0.5) / counts) if timed else None
        modalities.append(Modality(vectors, mask, mask.any(dim=1), positions))
    return compare(name, (PlainBridgeFusion(config), BridgeFusion(config)), lambda module: module(modalities), rounds)


def compare_networks(rounds: int) -> Row:
    """Return the row of the whole network, from the vectors of the encoders to its answers."""
    config, random = config_of("bridge_crossed"), torch.Generator().manual_seed(2)
    plain, absorbed = FusionModel(config), FusionModel(config)
    plain.fusion = PlainBridgeFusion(config)
    heard, read = masks()
    sound, text = (torch.randn(*mask.shape, ENCODED_WIDTH, generator=random) for mask in (heard, read))
    positions = (torch.arange(TOKENS) + 0.5) / read.sum(dim=1, keepdim=True)
    presence = torch.ones(BATCH, 2, dtype=torch.bool)

    def run(module: nn.Module) -> Tensor:
        return torch.cat(module(sound, heard, text, read, positions, presence), dim=1)

    return compare(NETWORK, (plain, absorbed), run, rounds)


def peak_products_a_s() -> float:
    """Return how many floating-point operations a second a plain matrix product of this size does, at best."""
    vectors, weights = torch.randn(BATCH * FRAMES, ENCODED_WIDTH), torch.randn(ENCODED_WIDTH, ENCODED_WIDTH)
    return 2 * vectors.numel() * ENCODED_WIDTH / min(seconds(lambda: vectors @ weights) for _ in range(10))


def network_rounds(rounds: int) -> int:
    """Return how often the network, which takes longest, is timed."""
    return max(1, rounds // 3)


def broken(rows: Sequence[Row]) -> list[str]:
    """Return what does not keep the bounds, in words."""
    found = [f"{row.name}: apart by {row.difference:.1g}" for row in rows if row.difference > LARGEST_DIFFERENCE]
    row = next(row for row in rows if row.name == CROSSED)
    bounds = {"forward": (row.times_forward, FEWEST_TIMES_FORWARD), "both": (row.times_both, FEWEST_TIMES_BOTH)}
    return found + [f"{CROSSED}, {name}: {times:.1f} times" for name, (times, least) in bounds.items() if times < least]


def cells(row: Row, peak: float) -> list[str]:
    """Return a row of the table; ``peak`` is `peak_products_a_s`."""
    shares = [each / took / peak for each, took in zip(row.products, row.forward_s, strict=True)]
    return [
        row.name,
        " / ".join(f"{1e3 * each:.0f}" for each in row.forward_s),
        f"**{row.times_forward:.1f}**",
        " / ".join(f"{1e3 * each:.0f}" for each in row.both_s),
        f"**{row.times_both:.1f}**",
        " / ".join(f"{each / 1e9:.1f}" for each in row.products),
        " / ".join(f"{each:.0%}" for each in shares),
        f"{row.difference:.0e}, {row.gradient_difference:.0e}",
    ]


def page(rows: Sequence[Row], peak: float, rounds: int) -> str:
    """Return bridges.md."""
    config, found = config_of("bridge_crossed"), versions()
    header = ["", "forward, ms", "times", "with backward, ms", "times", "products, 10^9", "share of peak", "apart"]
    outside = broken(rows)
    held = f"Not kept: {'; '.join(outside)}." if outside else "All are kept."
    parts = [
        "# Bridges without keys and values",
        f"The network of the recipe `{RECIPE}` (width {config.width}, {config.heads} heads, two groups of "
        f"{config.bridge_tokens} bridge tokens) on {BATCH} utterances of up to {FRAMES} vectors of sound and {TOKENS} "
        f"tokens; one core, 32 bits, emobridge {found['emobridge']}, torch {found['torch']}. Made by "
        "`python -m benchmarks.speed.bridges`.",
        "Bridge tokens are the same for every utterance. So a token and the keys' map fold into one vector, the "
        "values' map comes after the weighted mean of what it would have mapped, the weights of averaged tokens are "
        "averaged first, and a vector that is read at several moments of the time line is read once and counted as "
        "often. It is the same function of the same weights.",
        f"Bounds of the first row: forward at least {FEWEST_TIMES_FORWARD:.0f} times as fast, with backward at least "
        f"{FEWEST_TIMES_BOTH:.0f} times; of all rows: outputs within {LARGEST_DIFFERENCE:.0e}. {held}",
        markdown_table(header, [cells(row, peak) for row in rows]),
        f"Plain / absorbed: processor time, median of {rounds} rounds in turns (of the network "
        f"{network_rounds(rounds)}); floating-point operations of the matrix products of a forward pass, and their "
        f"share of what one large product alone does in the time ({peak / 1e9:.0f} x 10^9 a second, the best of ten in "
        "the same run). Apart: the largest difference of outputs, and of gradients as a share of the largest one.",
    ]
    return "\n\n".join(parts) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and write bridges.md; 1 where a bound is broken."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=COMMITTED, help="folder of the page")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is timed; the network a third as often")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    peak = peak_products_a_s()
    rows = [
        compare_bridges(CROSSED, "bridge_crossed", options.rounds),
        compare_bridges(OWN, "bridge", options.rounds),
        compare_networks(network_rounds(options.rounds)),
    ]
    with replacing(make_folder(options.out) / "bridges.md") as partial:
        partial.write_text(page(rows, peak, options.rounds), encoding="utf-8")
    for told in broken(rows):
        print(f"outside its bound: {told}", file=sys.stderr)
    return 1 if broken(rows) else 0


if __name__ == "__main__":
    sys.exit(main())
