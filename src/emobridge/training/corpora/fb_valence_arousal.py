"""Facebook posts rated for valence and arousal on 1..9 by two raters; the value is their mean.

The posts carry no id and no author: the id is the post's place in the file.
"""

from collections.abc import Iterator
from pathlib import Path

from emobridge.labels import Scale
from emobridge.training.corpora.base import Corpus, Utterance
from emobridge.training.corpora.manifests import (
    CorpusFacts,
    Entry,
    assemble,
    collection_rows,
    neither_layout,
    number,
    read_rows,
    text_utterance,
)

TABLE = "dataset-fb-valence-arousal-anon.csv"
FACTS = CorpusFacts(
    name="fb_valence_arousal",
    labels=(),
    scales={"valence": Scale(1.0, 9.0), "arousal": Scale(1.0, 9.0)},
    language="en",
    licence="GPL v3 (of the repository)",
    citation="D. Preotiuc-Pietro, H. A. Schwartz, G. Park, J. Eichstaedt, M. Kern, L. Ungar, E. Shulman, Modelling "
    "Valence and Arousal in Facebook Posts, WASSA 2016",
    source="https://github.com/wwbp/additional_data_sets",
    original_layout=f"{TABLE} (or valence_arousal/{TABLE})",
)


def read(root: Path) -> Corpus:
    """Read the posts from a collection, from a checkout of their repository, or from the folder of their table."""
    rows = collection_rows(root, FACTS.name)
    if rows is not None:
        entries = (text_utterance(_identity(place), row, FACTS) for place, row in enumerate(rows, start=1))
        return assemble(FACTS, entries)
    for path in (root / TABLE, root / "valence_arousal" / TABLE):
        if path.is_file():
            return assemble(FACTS, _original(path))
    raise neither_layout(root, FACTS)


def _identity(place: int) -> str:
    return f"post_{place:04d}"


def _original(path: Path) -> Iterator[Entry]:
    columns = ("Anonymized Message", "Valence1", "Valence2", "Arousal1", "Arousal2")
    for place, row in enumerate(read_rows(path, columns), start=1):
        ratings = {name: (row[f"{name.title()}1"], row[f"{name.title()}2"]) for name in FACTS.scales}
        values = {name: [number(cell) for cell in cells] for name, cells in ratings.items()}
        yield Utterance(
            id=_identity(place),
            corpus=FACTS.name,
            text=row["Anonymized Message"] or None,
            dimensions={
                name: (first + second) / 2
                for name, (first, second) in values.items()
                if first is not None and second is not None
            },
            attributes={
                f"{name}_{rater}": cell for name, cells in ratings.items() for rater, cell in enumerate(cells, start=1)
            },
        )
