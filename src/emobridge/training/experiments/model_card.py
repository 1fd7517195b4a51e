"""The model card, written from what was trained and measured: neither figures nor limits are typed by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emobridge.encoders.config import AcousticConfig, LinguisticConfig, NamedEncoderConfig
from emobridge.inference.bundle import BundleConfig
from emobridge.inference.timeline import LONG_WINDOWS
from emobridge.training.evaluation.scores import Scores
from emobridge.training.evaluation.subgroups import Gap
from emobridge.training.evaluation.tables import confidence_table, markdown_table, score_table

PURPOSE = """\
- It estimates an emotion from how speech sounds and what is said; it does not know what a person feels."""
LAW = """\
- Do not use it to decide about people. Inferring emotions of people at work or in education is prohibited in the
  European Union (Regulation (EU) 2024/1689, article 5(1)(f)), except for medical or safety reasons."""
LEFT_OUT_NOTE = """\
Each row is a corpus that a model of the same recipe was tested on as a whole after training on the others: how it fares
with another microphone, language or way of speaking. `, four`: angry, happy, neutral and sad alone.
"""


@dataclass(frozen=True)
class SpokenCorpus:
    """A corpus whose speech a model learned from: ``acted`` or ``natural``, empty where not known; ISO 639-1 code."""

    corpus: str
    speech: str
    language: str


def model_card(
    config: BundleConfig,
    scores: Scores,
    left_out: Mapping[str, Scores] | None = None,
    spoken: Sequence[SpokenCorpus] = (),
    gaps: Sequence[Gap] = (),
) -> str:
    """Return the card as Markdown.

    Args:
        config: of the bundle.
        scores: of the held-out test part, whose speakers and sentences the model never met.
        left_out: corpus -> scores on it of a model of the same recipe that was trained without it; None where this
            was not measured.
        spoken: the corpora whose speech it learned from.
        gaps: between genders on the held-out test part; empty where they were not measured.
    """
    held_out = scores.corpora or {"all": scores}
    sections = [
        f"# {config.name} {config.version}",
        config.description,
        _facts(config),
        "## Licence",
        f"Weights: {config.licence or 'as the corpora below demand'}. The code of emobridge is under Apache-2.0.",
        "## Training data",
        _data(config),
        "## Held-out results",
        "Speakers (and, for text, sentences) that the model never met; value [95 % interval, resampled over speakers]. "
        "Dimensions are measured on rated labels alone, never on weak ones.",
        score_table(held_out, of="corpus"),
        *([] if not left_out else ["## Corpora left out", LEFT_OUT_NOTE, score_table(left_out, of="corpus")]),
        "## Dimensions",
        _dimensions(config),
        "## Confidence",
        _confidence(config),
        confidence_table(held_out, of="corpus"),
        *([] if not left_out else ["On corpora left out:", confidence_table(left_out, of="corpus")]),
        "## Limits and responsible use",
        limits(config, spoken, gaps),
    ]
    return "\n\n".join(section.strip() for section in sections if section) + "\n"


def limits(config: BundleConfig, spoken: Sequence[SpokenCorpus] = (), gaps: Sequence[Gap] = ()) -> str:
    """Return what the model was not made for and not tested on, from what it learned from and what was measured."""
    windows = (
        f"- An utterance of up to {LONG_WINDOWS * config.window_s:g} s is analysed as a whole, a longer one in "
        f"overlapping windows of {config.window_s:g} s. Silence, noise and music get no category; where several speak "
        "at once, what is said of one may come from another."
    )
    return "\n".join([PURPOSE, *_speech_limits(spoken), _gender_limits(gaps), windows, LAW])


def _speech_limits(spoken: Sequence[SpokenCorpus]) -> list[str]:
    if not spoken:
        return []
    of = {kind: ", ".join(one.corpus for one in spoken if one.speech == kind) for kind in ("acted", "natural", "")}
    told = "; ".join(f"{kind or 'of a kind that nobody told'} ({names})" for kind, names in of.items() if names)
    harder = "" if of["natural"] else " Natural speech is harder than the tables."
    languages = ", ".join(sorted({one.language for one in spoken}))
    return [
        f"- The speech that it learned from is {told}.{harder}",
        f"- Languages of that speech: {languages}. Others, and other microphones, are harder.",
    ]


def _gender_limits(gaps: Sequence[Gap]) -> str:
    told = [
        f"{gap.corpus} {found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}] ({gap.first} minus {gap.second})"
        for gap in gaps
        if (found := gap.metrics.get("unweighted_average_recall")) is not None
    ]
    if not told:
        return "- Equal accuracy over gender, age, accent and language was not measured."
    return (
        f"- Difference in UAR between genders: {'; '.join(told)}. Equal accuracy over age, accent and language was not "
        "measured."
    )


def _facts(config: BundleConfig) -> str:
    encoders = config.encoders
    rows = [["categories", ", ".join(config.categories) or "none"]]
    rows += [["dimensions", ", ".join(f"{one.name} (0 to 1)" for one in config.dimensions) or "none"]]
    if encoders.acoustic:
        rows.append(["acoustic encoder", _encoder(encoders.acoustic)])
    if encoders.linguistic:
        held = isinstance(encoders.linguistic, LinguisticConfig)
        rows.append(["linguistic encoder", _encoder(encoders.linguistic) + (", int8" if held else "")])
    rows.append(["fusion", str(config.architecture["fusion"]["fusion"])])
    rows.append(["window", f"{config.window_s:g} s at {config.sample_rate_hz} Hz"])
    return markdown_table(["what", "value"], rows)


def _encoder(encoder: AcousticConfig | LinguisticConfig | NamedEncoderConfig) -> str:
    if isinstance(encoder, NamedEncoderConfig):
        layers = "" if encoder.layers == 1 else f" in {encoder.layers} layers"
        return f"{encoder.settings['encoder']}, {encoder.dimension} wide{layers}; public, not part of the model"
    return f"{encoder.name}, {encoder.dimension} wide"


def _data(config: BundleConfig) -> str:
    rows = [
        [one.corpus, str(one.utterances), str(one.speakers or "unknown"), one.used_for, one.licence, one.citation]
        for one in config.training_data
    ]
    return markdown_table(["corpus", "utterances", "speakers", "used for", "licence", "cite"], rows)


def _dimensions(config: BundleConfig) -> str:
    if not config.dimensions:
        return "None."
    rows = [
        [one.name, one.supervision.get("acoustic", "none"), one.supervision.get("linguistic", "none")]
        for one in config.dimensions
    ]
    table = markdown_table(["dimension", "from speech", "from text"], rows)
    if not any("weak" in how for one in config.dimensions for how in one.supervision.values()):
        return table
    return (
        f"{table}\n\n**Weak** means that nobody rated these recordings on the dimension: the value was derived from "
        "the acted or voted category (prototypes of Russell and Mehrabian 1977) and its intensity. It orders them by "
        "what their categories suggest; it is no measurement, and intervals come from rated recordings alone."
    )


def _views(config: BundleConfig) -> str:
    rows = [
        [
            f"`{name}`",
            ", ".join(view.categories),
            *(f"{view.temperature[one]:.2f}, {view.category_threshold[one]:.3f}" for one in config.presences),
        ]
        for name, view in config.views.items()
    ]
    table = markdown_table(["view", "categories", *config.presences], rows)
    text = (
        "Whoever knows that only some categories can occur asks within them (`--categories NAME`), and gets a "
        "temperature and a share that were fitted there; 1.00 and 1.000 where nothing was measured."
        f"\n\n{table}"
    )
    weights = [
        f"- `{name}`, {presence}: "
        + ", ".join(f"{category} {factor:.2f}" for category, factor in zip(view.categories, factors, strict=True))
        for name, view in config.views.items()
        for presence, factors in view.category_weights.items()
    ]
    if weights:
        text += (
            "\n\nAnnotators differ in what they call things, and how often; the view of a corpus of texts answers as "
            "its own did. It multiplies each category's probability, so that what it says of the texts that it learned "
            "from is as frequent as their labels:\n\n" + "\n".join(weights)
        )
    return text


def _confidence(config: BundleConfig) -> str:
    rows = []
    for presence, temperature in config.temperature.items():
        conformal = config.conformal[presence]
        widths = ", ".join(f"{name} ±{width:.2f}" for name, width in conformal.half_width.items()) or "none measured"
        rows.append([presence, f"{temperature:.2f}", f"{conformal.category_threshold:.3f}", widths])
    table = markdown_table(["input", "temperature", "90 % set reaches", "90 % interval"], rows)
    if config.views:
        table = f"{table}\n\n{_views(config)}"
    page = (
        f"{table}\n\nFitted on validation speakers of the same corpora. Below, measured on the held-out test part: how "
        "far confidence is from accuracy, and how often what was promised nine times in ten held."
    )
    if "both" not in config.temperature:
        return page
    return (
        f"{page} For `both`, where no corpus holds natural speech with its text, acted clips were paired with written "
        "sentences of the same category."
    )
