from collections.abc import Callable
from pathlib import Path

from emobridge.training.corpora import read_corpus

WriteSound = Callable[[Path], Path]


def test_the_file_name_and_the_ratings_say_everything(tmp_path: Path, write_sound: WriteSound) -> None:
    write_sound(tmp_path / "wav" / "16b10Wb.wav")
    lines = "Satz erkannt natürlich\n\n16b10Wb.wav  97,5  85,00\nno rating here\n"
    (tmp_path / "erkennung.txt").write_text(lines, encoding="latin-1")
    corpus = read_corpus("emodb", tmp_path)
    (utterance,) = corpus.utterances
    assert (utterance.id, utterance.speaker, utterance.label) == ("16b10Wb", "16", "anger")
    assert utterance.text == "Die wird auf dem Platz sein, wo wir sie immer hinlegen."
    assert utterance.attributes == {
        "gender": "female",
        "language": "de",
        "age": "31",
        "sentence_code": "b10",
        "version": "b",
        "recognition_rate": "97.50",
        "naturalness_rate": "85.00",
    }
    assert corpus.language == "de"


def test_emotion_letters_are_the_authors(tmp_path: Path, write_sound: WriteSound) -> None:
    labels = {
        "W": "anger",
        "L": "boredom",
        "E": "disgust",
        "A": "fear",
        "F": "happiness",
        "T": "sadness",
        "N": "neutral",
    }
    for letter in labels:
        write_sound(tmp_path / "wav" / f"03a01{letter}a.wav")
    assert {u.id[5]: u.label for u in read_corpus("emodb", tmp_path).utterances} == labels


def test_other_files_are_left_out_with_a_reason(tmp_path: Path, write_sound: WriteSound) -> None:
    for name in ("03a01Fa", "99a01Fa", "03a99Fa", "03a01Xa"):
        write_sound(tmp_path / "wav" / f"{name}.wav")
    corpus = read_corpus("emodb", tmp_path)
    assert [utterance.id for utterance in corpus.utterances] == ["03a01Fa"]
    assert len(corpus.problems) == 3
    assert corpus.utterances[0].attributes.keys().isdisjoint({"recognition_rate", "naturalness_rate"})
