"""The shape of a prediction: segments with categories and dimensions, and summaries; the same everywhere."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emobridge.utils.extras import load_extra, registered
from emobridge.utils.typed import plain, read_dataclass

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Word:
    """A word whose own time is known.

    Attributes:
        text: without white space.
        start_s, end_s: seconds from the start of the file, end-exclusive.
    """

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Segment:
    """One stretch of a recording and its prediction.

    Attributes:
        start_s, end_s: seconds from the start of the file, end-exclusive.
        speaker: who speaks, None where not known.
        text: the words that were used, None where there were none.
        category: the most probable category, None where there is no prediction (see `flags`).
        probabilities: category -> calibrated probability; they sum to 1, or the mapping is empty.
        dimensions: valence, arousal, dominance (and others that the model has) -> value on [0, 1].
        intervals: dimension -> (low, high), 90 % intervals, only where the model measured them on rated labels.
        categories_90: the set of categories that holds the truth nine times in ten.
        modalities: which of ``acoustic`` and ``linguistic`` the prediction rests on.
        flags: reasons to be careful: ``too_short``, ``silence``, ``noise``, ``music``, ``clipped``, ``out_of_domain``,
            ``low_confidence``; docs/behaviour.md explains each.
        abstain: the flag for which the prediction should not be used, None where it may be. Sound without speech has no
            prediction; sound that is ``out_of_domain`` has one, for those who want to see it.
        words: the words of `text`, where the transcript has a time for each of them; else empty.
    """

    start_s: float
    end_s: float
    speaker: str | None = None
    text: str | None = None
    category: str | None = None
    probabilities: Mapping[str, float] = field(default_factory=dict)
    dimensions: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    categories_90: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    abstain: str | None = None
    words: tuple[Word, ...] = ()


@dataclass(frozen=True)
class TurningPoint:
    """A moment at which a dimension changes; `timeline.turning_points` has the rule.

    Attributes:
        time_s: seconds from the start of the file.
        dimension: the one that changes.
        before, after: its mean over the speech before and after that moment, on [0, 1].
        text: the first words after it, None where they are not known.
    """

    time_s: float
    dimension: str
    before: float
    after: float
    text: str | None = None


@dataclass(frozen=True)
class Summary:
    """A recording, or one speaker of it, as a whole.

    Attributes:
        duration_s: seconds of the segments with a prediction.
        category: the category with the largest share of time, None where there is no prediction.
        shares: category -> expected share of that time, from the probabilities; they sum to 1, or there are none.
        mean: dimension -> its mean over that time.
        spread: dimension -> its standard deviation over that time.
        turning_points: the largest changes of a dimension, at most a few, in order of time.
    """

    duration_s: float
    category: str | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    mean: Mapping[str, float] = field(default_factory=dict)
    spread: Mapping[str, float] = field(default_factory=dict)
    turning_points: tuple[TurningPoint, ...] = ()


@dataclass(frozen=True)
class Result:
    """Everything predicted about one recording.

    Attributes:
        file: the recording's name as it was given.
        duration_s: its length in seconds.
        model: ``name``, ``version`` and ``sha256`` of the bundle.
        segments: in order of time.
        speakers: speaker -> summary; empty where speakers are not known.
        summary: of the whole file.
        warnings: what was odd about the input, as sentences.
    """

    file: str
    duration_s: float
    model: Mapping[str, str]
    segments: tuple[Segment, ...]
    speakers: Mapping[str, Summary]
    summary: Summary
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain JSON-ready values; tuples become lists."""
        values: dict[str, Any] = plain(asdict(self))
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Result":
        """Return the result that `to_dict` wrote; further keys are left out.

        Raises:
            ShapeError: a key is missing, or a value is of another type.
        """
        known = {each.name for each in fields(cls)}
        own = (
            {name: value for name, value in values.items() if name in known} if isinstance(values, Mapping) else values
        )
        return read_dataclass(cls, own, "result")

    def to_rows(self) -> list[dict[str, Any]]:
        """Return one flat row a segment, the columns of CSV and Parquet; a missing value is None.

        A result without segments has one row, of all its time, so that no recording is missing from a table.

        Columns: file, start_s, end_s, speaker, text, category, prob_<category>..., one a dimension, modalities, flags,
        abstain (several modalities or flags are joined with ``+``).
        """
        categories = list(dict.fromkeys(name for segment in self.segments for name in segment.probabilities))
        dimensions = list(dict.fromkeys(name for segment in self.segments for name in segment.dimensions))
        return [
            {
                "file": self.file,
                "start_s": segment.start_s,
                "end_s": segment.end_s,
                "speaker": segment.speaker,
                "text": segment.text,
                "category": segment.category,
                **{f"prob_{name}": segment.probabilities.get(name) for name in categories},
                **{name: segment.dimensions.get(name) for name in dimensions},
                "modalities": "+".join(segment.modalities),
                "flags": "+".join(segment.flags),
                "abstain": segment.abstain,
            }
            for segment in self.segments or (Segment(0.0, self.duration_s),)
        ]

    def to_dataframe(self) -> "pandas.DataFrame":
        """Return `to_rows` as a pandas DataFrame.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        frame: pandas.DataFrame = load_extra("pandas", "dataframe").DataFrame(self.to_rows())
        return frame

    def save(self, path: str | Path) -> None:
        """Write the result to ``path``; its extension is the format.

        Raises:
            OutputError: the extension is no known format, or the file cannot be written.
        """
        registered("write")([self], Path(path))  # the writers stand above this module

    def plot(self, path: str | Path | None = None) -> "Figure":
        """Return the result as a matplotlib figure, also written to ``path`` (.png, .svg or .pdf) where one is given.

        Raises:
            OutputError: another extension, or the file cannot be written.
            MissingExtraError: matplotlib is not installed.
        """
        figure: Figure = registered("plot")(self, path)
        return figure
