"""Who speaks when: a recording, its words and what is known of its speakers become turns to predict.

Rules. Turns that are given, in a file or by a transcript with times and speakers, are taken as they are; only what is
longer than `segmentation.LONGEST_S` is cut. Else turns are the utterances that speech detection finds, in the whole or
in each channel, separated by voice where that is asked for. A recording as short as a clip is one utterance, and one
in which nobody speaks is cut into windows, so that every recording has segments, if only with the
reason why they have no estimate.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emobridge.audio.source import Source
from emobridge.diarization import Turn, are_copies, group_by_voice, read_rttm, turns_of, without_crosstalk
from emobridge.diarization.channels import BY_CHANNEL
from emobridge.errors import AudioError, TranscriptError
from emobridge.inference.timeline import LONG_WINDOWS
from emobridge.inference.word_alignment import PlacedWord, place_words, spoken_times, stray_words
from emobridge.segmentation.speech_detector import SAMPLE_RATE_HZ, SpeechDetector, SpeechTrack
from emobridge.segmentation.utterances import LONGEST_S, Stretch, Window, cut_long, cut_out, tiles, utterances
from emobridge.transcripts import Transcript
from emobridge.utils.threads import ahead

Speakers = Path | int | str | Sequence[Turn]
VALID = f"valid: a number from 1, '{BY_CHANNEL}', an RTTM file as a pathlib.Path, or turns"
CHANGE_PAUSE_S = 0.1  # a pause that may be a change of speakers, where speakers are separated by voice
OVERLAP_S = 1.0  # of speakers at once, from which it is worth a warning


@dataclass(frozen=True)
class ChannelTurns:
    """The turns of one channel, by start.

    Attributes:
        channel: counted from 1; None is the mean of all.
    """

    channel: int | None
    turns: tuple[Turn, ...]


@dataclass(frozen=True)
class Piece:
    """A turn with all that its prediction needs.

    Attributes:
        turn: who speaks when.
        channel: counted from 1; None is the mean of all.
        sound: of the turn.
        words: of the turn, in order.
        done: share of the plan, on [0, 1], that is done when this piece is.
    """

    turn: Turn
    channel: int | None
    sound: Window
    words: tuple[PlacedWord, ...]
    done: float


@dataclass(frozen=True)
class TurnPlan:
    """The turns of a recording in each channel, and warnings about them."""

    channels: tuple[ChannelTurns, ...]
    warnings: tuple[str, ...] = ()

    @property
    def turns(self) -> list[Turn]:
        """All turns: channel by channel, by start within each."""
        return [turn for each in self.channels for turn in each.turns]

    def pieces(self, source: Source, words: Transcript | None, rate_hz: int) -> Iterator[Piece]:
        """Yield all turns with their sound at ``rate_hz`` and their words; sound is read as pieces are asked for."""
        words_of_turns = iter(place_words(words, self.turns))
        for index, each in enumerate(self.channels):
            stretches = [(turn.start_s, turn.end_s) for turn in each.turns]
            sounds = cut_out(source.blocks(rate_hz, each.channel), stretches, rate_hz)
            for turn, sound in zip(each.turns, sounds, strict=True):
                done = (index + turn.end_s / source.duration_s) / len(self.channels)
                yield Piece(turn, each.channel, sound, next(words_of_turns), done)


class Planner:
    """Plans one recording.

    Args:
        source: the recording.
        transcript: its words, None where there are none.
        detector: of speech.
        window_s: length of the model's windows in seconds.
        progress: called with the share of the planning that is done, on [0, 1].
        threads: processor threads; with more than one, a block is read while the one before it is worked on.
    """

    def __init__(
        self,
        source: Source,
        transcript: Transcript | None,
        detector: SpeechDetector,
        window_s: float,
        progress: Callable[[float], None],
        threads: int,
    ) -> None:
        self._source = source
        self._transcript = transcript
        self._detector = detector
        self._window_s = window_s
        self._progress = progress
        self._threads = threads

    def plan(self, speakers: Speakers | None, channel: int | None) -> TurnPlan:
        """Return the turns to predict.

        Args:
            speakers: see `Predictor.predict`.
            channel: the channel to take, counted from 1; None mixes them down.

        Raises:
            AudioError: the recording cannot be read, or has one channel where it should have one a speaker.
            TranscriptError: the turns cannot be read, or ``speakers`` is none of what it may be.
        """
        if speakers == BY_CHANNEL:
            plan = self._by_channel(channel)
        elif isinstance(speakers, int) and speakers > 0:
            plan = self._by_voice(speakers, channel)
        else:
            turns = self._given(speakers)
            plan = (
                TurnPlan((ChannelTurns(channel, self._found(channel)),))
                if turns is None
                else self._of_turns(turns, channel)
            )
        if not plan.turns:
            windows = tiles(self._source.duration_s, self._window_s)
            return replace(plan, channels=(ChannelTurns(channel, _turns(windows)),))
        strays = stray_words(self._transcript, plan.turns)
        if strays:
            warning = f"{strays} words of the transcript lie in no turn; each was taken into the nearest one"
            plan = replace(plan, warnings=(*plan.warnings, warning))
        return plan

    def _given(self, speakers: Speakers | None) -> tuple[Turn, ...] | None:
        """Return the turns that somebody knows, None where nobody does."""
        if isinstance(speakers, Path):
            return read_rttm(speakers, Path(self._source.name).stem)
        if speakers is None:
            turns = () if self._transcript is None else turns_of(self._transcript)
            return turns if any(turn.speaker is not None for turn in turns) else None
        if isinstance(speakers, str | int) or not all(isinstance(turn, Turn) for turn in speakers):
            remedy = "to read a file, give a pathlib.Path" if isinstance(speakers, str) else "give one of these"
            raise TranscriptError(f"speakers {speakers!r}", VALID, remedy)
        return tuple(speakers)

    def _of_turns(self, turns: Sequence[Turn], channel: int | None) -> TurnPlan:
        duration_s = self._source.duration_s
        inside = [replace(turn, end_s=min(turn.end_s, duration_s)) for turn in turns if turn.start_s < duration_s]
        warnings = []
        if len(inside) < len(turns):
            count = len(turns) - len(inside)
            warnings.append(f"{count} of {len(turns)} turns start after the end of the recording; they were left out")
        if any(turn.end_s - turn.start_s > LONGEST_S for turn in inside):
            track = self._track(channel)
            inside = [
                replace(turn, start_s=start_s, end_s=end_s)
                for turn in inside
                for start_s, end_s in cut_long((turn.start_s, turn.end_s), track)
            ]
        together_s = _together_s(inside)
        if together_s >= OVERLAP_S:
            warnings.append(f"for {together_s:.0f} s several speak at once; there the same sound is predicted for each")
        return TurnPlan((ChannelTurns(channel, _by_start(inside)),), tuple(warnings))

    def _found(self, channel: int | None) -> tuple[Turn, ...]:
        """Return the utterances of a channel, of nobody known; a recording as short as a clip is one."""
        if self._source.duration_s <= LONG_WINDOWS * self._window_s:
            return (Turn(0.0, self._source.duration_s),)
        return _turns(utterances(self._track(channel), spoken_times(self._transcript)))

    def _by_channel(self, channel: int | None) -> TurnPlan:
        count, name = self._source.channels, self._source.name
        if channel is not None:
            given = f"channel {channel} together with speakers '{BY_CHANNEL}'"
            raise AudioError(given, "one speaker a channel needs all channels", "leave one of the two out")
        if count < 2:
            valid = "one speaker a channel needs two channels or more"
            raise AudioError(
                f"'{name}' has {count} channel", valid, "say how many speak, to have them told apart by voice"
            )
        numbers = range(1, count + 1)
        tracks = [self._track(number, (number - 1, count)) for number in numbers]
        if are_copies(tracks):
            warning = f"all {count} channels hold the same sound, so that they tell no speakers apart"
            return TurnPlan(
                (ChannelTurns(None, _turns(utterances(tracks[0], spoken_times(self._transcript)))),), (warning,)
            )
        # The channel of a word is not known, so that words make no utterances here.
        own = zip(numbers, without_crosstalk(tracks), strict=True)
        return TurnPlan(
            tuple(ChannelTurns(number, _turns(utterances(track), f"channel {number}")) for number, track in own)
        )

    def _by_voice(self, count: int, channel: int | None) -> TurnPlan:
        track = self._track(channel, (0, 2))
        stretches = utterances(track, spoken_times(self._transcript), CHANGE_PAUSE_S)
        windows = cut_out(self._blocks(SAMPLE_RATE_HZ, channel, (1, 2)), stretches, SAMPLE_RATE_HZ)
        turns = group_by_voice(windows, count)
        if count == 1:
            return TurnPlan((ChannelTurns(channel, turns),))
        warnings = ["speakers were told apart by voice, which is approximate"]
        found = len({turn.speaker for turn in turns})
        if found < count:
            warnings.append(f"{count} speakers were asked for; there is speech for {found}")
        return TurnPlan((ChannelTurns(channel, turns),), tuple(warnings))

    def _track(self, channel: int | None, step: tuple[int, int] = (0, 1)) -> SpeechTrack:
        """Return the track of a channel, as step (index, of how many) of the planning."""
        return self._detector.track(self._blocks(SAMPLE_RATE_HZ, channel, step))

    def _blocks(self, rate_hz: int, channel: int | None, step: tuple[int, int]) -> Iterator[NDArray[np.float32]]:
        """Yield the blocks of a channel, and tell `progress` how far they are."""
        done_s = 0.0
        blocks = self._source.blocks(rate_hz, channel)
        for block in ahead(blocks) if self._threads > 1 else blocks:
            yield block
            done_s += len(block) / rate_hz
            self._progress((step[0] + min(1.0, done_s / self._source.duration_s)) / step[1])


def _turns(stretches: Sequence[Stretch], speaker: str | None = None) -> tuple[Turn, ...]:
    return tuple(Turn(*stretch, speaker) for stretch in stretches)


def _by_start(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    return tuple(sorted(turns, key=lambda turn: (turn.start_s, turn.end_s)))


def _together_s(turns: Sequence[Turn]) -> float:
    """Return for how many seconds more than one speaks."""
    edges = sorted([(turn.start_s, 1) for turn in turns] + [(turn.end_s, -1) for turn in turns])
    speaking, before_s, together = 0, 0.0, []
    for time_s, change in edges:
        together.append(time_s - before_s if speaking > 1 else 0.0)
        speaking, before_s = speaking + change, time_s
    return math.fsum(together)
