"""Corpora by name. A reader is imported when its corpus is asked for; adding one is a module and a line here."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import cast

from emobridge.errors import CorpusError, nearest
from emobridge.training.corpora.base import Corpus
from emobridge.utils.extras import load_entry

CORPORA = {
    "iemocap": "emobridge.training.corpora.iemocap:read",
    "msp_podcast": "emobridge.training.corpora.msp_podcast:read",
    "crema_d": "emobridge.training.corpora.crema_d:read",
    "ravdess": "emobridge.training.corpora.ravdess:read",
    "emodb": "emobridge.training.corpora.emodb:read",
    "nemo": "emobridge.training.corpora.nemo:read",
    "emobank": "emobridge.training.corpora.emobank:read",
    "fb_valence_arousal": "emobridge.training.corpora.fb_valence_arousal:read",
    "meld": "emobridge.training.corpora.meld:read",
    "emorynlp": "emobridge.training.corpora.emorynlp:read",
}
# One's own data: the path stands in the name, as in ``table:calls.csv``.
OWN_DATA = {
    "table": "emobridge.training.corpora.table:read_table",
    "audiofolder": "emobridge.training.corpora.audiofolder:read_audiofolder",
}


def read_corpus(name: str, root: str | Path | None = None) -> Corpus:
    """Read a corpus.

    Args:
        name: a key of `CORPORA`, ``table:PATH`` or ``audiofolder:PATH``.
        root: the folder of the corpus, or of a collection that holds it; without it, ``EMOBRIDGE_DATA`` is used.

    Raises:
        CorpusError: the name is unknown, no folder was given, or the folder does not hold the corpus.
    """
    kind, separator, path = name.partition(":")
    if separator and kind in OWN_DATA and path:
        return _reader(OWN_DATA, kind)(Path(path))
    if name not in CORPORA:
        names = (*CORPORA, *(f"{kind}:PATH" for kind in OWN_DATA))
        raise CorpusError(f"corpus '{name}'", f"valid: {', '.join(names)}", nearest(name, names))
    folder = root or os.environ.get("EMOBRIDGE_DATA")
    valid = f"valid: the folder of {name}, or of a collection that holds it"
    remedy = f"give it (emobridge corpus {name} FOLDER; --data FOLDER elsewhere) or set EMOBRIDGE_DATA"
    if not folder:
        raise CorpusError(f"no folder was given for the corpus {name}", valid, remedy)
    if not Path(folder).is_dir():
        raise CorpusError(f"'{folder}' is not a folder", valid, remedy)
    return _reader(CORPORA, name)(Path(folder))


def _reader(registry: dict[str, str], name: str) -> Callable[[Path], Corpus]:
    return cast("Callable[[Path], Corpus]", load_entry(registry, name))
