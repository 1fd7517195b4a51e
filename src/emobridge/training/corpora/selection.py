"""A part of a corpus: the utterances with some labels, of some speakers, or with some attributes.

What is not selected does not exist for anything that comes after: it is neither trained on nor tested on.
"""

import dataclasses
from collections.abc import Callable, Sequence

from emobridge.errors import CorpusError, nearest
from emobridge.training.corpora.base import Corpus, Utterance

FIELDS = ("label", "speaker", "split", "dialogue")
_FORM = "such as label=angry,sad or situation=improvised"


def select(corpus: Corpus, conditions: Sequence[str]) -> Corpus:
    """Return the corpus with the utterances that meet every condition.

    Args:
        corpus: any corpus.
        conditions: ``key=value,value``: the key, one of `FIELDS` or an attribute, has one of the values; none: all of
            the corpus.

    Raises:
        CorpusError: a condition of another form, a key or value that no utterance has, or nothing is left.
    """
    kept = corpus.utterances
    for condition in conditions:
        key, separator, listed = condition.partition("=")
        values = {value.strip() for value in listed.split(",") if value.strip()}
        if not separator or not values:
            raise CorpusError(f"only '{condition}'", "valid: key=value,value", _FORM)
        read = _reader(corpus, key.strip())
        _check_values(corpus, key.strip(), values, read)
        kept = tuple(utterance for utterance in kept if read(utterance) in values)
    if not conditions:
        return corpus
    if not kept:
        given = f"no utterance of {corpus.name} meets only {' and '.join(repr(condition) for condition in conditions)}"
        raise CorpusError(given, "an utterance must meet every condition", "drop one")
    return dataclasses.replace(corpus, utterances=kept, whole=corpus.whole or len(corpus.utterances))


def _reader(corpus: Corpus, key: str) -> Callable[[Utterance], str | None]:
    if key in FIELDS:
        return lambda utterance: getattr(utterance, key)
    attributes = sorted({name for utterance in corpus.utterances for name in utterance.attributes})
    if key not in attributes:
        valid = f"{corpus.name} has {', '.join((*FIELDS, *attributes))}"
        raise CorpusError(f"only '{key}='", valid, nearest(key, (*FIELDS, *attributes)) or _FORM)
    return lambda utterance: utterance.attributes.get(key)


def _check_values(corpus: Corpus, key: str, values: set[str], read: Callable[[Utterance], str | None]) -> None:
    found = {read(utterance) for utterance in corpus.utterances} - {None}
    valid = list(corpus.labels) if key == "label" else sorted(value for value in found if value is not None)
    for value in sorted(values):
        if value not in valid:
            shown = ", ".join(valid[:20]) + (", ..." if len(valid) > 20 else "")
            given = f"only '{key}={value}'"
            raise CorpusError(given, f"{key} in {corpus.name} is {shown or 'never given'}", nearest(value, valid))
