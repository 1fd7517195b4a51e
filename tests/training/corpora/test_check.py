from emobridge.labels import Scale
from emobridge.training.corpora.base import Corpus, Utterance
from emobridge.training.corpora.check import check_corpus


def test_every_utterance_is_counted_once_in_each_field() -> None:
    utterances = (
        Utterance("a", "toy", "1", None, "x", "sad", split="train", duration_s=1800, attributes={"gender": "male"}),
        Utterance("b", "toy", "1", text="y", label="sad", dimensions={"valence": 0.5}, duration_s=900),
        Utterance("c", "toy", text="z", votes={"happy": 1}),
    )
    corpus = Corpus("toy", utterances, ("happy", "sad"), {"valence": Scale(0, 1)}, "en", "", "", "", ("d: torn",))
    report = check_corpus(corpus)
    assert report.labels == {"happy": 0, "sad": 2}
    assert (report.speakers, report.splits, report.genders) == ({"1": 2}, {"train": 1}, {"male": 1})
    assert (report.dimensions, report.hours) == ({"valence": 1}, 0.75)
    assert report.missing == {"speaker": 1, "audio": 3, "label": 1, "votes": 2, "split": 2, "dialogue": 3, "length": 1}
    assert report.problems == ("d: torn",)
