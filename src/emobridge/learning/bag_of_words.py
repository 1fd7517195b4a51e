"""A bag of words as one more teacher: it hears no order and no context, and errs elsewhere than a network does.

Fine-tuned on a few thousand utterances, a network is surer of them than of new ones; a bag of words that never saw the
utterance it speaks of (cross-fitting) says how much the words alone tell.
"""

import numpy as np
from numpy.typing import NDArray

from emobridge.learning.features import Examples
from emobridge.registry import load_extra

GROUPS = 5  # dialogues are dealt out to so many; each is judged by what learned from the others
WORD = r"(?u)\b\w[\w']*\b|[!?.,]+"  # a word with its apostrophes, or marks that stand together


def bag_of_words_says(examples: Examples, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return (R, C) probabilities of the categories of ``rows``, from models that did not learn from their dialogues.

    A logistic regression over TF-IDF of words, pairs of words and character 2- to 5-grams, for each corpus one. A row
    without a text or a category, or of a corpus whose texts all lie in one dialogue, is all zero.

    Args:
        examples: of the recipe.
        rows: that are trained on.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    said = np.zeros((len(rows), len(examples.categories)), np.float32)
    usable = examples.presence[rows, 1] & (examples.targets[rows].sum(axis=1) > 0)
    for corpus in np.unique(examples.corpora[rows[usable]]):
        mine = np.flatnonzero(usable & (examples.corpora[rows] == corpus))
        texts = np.array([_plain(examples.utterances[row].text or "") for row in rows[mine]], object)
        truth = examples.targets[rows[mine]].argmax(axis=1)
        group = _groups([examples.utterances[row].dialogue or examples.utterances[row].id for row in rows[mine]])
        for number in np.unique(group):
            learned, judged = group != number, group == number
            if len(np.unique(truth[learned])) > 1:
                found, categories = _fit_and_judge(texts[learned], truth[learned], texts[judged])
                said[np.ix_(mine[judged], categories)] = found
    return said


def _plain(text: str) -> str:
    """Return a text whose apostrophes are all written alike."""
    return text.replace("’", "'").replace("‘", "'")


def _groups(dialogues: list[str]) -> NDArray[np.int64]:
    """Return the group of each dialogue, dealt out in the order in which they come."""
    numbers = {dialogue: number % GROUPS for number, dialogue in enumerate(dict.fromkeys(dialogues))}
    return np.array([numbers[dialogue] for dialogue in dialogues], np.int64)


def _fit_and_judge(
    learned: NDArray[np.object_], truth: NDArray[np.int64], judged: NDArray[np.object_]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return (N, K) probabilities of ``judged`` texts, and the K categories among ``truth`` that they belong to."""
    text, linear = (load_extra(f"sklearn.{name}", "train") for name in ("feature_extraction.text", "linear_model"))
    pipeline = load_extra("sklearn.pipeline", "train")
    model = pipeline.make_pipeline(
        pipeline.make_union(
            text.TfidfVectorizer(ngram_range=(1, 2), token_pattern=WORD, sublinear_tf=True, min_df=2),
            text.TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=3),
        ),
        linear.LogisticRegression(max_iter=300),
    )
    model.fit(learned, truth)
    return model.predict_proba(judged).astype(np.float32), model.classes_
