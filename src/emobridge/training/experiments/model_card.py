"""The model card, written from what the bundle and its held-out scores say; no figure is typed by hand."""

from collections.abc import Mapping

from emobridge.encoders.config import AcousticConfig, LinguisticConfig, NamedEncoderConfig
from emobridge.inference.bundle import BundleConfig
from emobridge.training.evaluation.scores import Scores
from emobridge.training.evaluation.tables import confidence_table, markdown_table, score_table

LIMITS = """\
- It hears how speech sounds and reads what it says; it does not know what a person feels.
- The speech corpora are acted. Spontaneous speech, other languages, ages and microphones are harder than the table.
- It was not tested for equal accuracy over gender, age, accent or language.
- Recordings are cut into fixed windows; music, noise and several voices at once are judged as if they were one speaker.
- Do not use it to decide about people. Inferring emotions of people at work or in education is prohibited in the
  European Union (Regulation (EU) 2024/1689, article 5(1)(f)), except for medical or safety reasons.
"""
LEFT_OUT_NOTE = """\
Each row is a corpus that a model of the same recipe was tested on as a whole after training on the others: how it fares
with another microphone, language or way of speaking. `, four`: angry, happy, neutral and sad alone.
"""


def model_card(config: BundleConfig, scores: Scores, left_out: Mapping[str, Scores] | None = None) -> str:
    """Return the card as Markdown.

    Args:
        config: of the bundle.
        scores: of the held-out test part, whose speakers and sentences the model never met.
        left_out: corpus -> scores on it of a model of the same recipe that was trained without it; None where this
            was not measured.
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
        LIMITS,
    ]
    return "\n\n".join(section.strip() for section in sections if section) + "\n"


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
