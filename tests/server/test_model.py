"""Laws of the model's process: it says what the library says, to the bit, and outlives whatever is asked of it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from emobridge.errors import AudioError, BundleError, EmobridgeError, LabelError, TranscriptError
from emobridge.server.processes.decode_messages import Decoded
from emobridge.server.processes.decoders import Decoders
from emobridge.server.processes.messages import ServiceFault
from emobridge.server.processes.model import JudgeTask, Model
from emobridge.server.processes.subprocesses import ENVIRONMENT

Run = Callable[..., Any]
RATE_HZ = 16_000
SRT = "1\n00:00:00,500 --> 00:00:02,000\nI am so happy today!\n\n2\n00:00:05,000 --> 00:00:07,000\nthe dog\n"
RTTM = "SPEAKER x 1 0.5 2.5 <NA> <NA> anna <NA> <NA>\nSPEAKER x 1 4.0 3.0 <NA> <NA> ben <NA> <NA>\n"

# Names of files stand for the files; the arguments are those of `JudgeTask`, and of `Predictor.predict`.
CASES: dict[str, dict[str, Any]] = {
    "mono": {"recording": "mono.wav"},
    "clip": {"recording": "clip.flac"},
    "silence": {"recording": "silence.wav"},
    "mixed down": {"recording": "stereo.wav"},
    "a channel": {"recording": "stereo.wav", "channel": 2},
    "a speaker a channel": {"recording": "stereo.wav", "speakers": "channels"},
    "by voice": {"recording": "mono.wav", "speakers": 2},
    "turns": {"recording": "mono.wav", "speakers": "turns.rttm"},
    "words with times": {"recording": "mono.wav", "transcript": "words.srt"},
    "words": {"recording": "clip.flac", "transcript": "I am so sad, ünd angry \ud7ff \U0001f600"},
    "other rate": {"recording": "narrow.ogg", "transcript": "words.srt"},
    "view": {"recording": "mono.wav", "categories": "four"},
    "text alone": {"transcript": "the dogs sit by the door"},
    "words with times alone": {"transcript": "words.srt", "categories": "four"},
}
PREDICT = """
import json, sys
from dataclasses import replace
from pathlib import Path
import emobridge
folder, model, cases = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
def file(name): return folder / name if isinstance(name, str) and (folder / name).exists() else name
for name, case in cases.items():
    case = {key: file(value) for key, value in case.items()}
    if isinstance(case.get("transcript"), str):
        case["text"] = case.pop("transcript")
    predictor = emobridge.load(model, case.pop("categories", None), threads=1)
    result = predictor.predict(case.pop("recording", None), **case)
    print(json.dumps(replace(result, file=name).to_dict()))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, speech_like: Callable[..., NDArray[np.float32]]) -> Path:
    """A folder with the files of the cases."""
    place = tmp_path_factory.mktemp("recordings")
    pauses = np.repeat(np.arange(12) % 4 > 0, RATE_HZ)
    left, right = speech_like(12.0, 1) * pauses, speech_like(12.0, 2) * ~pauses
    soundfile.write(place / "mono.wav", left, RATE_HZ)
    soundfile.write(place / "stereo.wav", np.column_stack([left, right]), RATE_HZ)
    soundfile.write(place / "clip.flac", left[RATE_HZ : 3 * RATE_HZ], RATE_HZ)
    soundfile.write(place / "silence.wav", np.zeros(5 * RATE_HZ), RATE_HZ)
    soundfile.write(place / "narrow.ogg", speech_like(8.0, 3, 8_000), 8_000)
    (place / "words.srt").write_text(SRT, encoding="utf-8")
    (place / "turns.rttm").write_text(RTTM, encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def expected(folder: Path, toy_bundle: Path) -> dict[str, Any]:
    """What the library says of each case, in a process with as many threads as the service gives it."""
    command = [sys.executable, "-c", PREDICT, str(folder), str(toy_bundle), json.dumps(CASES)]
    said = subprocess.run(command, env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=True).stdout
    return dict(zip(CASES, map(json.loads, said.splitlines()), strict=True))


@pytest.fixture(scope="module")
def decoders(run: Run) -> Iterator[Decoders]:
    shared = Decoders(1, 2**30, 20.0, 7_200.0, 8, 2**30)
    run(shared.start())
    yield shared
    run(shared.stop())


@pytest.fixture(scope="module")
def model(run: Run, toy_bundle: Path, decoders: Decoders) -> Iterator[Model]:
    shared = Model(toy_bundle, threads=2, decoders=decoders)
    run(shared.start())
    yield shared
    run(shared.stop())


class Told:
    """What is told of a recording while it is judged."""

    def __init__(self) -> None:
        self.shares: list[float] = []
        self.segments: list[dict[str, Any]] = []
        self.first = asyncio.Event()

    def __call__(self, share: float, segments: list[dict[str, Any]]) -> None:
        self.shares.append(share)
        self.segments += segments
        self.first.set()


async def as_task(
    case: dict[str, Any], name: str, folder: Path, into: Path, model: Model, decoders: Decoders
) -> JudgeTask:
    given = {key: folder / value if (folder / str(value)).exists() else value for key, value in case.items()}
    recording = given.pop("recording", None)
    decoded = None
    if recording is not None:
        wanted = model.wanted(given.get("speakers"), given.get("channel"))
        decoded = await decoders.decode(recording, into, wanted, name)
    return JudgeTask(name, decoded, **given)


def raw_sound(samples: NDArray[np.float32], into: Path) -> Decoded:
    samples.astype("<f4").tofile(into / f"{RATE_HZ}-mean.f32")
    return Decoded(into, len(samples) / RATE_HZ, 1)


@pytest.mark.parametrize("name", CASES)
def test_a_result_is_that_of_the_library(
    run: Run, model: Model, decoders: Decoders, folder: Path, tmp_path: Path, expected: dict[str, Any], name: str
) -> None:
    async def judge() -> tuple[Any, Told]:
        told = Told()
        task = await as_task(CASES[name], name, folder, tmp_path, model, decoders)
        return json.loads(await model.judge(task, told)), told

    result, told = run(judge())
    assert result == expected[name]
    assert sorted(told.segments, key=lambda each: each["start_s"]) == result["segments"]
    assert told.shares == sorted(told.shares)
    assert told.shares[-1] == 1.0


def test_many_at_once_give_what_each_gives_alone(
    run: Run, model: Model, decoders: Decoders, folder: Path, tmp_path: Path, expected: dict[str, Any]
) -> None:
    async def predict_all() -> list[Any]:
        tasks = []
        for number, (name, case) in enumerate(CASES.items()):
            into = tmp_path / str(number)
            into.mkdir()
            tasks.append(await as_task(case, name, folder, into, model, decoders))
        return [json.loads(said) for said in await asyncio.gather(*(model.judge(task, Told()) for task in tasks))]

    assert run(predict_all()) == [*expected.values()]


STREAM = """
import json, sys
from dataclasses import asdict
import numpy as np, emobridge
stream = emobridge.load(sys.argv[1], "four", threads=1).stream(16_000, 0.5)
pcm, events, current = np.fromfile(sys.argv[2], "<f4"), [], None
for start in range(0, len(pcm), 7_000):
    events += [{"type": "segment", "segment": asdict(each)} for each in stream.push(pcm[start : start + 7_000])]
    if stream.current() is not None and stream.current() is not current:
        current = stream.current()
        events.append({"type": "current", "segment": asdict(current)})
print(json.dumps([events, stream.finish().to_dict()]))
"""


def test_live_sound_gives_what_the_stream_of_the_library_gives(
    run: Run, model: Model, toy_bundle: Path, folder: Path, tmp_path: Path
) -> None:
    samples, _ = soundfile.read(folder / "mono.wav", dtype="float32")
    samples.astype("<f4").tofile(tmp_path / "pcm")
    command = [sys.executable, "-c", STREAM, str(toy_bundle), str(tmp_path / "pcm")]
    said = subprocess.run(command, env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=True).stdout

    async def listen() -> Any:
        stream, other = [await model.open_stream(RATE_HZ, 0.5, "four") for _ in range(2)]
        events = []
        for start in range(0, len(samples), 7_000):
            events += await stream.push(samples[start : start + 7_000].astype("<f4").tobytes())
            await other.push(bytes(4_000))
        result = json.loads(await stream.finish())
        await stream.close()
        await other.close()
        return [events, result]

    assert run(listen()) == json.loads(said)


def test_live_mistakes_are_told_and_the_stream_goes_on(run: Run, model: Model) -> None:
    async def mistakes() -> None:
        with pytest.raises(LabelError, match="view 'five'"):
            await model.open_stream(RATE_HZ, 1.0, "five")
        with pytest.raises(AudioError, match="7 Hz"):
            await model.open_stream(7, 1.0, None)
        stream = await model.open_stream(RATE_HZ, 1.0, None)
        with pytest.raises(AudioError, match="5 bytes"):
            await stream.push(bytes(5))
        with pytest.raises(AudioError, match="finite"):
            await stream.push(np.array([np.nan], "<f4").tobytes())
        with pytest.raises(AudioError, match="without any sample"):
            await stream.finish()
        assert await stream.push(bytes(4)) == []
        await stream.close()

    run(mistakes())


@pytest.mark.parametrize(
    ("content", "case", "kind", "told"),
    [
        ("SPEAKER x 1 soon later\n", {"speakers": "bad.rttm"}, TranscriptError, "'bad.rttm', line 1"),
        ("WEBVTT\n\nno cue\n", {"transcript": "bad.srt"}, TranscriptError, "'bad.srt' does not hold what"),
        ("", {"transcript": "bad.doc"}, TranscriptError, "of 'bad.doc'"),
        ("", {"speakers": "anna"}, TranscriptError, "speakers 'anna'"),
        ("", {"speakers": "channels"}, AudioError, "'x.wav' has 1 channel"),
        ("", {"categories": "five"}, LabelError, "view 'five'"),
        ("", {"channel": 7}, ServiceFault, "an unexpected FileNotFoundError; report it"),
    ],
)
def test_what_is_wrong_is_told_without_a_path(
    run: Run, model: Model, tmp_path: Path, content: str, case: dict[str, Any], kind: type[EmobridgeError], told: str
) -> None:
    given = dict(case)
    for key, value in case.items():
        if str(value).startswith("bad."):
            given[key] = tmp_path / value
            given[key].write_text(content, encoding="utf-8")
    decoded = raw_sound(np.zeros(RATE_HZ, np.float32), tmp_path)
    with pytest.raises(EmobridgeError) as caught:
        run(model.judge(JudgeTask("x.wav", decoded, **given), Told()))
    assert type(caught.value) is kind
    assert told in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    "said",
    [
        *(
            "",
            "3",
            "[]",
            "[" * 9_000,
            '{"transcript": 3}',
            '{"transcript": {"spans": [{"texts": ""}]}}',
            '{"turns": [{}]}',
        ),
        '{"transcript": {"spans": [{"text": 5}], "language": 3}}',
        '{"turns": [{"start_s": 1.0, "end_s": "x"}]}',
    ],
)
def test_words_from_a_decoder_that_was_taken_over_harm_nobody(
    run: Run, model: Model, decoders: Decoders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    async def read(*_: object) -> str:
        return said

    monkeypatch.setattr(decoders, "read", read)
    decoded = raw_sound(np.zeros(RATE_HZ, np.float32), tmp_path)
    with pytest.raises(ServiceFault, match=r"an unexpected \w+Error; report it"):
        run(model.judge(JudgeTask("x", decoded, tmp_path / "words.srt", tmp_path / "turns.rttm"), Told()))


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("/etc/hostname"), os.mkfifo, Path.mkdir])
def test_what_is_no_file_of_sound_is_not_read(run: Run, model: Model, tmp_path: Path, make: Callable[..., Any]) -> None:
    make(tmp_path / f"{RATE_HZ}-mean.f32")
    with pytest.raises(EmobridgeError):
        run(model.judge(JudgeTask("x.wav", Decoded(tmp_path, 1.0, 1)), Told()))


def test_what_is_told_raises_to_who_asked_alone(run: Run, model: Model, tmp_path: Path) -> None:
    def refuse(share: float, segments: list[dict[str, Any]]) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(model.judge(JudgeTask("x", transcript="the dog"), refuse))
    assert b'"dog"' in run(model.judge(JudgeTask("dog", transcript="the dog"), Told()))


def test_no_model_is_told_at_the_start(run: Run, decoders: Decoders, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="a model is a directory"):
        run(Model(tmp_path / "nothing", 1, decoders=decoders).start())


def test_it_tells_what_the_model_is(model: Model, toy_bundle: Path) -> None:
    config = json.loads((toy_bundle / "config.json").read_bytes())
    assert all(model.about[key] == config[key] for key in ("name", "version", "categories", "dimensions", "window_s"))
    assert model.about["views"] == {name: view["categories"] for name, view in config["views"].items()}
    assert model.about["modalities"] == ["acoustic", "linguistic"]
    assert model.card == (toy_bundle / "README.md").read_text(encoding="utf-8")
