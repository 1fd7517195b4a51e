"""Public encoders on this processor: each precision against transformers, and against the machine's own peak.

    python -m benchmarks.speed.encoders [--out FOLDER] [--threads N] [--files N] [--layers N] [--without speech|text]

A HuBERT and a DeBERTaV3 of the large size, from random weights: what they cost is that of the real ones, what they
hear and read is not. Files are cut from the packaged recording. Peers take turns, file by file and text by text, in one
process; one thread is timed by the processor's clock, which others at work disturb little, more by the wall's. Needs
the extra [train]; about ten minutes and 8 GB of memory on two cores. Exit status 1: an encoder gives something else.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torch import nn

import emobridge
from benchmarks.listening import COMMITTED, write_results
from benchmarks.speed.encoders_speech import Head, open_speech, speech_operations, write_speech
from benchmarks.speed.encoders_text import TOKENS, open_text, text_operations, token_ids, write_text
from emobridge.audio.load import load_audio
from emobridge.encoders.hub.acceleration.onnx_graphs import machine
from emobridge.encoders.hub.acceleration.precision import measure_speeds
from emobridge.encoders.hub.base import HubEncoder
from emobridge.encoders.hub.checkpoints import computes_in_half
from emobridge.encoders.hub.speech import HubAcousticEncoder
from emobridge.training.evaluation.tables import markdown_table
from emobridge.training.experiments.provenance import versions

SAMPLE_RATE_HZ = 16_000
SHORTEST_S, LONGEST_S, MEDIAN_S, SPREAD = 0.6, 34.0, 3.5, 0.7  # of the files: a log-normal distribution
BATCH = 8
COMPARED = 8  # files whose vectors are compared
TEXTS = 20
CLOSE = 1e-4  # what float32 may differ by; the bits of a text's are those of transformers
PRECISIONS = ("float32", "bfloat16", "int8")
UNITS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
PEER, BATCHED = "transformers, one by one", f"transformers, batches of {BATCH}"


@dataclass
class Row:
    """What one way of computing took and gave.

    Attributes:
        name: a precision, or a peer.
        seconds: for all files or texts.
        operations: 10^9, of its matrix products, without padding.
        cosine: the least of a file's or text's vectors to those of transformers in float32.
        difference: the largest of a vector's numbers.
        probability: the largest of a file's probabilities.
    """

    name: str
    seconds: float = 0.0
    operations: float = 0.0
    cosine: float = 1.0
    difference: float = 0.0
    probability: float = 0.0

    def compare(self, found: NDArray[np.float32], expected: NDArray[np.float32]) -> None:
        """Take the vectors (T, D) of one file or text into the figures of agreement."""
        product = float((found * expected).sum() / np.linalg.norm(found) / np.linalg.norm(expected))
        self.cosine = min(self.cosine, product)
        self.difference = max(self.difference, float(np.abs(found - expected).max()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write the page, and return the exit status."""
    options = parser().parse_args(arguments)
    threads = options.threads or os.cpu_count() or 1
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["EMOBRIDGE_CACHE"] = str(Path(folder) / "cache")
        results: dict[str, Any] = {"versions": versions(), "processor": processor(), "threads": threads}
        results["layers"] = options.layers
        results["peaks"] = peaks(threads)
        if options.without != "speech":
            results["speech"] = speech(Path(folder), options.files, options.layers, threads)
        if options.without != "text":
            results["text"] = text(Path(folder), options.layers, threads)
        results["peaks"] = {name: max(speed, results["peaks"][name]) for name, speed in peaks(threads).items()}
    write_results(options.out, "encoders", results, page(results))
    return 0 if sound(results) else 1


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--out", type=Path, default=COMMITTED, help="folder for the page and its figures")
    options.add_argument("--threads", type=int, help="processor threads; default: all")
    options.add_argument("--files", type=int, default=50, help="how many; fewer are quicker and show less")
    options.add_argument("--layers", type=int, default=24, help="of both encoders; fewer are quicker and smaller")
    options.add_argument("--without", choices=("speech", "text"), help="leave one out")
    return options


def peaks(threads: int) -> dict[str, float]:
    """Return precision -> 10^9 operations a second of the fastest matrix product found here."""
    speeds = measure_speeds(clock_of(threads))
    rows, weight = torch.randn(512, 1024), torch.randn(4096, 1024)
    seconds = min(timed(threads, partial(nn.functional.linear, rows, weight))[0] for _ in range(9))
    speeds["float32"] = max(speeds["float32"], round(2 * rows.numel() * len(weight) / seconds / 1e9, 1))
    return speeds


def clock_of(threads: int) -> Callable[[], float]:
    """Return the processor's clock for one thread, else the wall's."""
    return time.process_time if threads == 1 else time.perf_counter


