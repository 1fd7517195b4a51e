"""accuracy.json as pages: accuracy.md, and the section of the README that shows its figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.accuracy.peers import LINEAR, MAJORITY
from benchmarks.accuracy.results import LABEL, LEFT_OUT, VOTES, WITHIN, Figure, Row, rows
from emobridge.training.evaluation.tables import MISSING, heading, markdown_table
from emobridge.utils.files import replacing

BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
PEER, RECIPE, README_RECIPE = "linear model", "recipe", "emobridge"
RECALL = "unweighted_average_recall"
NOTE = (
    "Value [95 % interval, resampled over speakers; over utterances where no speakers are known]. A difference is that "
    "of the recipe minus the linear model on the same utterances and the same resamples. UAR = mean of per-class "
    "recall, WAR = accuracy, CCC = concordance correlation, ECE = expected calibration error. Majority = the shares of "
    "the categories and the mean of each dimension in training. Linear model = of speech 88 eGeMAPS functionals, "
    "standardised, with a linear SVM or support-vector regression; of text TF-IDF of words, punctuation and pairs of "
    "these, with a linear SVM or ridge regression; categories are balanced. Its penalty is chosen on each fold's "
    "validation part (for a corpus left out: by leaving out each training corpus in turn), then it is fitted on "
    "training and validation together. No test speaker takes part in either. Confidence of a recipe within a corpus is "
    "that of its view (`--categories`), fitted on what the folds held out, never on a fold's test "
    "speakers (where an authors' split has the same people in all parts: on its own validation part). The test parts "
    "of meld and emorynlp are small for a calibration error; over many more of their sentences: "
    "[episodes](episodes.md)."
)
README_ROWS = {
    (WITHIN, "ravdess", RECALL, LABEL): "8 acted emotions of new speakers (RAVDESS, English)",
    (LEFT_OUT, "ravdess", RECALL, LABEL): "4 emotions, a corpus that was never trained on (RAVDESS)",
    (WITHIN, "crema_d", RECALL, VOTES): "6 emotions of new speakers, as raters voted (CREMA-D, happy and sad clips)",
    (WITHIN, "meld", "weighted_f1", LABEL): "7 emotions in the text of dialogues (MELD)",
    (WITHIN, "emobank", "concordance_cc_valence", LABEL): "valence of written sentences (EmoBank)",
}
PROTOCOLS = {
    WITHIN: "Speaker-disjoint folds of each corpus (text: the authors' split, or folds of posts)",
    LEFT_OUT: "A corpus left out: trained on the other speech corpora, tested on all of this one",
}


def page(results: Mapping[str, Any]) -> str:
    """Return accuracy.md."""
    recipes = ", ".join(results["recipes"]) or "none"
    sections = [
        "# Accuracy",
        f"Made by `python -m benchmarks.accuracy.systems` from emobridge {results['emobridge']}. Recipes: {recipes}. "
        f"{results['resamples']} resamples.",
        NOTE,
        "![Accuracy of each corpus](accuracy.svg)",
    ]
    for protocol, title in PROTOCOLS.items():
        if found := rows(results, protocol):
            sections += [f"## {title}", summary_table(found, len(results["recipes"]) > 1), mean_sentences(found)]
    sections += [f"## {_title(entry)}\n\n{_counted(entry)}\n\n{_details(entry)}" for entry in results["entries"]]
    return "\n\n".join(filter(None, sections)) + "\n"


def readme_section(results: Mapping[str, Any], shown: Mapping[tuple[str, str, str, str], str] = README_ROWS) -> str:
    """Return what stands between the marks in the README: the rows of ``shown``, in words that need no glossary."""
    found = {
        (protocol, row.entry["corpus"], row.metric, row.entry["truth"]): row
        for protocol in (WITHIN, LEFT_OUT)
        for row in rows(results, protocol)
    }
    chosen = [(words, found[key]) for key, words in shown.items() if key in found]
    table = [
        [words, heading(row.metric), cell(row.majority).split()[0], *_against_linear(row)] for words, row in chosen
    ]
    return markdown_table(["task", "measure", "guessing", PEER, README_RECIPE], table)


def write_readme(path: Path, results: Mapping[str, Any]) -> None:
    """Put the section between the marks of a README."""
    text = path.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    with replacing(path) as partial:
        partial.write_text(f"{before}{BEGIN}\n{readme_section(results)}\n{END}{after}", encoding="utf-8")


def shown_in(path: Path) -> str:
    """Return what stands between the marks of a README."""
    return path.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0].strip()


def summary_table(found: Sequence[Row], several: bool = False) -> str:
    """Return one row a corpus and measure; with ``several`` recipes, each row says which one it is of."""
    table = [
        [
            _named(row),
            heading(row.metric),
            truth_of(row),
            cell(row.majority),
            *_against_linear(row, several),
            cell(row.difference(LINEAR[row.entry["modality"]]), sign="+"),
        ]
        for row in found
    ]
    return markdown_table(["corpus", "measure", "truth", "majority", PEER, RECIPE, "difference"], table)


def mean_sentences(found: Sequence[Row]) -> str:
    """Return the mean recall over speech corpora: by the authors' labels, and by raters where they voted.

    A mean needs two corpora; empty without any.
    """
    judged = [row for row in found if row.metric == "unweighted_average_recall"]
    labels, votes = (
        {row.entry["corpus"]: row for row in judged if row.entry["truth"] == truth} for truth in (LABEL, VOTES)
    )
    means = {"by the authors' labels": labels}
    if votes:
        means[f"by the majority of the raters on {', '.join(votes)}, by the authors' labels elsewhere"] = labels | votes
    return " ".join(f"Mean UAR of {', '.join(by)}, {how}: {_means(by)}." for how, by in means.items() if len(by) > 1)


def _means(judged: Mapping[str, Row]) -> str:
    """Return the mean of the linear model and of the recipe, whichever has a figure for every corpus."""
    names = {
        PEER: [row.linear for row in judged.values()],
        RECIPE: [row.figure(row.recipe) for row in judged.values()],
    }
    means = {
        name: sum(figure.value or 0.0 for figure in figures if figure) / len(judged)
        for name, figures in names.items()
        if all(figures)
    }
    return ", ".join(f"{name} {mean:.3f}" for name, mean in means.items())


def cell(figure: Figure | None, sign: str = "") -> str:
    """Return ``value [low, high]``; a dash where there is no value."""
    if figure is None or figure.value is None:
        return MISSING
    if figure.low is None or figure.high is None:
        return _number(figure.value, sign)
    return f"{_number(figure.value, sign)} [{_number(figure.low, sign)}, {_number(figure.high, sign)}]"


def _number(value: float, sign: str) -> str:
    return f"{round(value, 3) + 0.0:{sign}.3f}"  # 0.0 is added so that nothing is shown as -0.000


def count(row: Row) -> str:
    """Return how many categories or which scale the measure is over."""
    return "rated" if row.is_dimension else f"{len(row.entry['categories'])} categories"


def truth_of(row: Row) -> str:
    """Return what is held to be true."""
    if row.is_dimension:
        return "ratings"
    return "majority of the raters" if row.entry["truth"] == VOTES else "the authors' label"


def _named(row: Row) -> str:
    return f"{row.entry['corpus']} ({count(row)})"


def _against_linear(row: Row, several: bool = False) -> list[str]:
    recipe = cell(row.figure(row.recipe)) + (f" {row.recipe}" if several and row.recipe else "")
    return [cell(row.linear), recipe]


def _title(entry: Mapping[str, Any]) -> str:
    left = ", left out" if entry["protocol"] == LEFT_OUT else ""
    truth = ", votes" if entry["truth"] == VOTES else ", labels" if left else ""
    labels = f"{entry['labels']}{truth}" if entry["categories"] else "ratings"
    return f"{entry['corpus']}{left}: {labels}"


def _counted(entry: Mapping[str, Any]) -> str:
    speakers = f" of {entry['speakers']} speakers" if entry["speakers"] else ""
    folds = f"{len(entry['folds'])} folds" if len(entry["folds"]) > 1 else "one fold"
    named = f"; {', '.join(entry['categories'])}" if entry["categories"] else ""
    return f"{entry['utterances']} utterances{speakers}, {folds}{named}."


def _details(entry: Mapping[str, Any]) -> str:
    systems = entry["systems"]
    table = []
    for metric in dict.fromkeys(name for one in systems.values() for name in one):
        cells = [cell(Figure(**one[metric]) if metric in one else None) for one in systems.values()]
        if set(cells) != {MISSING}:  # no truth holds a category that only other corpora have
            table.append([heading(metric), *cells])
    parts = [markdown_table(["measure", *systems], table)]
    parts += [_paired(recipe, references) for recipe, references in entry["differences"].items()]
    return "\n\n".join(parts)


def _paired(recipe: str, references: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a recipe against each reference: difference, its interval, and how sure its sign is."""
    table = []
    for reference, metrics in references.items():
        for metric, stored in metrics.items():
            figure = Figure(**stored)
            if reference != MAJORITY and not metric.startswith("recall_") and figure.share_not_positive is not None:
                table.append([reference, heading(metric), cell(figure, sign="+"), f"{figure.share_not_positive:.3f}"])
    return markdown_table([f"{recipe} minus", "measure", "difference", "share ≤ 0"], table)
