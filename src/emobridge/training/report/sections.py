"""What a report says, before it is Markdown or HTML: sections with a note, a table, drawings."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from emobridge.training.evaluation import tables
from emobridge.training.evaluation.bootstrap import Interval
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.evaluation.scores import CONCORDANCE, Scores, fold_means, says_how_right, score, score_four
from emobridge.training.evaluation.significance import PairedTest, corrected, paired_tests
from emobridge.training.evaluation.subgroups import Gap, Group, by_gender, by_speaker, gender_gaps
from emobridge.training.evaluation.tables import Table, heading
from emobridge.training.report import charts
from emobridge.training.report.run_facts import Facts
from emobridge.training.report.split_section import leak_line, split_lines, split_note
from emobridge.training.report.utterance_list import digests
from emobridge.visualization.markup import Markup

NOTE = (
    "Value [95 % interval, resampled over speakers]. UAR = mean of per-class recall, WAR = accuracy, CCC = "
    "concordance correlation, ECE = expected calibration error, for which an answer is right with its share "
    "of the raters' votes; dimensions on [0, 1]. Probabilities were calibrated on validation speakers, "
    "within what a corpus can hold; nothing was selected on test."
)
TESTS_NOTE = (
    "Paired tests on the same utterances, a speaker counting as one observation. UAR, weighted F1 and CCC: bootstrap "
    "over speakers, referred to Student's t; WAR: exact McNemar test with a speaker's changes kept together. “p, "
    "Holm” is corrected for all tests of this report; “differs” where it is below 0.05."
)
QUESTION_NOTE = "The line is the recipe itself; a filled dot differs from it by the corrected paired test."
PLOTTED = ("unweighted_average_recall",)


@dataclass(frozen=True)
class Section:
    """One part of a report.

    Attributes:
        title: its heading.
        note: what a reader must know to read it.
        table: its figures.
        drawings: the same to look at, side by side.
        lines: plain statements, a line each.
    """

    title: str
    note: str = ""
    table: Table | None = None
    drawings: Sequence[Markup] = ()
    lines: Sequence[str] = ()


@dataclass(frozen=True)
class Report:
    """A run with all its figures.

    Attributes:
        reference: the system that the others are compared with.
        facts: what was run.
        parts: system -> predictions, the reference first.
        scores: system -> figures.
        four: system -> corpus -> figures in the view of four categories.
        means: system -> metric -> mean over folds.
        tests: system -> tests against the reference, all corrected together.
        speakers, genders, gaps: of the reference.
    """

    reference: str
    facts: Facts
    parts: Mapping[str, Predictions]
    scores: Mapping[str, Scores]
    four: Mapping[str, Mapping[str, Scores]]
    means: Mapping[str, Mapping[str, Interval]]
    tests: Mapping[str, Sequence[PairedTest]] = field(default_factory=dict)
    speakers: Sequence[Group] = ()
    genders: Sequence[Group] = ()
    gaps: Sequence[Gap] = ()

    @property
    def title(self) -> str:
        """Its name, and what was asked of it."""
        return self.reference + (f": {self.facts.grid}" if self.facts.grid else "")

    @property
    def leak(self) -> str:
        """The first line of a report of a split that leaks, in Markdown; empty where nothing leaks."""
        return leak_line(self.facts.split) if self.facts.split else ""


def build(predictions: Predictions, reference: str, facts: Facts, resamples: int) -> Report:
    """Compute every figure of a run.

    Args:
        predictions: of one or several systems.
        reference: the system that the others are compared with.
        facts: what was run.
        resamples: of the bootstrap over speakers.
    """
    names = sorted(set(predictions.variants.tolist()), key=lambda name: (name != reference, name))
    parts = {name: predictions.select(predictions.variants == name) for name in names}
    own = parts[reference]
    found = {name: paired_tests(part, own, resamples) for name, part in parts.items() if name != reference}
    together = iter(corrected([test for tests in found.values() for test in tests]))
    return Report(
        reference=reference,
        facts=facts,
        parts=parts,
        scores={name: score(part, resamples) for name, part in parts.items()},
        four={name: score_four(part, resamples) for name, part in parts.items()},
        means={reference: fold_means(own, resamples)},
        tests={name: [next(together) for _ in tests] for name, tests in found.items()},
        speakers=by_speaker(own),
        genders=by_gender(own, resamples),
        gaps=gender_gaps(own, resamples),
    )


def sections(report: Report) -> list[Section]:
    """Return the parts of a report in order; what does not apply is not among them."""
    return [
        *_what_was_run(report),
        *_figures(report),
        *_questions(report),
        *_comparisons(report),
        *_corpora(report),
        *_transcripts(report),
        *_categories(report),
        *_dimensions(report),
        *_for_whom(report),
        *_provenance(report),
    ]


def _what_was_run(report: Report) -> list[Section]:
    facts, recipe = report.facts, report.facts.recipe
    if not recipe:
        return []
    model = ", ".join(f"{key} {value}" for key, value in recipe.get("model", {}).items())
    rows = [
        ["recipe", f"{recipe['name']}: {recipe.get('description', '')}".rstrip(": ")],
        *([["digest", facts.digest]] if facts.digest else []),
        ["network", model],
        ["inputs", ", ".join(name for name in ("acoustic", "linguistic") if name in recipe)],
        ["folds", ", ".join(facts.folds)],
        ["seeds", ", ".join(map(str, facts.seeds))],
        *([["grid", facts.grid]] if facts.grid else []),
        *([f"not asked: {name}", reason] for name, reason in facts.left_out.items()),
    ]
    corpora = [
        [
            one["corpus"],
            str(one["utterances"]),
            tables.MISSING if one["speakers"] is None else str(one["speakers"]),
            one["licence"],
        ]
        for one in facts.corpora
    ]
    head = ["corpus", "utterances", "speakers", "licence"]
    note = "" if facts.digest else "Of this run only the numbers of one training part are known."
    return [
        Section("What was run", table=Table(["what", "value"], [row for row in rows if row[1]])),
        Section("Corpora", note, Table(head, corpora)),
    ]


def _figures(report: Report) -> list[Section]:
    own = {name: one for name, one in report.scores.items() if "@" not in name}
    found = [Section("Figures", NOTE, tables.score_cells(own, of="system"))]
    if report.facts.published:
        note = (
            "Published figures come from other splits, features and machines: they are read beside ours, not tested "
            "against them."
        )
        ours = report.scores[report.reference]
        cells = tables.published_cells(ours, report.reference, report.facts.published)
        found.append(Section("Beside published figures", note, cells))
    for name, means in report.means.items():
        if len(set(report.parts[name].folds.tolist())) > 1:
            note = "All utterances together, and the mean of the folds' own figures; intervals are over speakers."
            found.append(
                Section(f"{name}: pooled and by folds", note, tables.fold_mean_cells(report.scores[name], means))
            )
    return found


def _questions(report: Report) -> list[Section]:
    found = []
    for asked in report.facts.questions:
        members = {name: variant for name, variant in asked.members.items() if variant in report.scores}
        if len(members) < 2:
            continue
        figures = {
            name: {metric: one.pooled for metric, one in report.scores[variant].metrics.items()}
            for name, variant in members.items()
        }
        told = {
            metric: heading(metric)
            for metric in report.scores[report.reference].metrics
            if metric in PLOTTED or metric.startswith(CONCORDANCE)
        }
        sure = {
            name: {test.metric for test in report.tests.get(variant, ()) if test.significant}
            for name, variant in members.items()
        }
        own = {name: report.scores[variant] for name, variant in members.items()}
        table = tables.score_cells(own, "system", list(told))
        drawing = [charts.systems(figures, told, sure)] if told else []
        found.append(Section(asked.title, QUESTION_NOTE, table, drawing))
    return found


def _comparisons(report: Report) -> list[Section]:
    if not report.tests:
        return []
    title = f"Against {report.reference}, on the same items"
    return [Section(title, TESTS_NOTE, tables.comparison_cells(report.tests, report.reference))]


def _corpora(report: Report) -> list[Section]:
    found = []
    for name, one in report.scores.items():
        if one.corpora:
            found.append(Section(f"{name}: corpora", table=tables.score_cells(one.corpora, of="corpus")))
        if report.four[name]:
            title = f"{name}: angry, happy, neutral and sad alone"
            found.append(Section(title, table=tables.score_cells(report.four[name], of="corpus")))
    return found


def _transcripts(report: Report) -> list[Section]:
    sources = list(dict.fromkeys(name.partition("@")[2] for name in report.scores if "@" in name))
    systems = [name for name in report.scores if any(f"{name}@{source}" in report.scores for source in sources)]
    rows = []
    for system in systems:
        for metric, one in report.scores[system].metrics.items():
            if says_how_right(metric):
                others = [report.scores.get(f"{system}@{source}") for source in sources]
                cells = [
                    tables.MISSING if other is None or metric not in other.metrics
                    else tables.interval(other.metrics[metric].pooled)
                    for other in others
                ]  # fmt: skip
                rows.append([system, heading(metric), tables.interval(one.pooled), *cells])
    note = "The same trained systems on the same utterances, reading the corpus's transcript and others."
    table = Table(["system", "metric", "the corpus's", *sources], rows)
    return [Section("Transcripts", note, table)] if rows else []


def _categories(report: Report) -> list[Section]:
    name, own = report.reference, report.scores[report.reference]
    predictions = report.parts[name]
    found = []
    if own.categories and own.confusion.sum():
        found.append(Section(f"{name}: confusion", "", tables.confusion_cells(own), [charts.confusion(own)]))
    if confidence := tables.confidence_cells(own.corpora or {"all": own}, of="corpus"):
        labelled = predictions.truth.any() and len(charts.calibration_bins(predictions)) > 1
        note = "Promises: an answer of probability p is right with chance p; a 90 % set or interval holds the truth."
        found.append(
            Section(f"{name}: confidence", note, confidence, [charts.calibration(predictions)] if labelled else [])
        )
    return found


def _dimensions(report: Report) -> list[Section]:
    predictions = report.parts[report.reference]
    both = ~np.isnan(predictions.truth_dimensions + predictions.predicted_dimensions)
    rated = [name for column, name in enumerate(predictions.dimensions) if both[:, column].any()]
    found = [charts.rated_plane(predictions)] if {"valence", "arousal"} <= set(rated) and predictions.categories else []
    found += [charts.agreement(predictions, name) for name in rated]
    note = "In the plane a cross is a category's mean rating, a ringed dot its mean prediction; dotted lines join them."
    return [Section(f"{report.reference}: dimensions", note, None, found)] if found else []


def _for_whom(report: Report) -> list[Section]:
    name, scores = report.reference, report.scores[report.reference].metrics
    found = []
    if len(report.speakers) > 1:
        metrics = [
            metric
            for metric in dict.fromkeys(metric for one in report.speakers for metric in one.metrics)
            if (metric in PLOTTED or metric.startswith(CONCORDANCE)) and _known(report.speakers, metric) > 1
        ]
        drawn = [
            charts.speakers(report.speakers, metric, heading(metric), scores[metric].pooled.value) for metric in metrics
        ]
        rows = [_spread(report.speakers, metric) for metric in metrics]
        head = ["metric", "speakers", "lowest", "", "median", "highest", "", "sd"]
        genders = sorted({one.gender for one in report.speakers} - {""})
        kinds = f"; filled: {genders[0]}, hollow: {', '.join(genders[1:])}" if len(genders) > 1 else ""
        note = f"Each dot is a speaker, from lowest to highest{kinds}; the line is the figure of all together."
        found.append(Section(f"{name}: speakers", note, Table(head, rows), drawn))
    if report.genders:
        found.append(Section(f"{name}: genders", table=tables.group_cells(report.genders, "gender")))
        note = "The interval is over speakers: where it holds 0, the gap may be chance."
        found.append(Section(f"{name}: gap between genders", note, tables.gap_cells(report.gaps)))
    return found


def _known(groups: Sequence[Group], metric: str) -> int:
    return sum(metric in one.metrics and not math.isnan(one.metrics[metric].value) for one in groups)


def _spread(groups: Sequence[Group], metric: str) -> list[str]:
    values = sorted(
        (one.metrics[metric].value, one.name)
        for one in groups
        if metric in one.metrics and not math.isnan(one.metrics[metric].value)
    )
    figures = np.array([value for value, _ in values])
    low, high = values[0], values[-1]
    told = [tables.number(low[0]), low[1], tables.number(float(np.median(figures))), tables.number(high[0]), high[1]]
    return [heading(metric), str(len(values)), *told, tables.number(float(figures.std(ddof=1)))]


def _provenance(report: Report) -> list[Section]:
    facts, own = report.facts, report.scores[report.reference]
    found = []
    if any(len(metric.folds.values) > 1 for metric in own.metrics.values()):
        found.append(Section(f"{report.reference}: folds", table=tables.fold_cells(own)))
    for audit in facts.split.audits if facts.split else ():
        found.append(Section(f"Split of {audit.corpus}", split_note(audit), lines=split_lines(audit)))
    rows = [
        [name, figure, str(count), digest]
        for name, part in report.parts.items()
        for figure, (count, digest) in digests(part).items()
        if count
    ]
    note = "The lists are in utterances.csv; equal digests are equal lists."
    found.append(
        Section("Utterances behind the figures", note, Table(["system", "figures of", "utterances", "digest"], rows))
    )
    if facts.costs:
        found.append(_costs(facts))
    if facts.versions:
        found.append(
            Section("Versions", table=Table(["what", "version"], [[*pair] for pair in facts.versions.items()]))
        )
    if cited := [one["citation"] for one in facts.corpora if one.get("citation")]:
        found.append(Section("Cite the corpora", lines=cited))
    return found


def _costs(facts: Facts) -> Section:
    rows = []
    for system in dict.fromkeys(name.split("/")[0] for name in facts.costs):
        mine = [cost for name, cost in facts.costs.items() if name.split("/")[0] == system]
        memory = [cost["peak_memory_mb"] for cost in mine if cost["peak_memory_mb"]]
        resumed = sum(cost["resumed"] for cost in mine)
        peak = str(max(memory)) if memory else tables.MISSING
        seconds = f"{sum(cost['seconds'] for cost in mine):.0f}"
        rows.append([system, str(len(mine)), seconds, peak, str(mine[0]["threads"]), str(resumed)])
    note = "Wall-clock time of training and judging, features cached or not; of what was interrupted, its last part."
    head = ["system", "trainings", "seconds", "peak memory, MB", "threads", "interrupted"]
    return Section("Time and memory", note, Table(head, rows))