def timed(threads: int, call: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that ``call`` takes, and what it gives; see the top of this file."""
    clock = clock_of(threads)
    begun = clock()
    given = call()
    return clock() - begun, given


def in_turn(rows: Mapping[str, "Row"], ways: Mapping[str, Callable[[], Any]], turn: int, threads: int) -> Any:
    """Return what each way gives, by its name, and add its time to its row; nobody is always the first."""
    given = {}
    names = list(ways)
    for name in names[turn % len(names) :] + names[: turn % len(names)]:
        seconds, given[name] = timed(threads, ways[name])
        rows[name].seconds += seconds
    return given


def durations_s(count: int) -> list[float]:
    """Return the lengths of the files, the same every time, the shortest and the longest among them."""
    drawn = MEDIAN_S * np.exp(SPREAD * np.random.default_rng(0).standard_normal(count))
    drawn[: min(2, count)] = (LONGEST_S, SHORTEST_S)[: min(2, count)]
    return [round(float(one), 2) for one in drawn.clip(SHORTEST_S, LONGEST_S)]


def write_files(folder: Path, count: int) -> list[Path]:
    """Write pieces of the packaged recording, from places of their own; what is longer begins again."""
    sample = load_audio(emobridge.sample(), sample_rate_hz=SAMPLE_RATE_HZ)
    paths = []
    for number, duration_s in enumerate(durations_s(count)):
        samples = np.resize(np.roll(sample, -number * SAMPLE_RATE_HZ), round(duration_s * SAMPLE_RATE_HZ))
        paths.append(folder / f"{number:03d}.wav")
        soundfile.write(paths[-1], samples, SAMPLE_RATE_HZ)
    return paths


def processor() -> str:
    """Return what the processor is, with its units for 8 and 16 bits."""
    about = " ".join(machine())
    name = about.partition("model name")[2].partition("flags")[0].strip("\t :") or machine()[0]
    units = [unit for unit in UNITS if f" {unit} " in f"{about} "]
    return f"{name} ({', '.join(units) or 'no units for 8 or 16 bits'})"


def usable() -> list[str]:
    """Return the precisions that this machine has units for."""
    return [name for name in PRECISIONS if name != "bfloat16" or computes_in_half(torch.device("cpu"))]


def speech(folder: Path, count: int, layers: int, threads: int) -> dict[str, Any]:
    """Return the figures of HuBERT, from a file to probabilities."""
    checkpoint, files = folder / "hubert", write_files(folder, count)
    write_speech(checkpoint, layers)
    pipeline: Any = load_pipeline(checkpoint)
    head = Head(pipeline.model)
    encoders = {name: open_speech(checkpoint, name) for name in usable()}
    made = prepared(encoders, lambda encoder: encoder.encode(np.zeros(SAMPLE_RATE_HZ, np.float32)))
    rows = {name: Row(name) for name in (PEER, BATCHED, *encoders)}
    for number, file in enumerate(files):
        ways: dict[str, Callable[[], Any]] = {PEER: partial(classified, pipeline, [file], 1)}
        ways |= {name: partial(encoded, encoder, head, file) for name, encoder in encoders.items()}
        in_turn(rows, ways, number, threads)
        length = soundfile.info(file).frames
        operations = speech_operations(pipeline.model.config, part_lengths(length, encoders["float32"]))
        for name in encoders:
            rows[name].operations += operations
    for file in files[1 : 1 + COMPARED]:  # without the longest
        samples = load_audio(file, sample_rate_hz=SAMPLE_RATE_HZ)
        parts = np.array_split(samples, encoders["float32"].windows(len(samples)))
        expected = np.concatenate([head.states(pipeline, part) for part in parts])
        for name, encoder in encoders.items():
            found = encoder.encode(samples)
            rows[name].compare(found, expected)
            difference = float(np.abs(head.probabilities(found) - head.probabilities(expected)).max())
            rows[name].probability = max(rows[name].probability, difference)
    for encoder in encoders.values():
        encoder.release()
    rows[BATCHED].seconds, _ = timed(threads, partial(classified, pipeline, files, BATCH))
    return {"files": count, "audio_s": sum(durations_s(count)), "rows": [vars(row) for row in rows.values()], **made}


def part_lengths(samples: int, encoder: HubAcousticEncoder) -> list[int]:
    """Return the lengths of the parts in which a sound goes through."""
    return [len(part) for part in np.array_split(np.zeros(samples, np.bool_), encoder.windows(samples))]


def classified(pipeline: Any, files: Sequence[Path], size: int) -> Any:
    """Return transformers' answers; files are read as emobridge reads them, since its own way needs ffmpeg."""
    return pipeline([load_audio(file, sample_rate_hz=SAMPLE_RATE_HZ) for file in files], batch_size=size)


def encoded(encoder: HubAcousticEncoder, head: Head, file: Path) -> NDArray[np.float32]:
    """Return the probabilities of a file."""
    return head.probabilities(encoder.encode(load_audio(file, sample_rate_hz=SAMPLE_RATE_HZ)))


def load_pipeline(checkpoint: Path) -> Any:
    """Return transformers' own way from a file to probabilities."""
    from transformers import pipeline

    return pipeline("audio-classification", model=str(checkpoint), device="cpu")


def prepared(encoders: Mapping[str, HubEncoder], first: Callable[[Any], object]) -> dict[str, Any]:
    """Return what making an encoder ready takes: the first time, which writes its graph, and from then on."""
    made_s, loaded_s = {}, {}
    for name, encoder in encoders.items():
        made_s[name] = timed(2, partial(first, encoder))[0]
        encoder.release()
        loaded_s[name] = timed(2, partial(first, encoder))[0]
    return {"made_s": made_s, "loaded_s": loaded_s}


def text(folder: Path, layers: int, threads: int) -> dict[str, Any]:
    """Return the figures of DeBERTaV3, from token numbers to vectors."""
    checkpoint = folder / "deberta"
    model = write_text(checkpoint, layers)
    encoders = {name: open_text(checkpoint, name) for name in usable()}
    made = prepared(encoders, lambda encoder: encoder.states(token_ids(0)))
    rows = {name: Row(name) for name in (PEER, *encoders)}
    for number in range(TEXTS):
        ids = token_ids(number)
        ways = {PEER: partial(plain, model, ids), **{name: partial(one.states, ids) for name, one in encoders.items()}}
        found = in_turn(rows, ways, number, threads)
        for name in encoders:
            rows[name].compare(found[name][0].numpy(), found[PEER][0].numpy())
            rows[name].operations += text_operations(model.config)
    return {"texts": TEXTS, "tokens": TOKENS, "rows": [vars(row) for row in rows.values()], **made}


def plain(model: Any, ids: torch.Tensor) -> torch.Tensor:
    """Return the vectors (1, T, D) that transformers gives for token numbers (1, T)."""
    with torch.inference_mode():
        states: torch.Tensor = model(input_ids=ids).last_hidden_state
    return states


def sound(results: Mapping[str, Any]) -> bool:
    """Return whether float32 gives what transformers gives: sound to `CLOSE`, text to the bit."""
    allowed = {"speech": CLOSE, "text": 0.0}
    return all(
        row["difference"] <= allowed[part]
        for part in allowed
        for row in results.get(part, {}).get("rows", ())
        if row["name"] == "float32"
    )


def page(results: Mapping[str, Any]) -> str:
    """Return the page."""
    tables = [table(results, part) for part in ("speech", "text") if part in results]
    peaks_line = ", ".join(f"{name} {speed:,.0f}" for name, speed in results["peaks"].items())
    threads = "one thread" if results["threads"] == 1 else f"{results['threads']} threads"
    without = "" if "bfloat16" in results["peaks"] else " This processor has no units for bfloat16."
    return "\n".join(
        [
            "# Public encoders on a processor",
            "",
            f"Made by `python -m benchmarks.speed.encoders` on {results['processor']},",
            f"{threads}. Random weights of the large sizes ({results['layers']} layers): what they cost is that of the",
            "real ones, and agreement is that of the arithmetic alone. The fastest matrix product found here, in 10^9",
            "operations a second:",
            f"{peaks_line}.{without}",
            "",
            *tables,
        ]
    )


def table(results: Mapping[str, Any], part: str) -> str:
    """Return one part of the page: what it took beside its peers, of its peak, and how close it came."""
    figures = results[part]
    rows = {row["name"]: row for row in figures["rows"]}
    peers = [name for name in (PEER, BATCHED) if name in rows]
    cells = []
    for name, row in rows.items():
        ratios = [f"{rows[peer]['seconds'] / row['seconds']:.2f}" for peer in peers]
        if name in peers:
            cells.append([name, f"{row['seconds']:.2f}", *ratios, "", "", "", ""])
            continue
        share = row["operations"] / row["seconds"] / results["peaks"][name]
        agreement = [f"{row['cosine']:.6f}", f"{row['difference']:.2g}"]
        ready = f"{figures['made_s'][name]:.1f}, {figures['loaded_s'][name]:.1f}"
        cells.append([name, f"{row['seconds']:.2f}", *ratios, f"{share:.0%}", *agreement, ready])
    header = ["", "seconds", *(f"times {peer}" for peer in peers), "of its peak", "least cosine"]
    header += ["largest difference", "ready in s: first, later"]
    if part == "speech":
        about = f"## HuBERT, {figures['files']} files of {SHORTEST_S} to {LONGEST_S:.0f} s, from file to probabilities"
        largest = ", ".join(f"{name} {row['probability']:.2g}" for name, row in rows.items() if name not in peers)
        after = f"{figures['audio_s']:.0f} s of speech; the vectors of {COMPARED} files are compared. Probabilities"
        after += f" differ by at most: {largest}."
    else:
        about = f"## DeBERTaV3, {figures['texts']} texts of {figures['tokens']} tokens, one by one"
        after = "*float32* gives the bits of transformers."
    return "\n".join([about, "", markdown_table(header, cells), "", after, ""])


if __name__ == "__main__":
    sys.exit(main())
