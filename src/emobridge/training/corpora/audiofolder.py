"""The Hugging Face audiofolder layout: sound files beside a ``metadata`` table, or in one folder per label.

Either may lie below folders that are named after a split (``train``, ``validation``, ``test``). The metadata's columns
are those of a table, with the layout's own names for two: ``file_name`` and ``transcription``.
"""

from collections.abc import Mapping
from pathlib import Path

from emobridge.errors import CorpusError
from emobridge.labels import Scale
from emobridge.training.corpora.base import Corpus
from emobridge.training.corpora.manifests import SPLITS
from emobridge.training.corpora.table import corpus_of_rows, table_rows

METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
SOUND_EXTENSIONS = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".aiff", ".wma", ".webm"})
COLUMN_NAMES = {"file_name": "file", "transcription": "text"}


def read_audiofolder(folder: Path, scales: Mapping[str, Scale] | None = None) -> Corpus:
    """Read a corpus from a folder in the audiofolder layout.

    Args:
        folder: the folder that holds ``metadata.csv`` (or ``.jsonl``, ``.parquet``), the label folders, or the splits.
        scales: dimension -> its scale, for metadata that does not state them.

    Raises:
        CorpusError: the folder has no such layout, its metadata lacks ``file_name``, or nothing is usable.
    """
    if not folder.is_dir():
        raise CorpusError(f"audiofolder '{folder}' is not a folder", "valid: a folder of sound files", "check the path")
    rows = _metadata_rows(folder, folder)
    if not rows:
        below = [folder / name for name in SPLITS if (folder / name).is_dir()] or [folder]
        rows = [row for part in below for row in _metadata_rows(part, folder) or _label_folder_rows(part, folder)]
    if not rows:
        valid = f"expected {', '.join(METADATA)} with file_name, or label/sound.wav, both also below train/ and test/"
        raise CorpusError(f"'{folder}' is not an audiofolder", valid, "see docs/corpora.md")
    return corpus_of_rows(f"audiofolder-{folder.resolve().name}", folder, rows, scales or {}, folder)


def _metadata_rows(part: Path, folder: Path) -> list[dict[str, str]]:
    """Return the rows of a part's metadata table, its paths made relative to ``folder``; none where it has none."""
    for path in (part / name for name in METADATA):
        if path.is_file():
            rows = [
                {COLUMN_NAMES.get(column, column): cell for column, cell in row.items()} for row in table_rows(path)
            ]
            if rows and "file" not in rows[0]:
                valid = f"it has {', '.join(rows[0])}"
                raise CorpusError(f"'{path}' has no column 'file_name'", valid, "name the column of the files so")
            below = part.relative_to(folder)
            return [_placed(row, below / row["file"]) if row["file"] else row for row in rows]
    return []


def _label_folder_rows(part: Path, folder: Path) -> list[dict[str, str]]:
    return [
        _placed({"label": path.parent.name}, path.relative_to(folder))
        for path in sorted(part.glob("*/*"))
        if path.suffix.lower() in SOUND_EXTENSIONS
    ]


def _placed(row: Mapping[str, str], path: Path) -> dict[str, str]:
    """Return the row with its file, and with the split that its top folder names."""
    split = {"split": path.parts[0]} if path.parts[0] in SPLITS else {}
    return {**split, **row, "file": path.as_posix()}
