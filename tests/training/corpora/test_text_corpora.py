from collections.abc import Callable
from pathlib import Path

import pytest

from emobridge.errors import CorpusError
from emobridge.labels import Scale
from emobridge.training.corpora import read_corpus

WriteTable = Callable[..., Path]
MELD = ["Sr No.", "Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID", "Season", "Episode",
        "StartTime", "EndTime"]  # fmt: skip
EMORYNLP = [
    "Utterance",
    "Speaker",
    "Emotion",
    "Scene_ID",
    "Utterance_ID",
    "Season",
    "Episode",
    "Start_Time",
    "End_Time",
]
COLLECTION = ["text", "emotion", "emotion_4", "valence", "arousal", "dominance", "split", "speaker", "dialogue_id"]


@pytest.fixture
def emobank(tmp_path: Path, write_table: WriteTable) -> Path:
    folder = tmp_path / "corpus"
    rows = [
        ["110CYL068_1036_1079", "train", 3.0, 3.1, 3.2, 'He said "yes".'],
        ["SemEval_12", "dev", 1.2, 5.0, 2.0, "Storm hits the coast"],
        ["blog_a_1_2", "test", 3.0, 5.5, 3.0, "Out of scale"],
    ]
    write_table(folder / "emobank.csv", [["id", "split", "V", "A", "D", "text"], *rows])
    ratings = [["id", "V", "A", "D", "stdV", "stdA", "stdD", "N"], ["110CYL068_1036_1079", 3, 2.8, 3.4, 0, 1, 0, 5]]
    write_table(folder / "writer.csv", ratings)
    meta = [["id", "document", "category", "subcategory"], ["110CYL068_1036_1079", "110CYL068", "letters", " "]]
    write_table(folder / "meta.tsv", meta, delimiter="\t")
    return tmp_path


def test_emobank_keeps_its_scale_split_and_documents(emobank: Path) -> None:
    corpus = read_corpus("emobank", emobank)
    sentence, headline = corpus.utterances
    assert sentence.dimensions == {"valence": 3.0, "arousal": 3.1, "dominance": 3.2}
    assert corpus.scales["dominance"] == Scale(1, 5)
    assert (sentence.split, sentence.dialogue, sentence.text) == ("train", "110CYL068", 'He said "yes".')
    assert sentence.attributes == {
        "writer_valence": "3",
        "writer_arousal": "2.8",
        "writer_dominance": "3.4",
        "category": "letters",
    }
    assert (headline.split, headline.dialogue) == ("validation", None)
    assert corpus.problems == ("blog_a_1_2: arousal 5.5 is outside its scale 1.0..5.0",)


def test_emobank_has_the_same_ids_in_a_collection(emobank: Path, write_table: WriteTable) -> None:
    row = ['He said "yes".', "", "", "3.0", "3.1", "3.2", "train", "", "110CYL068", "110CYL068_1036_1079", "letters"]
    write_table(emobank / "all" / "text" / "emobank.csv", [[*COLLECTION, "id", "category"], row])
    (collected,) = read_corpus("emobank", emobank / "all").utterances
    own = read_corpus("emobank", emobank).utterances[0]
    assert (collected.id, collected.dimensions, collected.split) == (own.id, own.dimensions, own.split)
    assert (collected.dialogue, collected.attributes) == (own.dialogue, {"category": "letters"})


def test_facebook_posts_are_the_mean_of_two_raters(tmp_path: Path, write_table: WriteTable) -> None:
    header = ["Anonymized Message", "Valence1", "Valence2", "Arousal1", "Arousal2"]
    rows = [["so happy!", 8, 9, 7, 8], ["", 6, 6, 3, 1], ["tired, again", 3, 3, "", 2]]
    write_table(tmp_path / "valence_arousal" / "dataset-fb-valence-arousal-anon.csv", [header, *rows])
    corpus = read_corpus("fb_valence_arousal", tmp_path)
    assert [(u.id, u.dimensions) for u in corpus.utterances] == [
        ("post_0001", {"valence": 8.5, "arousal": 7.5}),
        ("post_0003", {"valence": 3.0}),
    ]
    assert corpus.problems == ("post_0002: the text is empty",)
    assert corpus.utterances[0].attributes["arousal_2"] == "8"
    collected = [["so happy!", "", "", "8.5", "7.5", "", "", "", ""]]
    write_table(tmp_path / "all" / "text" / "fb_valence_arousal.csv", [COLLECTION, *collected])
    (same,) = read_corpus("fb_valence_arousal", tmp_path / "all").utterances
    assert (same.id, same.dimensions) == ("post_0001", {"valence": 8.5, "arousal": 7.5})


def meld_tables(folder: Path, write_table: WriteTable) -> None:
    for part, (text, label) in {
        "train": ("It\x92s great", "joy"),
        "dev": ("What?", "surprise"),
        "test": ("Fine.", "rage"),
    }.items():
        row = [1, text, "Joey", label, "positive", 0, 3, 8, 21, "00:16:16,059", "00:16:21,731"]
        write_table(folder / f"{part}_sent_emo.csv", [MELD, row])


def test_meld_ids_say_split_dialogue_and_utterance(tmp_path: Path, write_table: WriteTable) -> None:
    meld_tables(tmp_path / "data" / "MELD", write_table)
    corpus = read_corpus("meld", tmp_path)
    dev, train = corpus.utterances
    assert (dev.id, dev.split, dev.dialogue, dev.label) == ("dev_0_3", "validation", "dev_0", "surprise")
    assert (train.id, train.text, train.speaker) == ("train_0_3", "It’s great", "Joey")
    assert "test_0_3: label 'rage' is not one of" in corpus.problems[0]
    row = ["It’s great", "joy", "happy", "", "", "", "train", "Joey", "train_0", "3", "positive", "8", "21",
           "00:16:16,059", "00:16:21,731"]  # fmt: skip
    own = ["utterance_id", "sentiment", "season", "episode", "start_time", "end_time"]
    write_table(tmp_path / "all" / "text" / "meld.csv", [[*COLLECTION, *own], row])
    assert read_corpus("meld", tmp_path / "all").utterances == (train,)


def test_meld_has_the_sound_of_every_clip_that_lies_beside_its_tables(
    tmp_path: Path, write_table: WriteTable, write_sound: Callable[[Path], Path]
) -> None:
    for part, clips in (
        ("train", "train_splits"),
        ("dev", "dev_splits_complete"),
        ("test", "output_repeated_splits_test"),
    ):
        rows = [[1, "Words.", "Joey", "joy", "positive", 0, place, 8, 21, "0", "1"] for place in range(2)]
        folder = tmp_path / part if part == "train" else tmp_path
        write_table(folder / f"{part}_sent_emo.csv", [MELD, *rows])
        write_sound(tmp_path / part / clips / "dia0_utt0.wav")
    write_sound(tmp_path / "train" / "train_splits" / "dia0_utt1.flac")
    (tmp_path / "dev" / "dev_splits_complete" / "dia0_utt1.mp4").touch()
    corpus = read_corpus("meld", tmp_path)
    assert {u.id: u.audio and u.audio.relative_to(tmp_path).as_posix() for u in corpus.utterances} == {
        "dev_0_0": "dev/dev_splits_complete/dia0_utt0.wav",
        "dev_0_1": None,
        "test_0_0": "test/output_repeated_splits_test/dia0_utt0.wav",
        "test_0_1": None,
        "train_0_0": "train/train_splits/dia0_utt0.wav",
        "train_0_1": "train/train_splits/dia0_utt1.flac",
    }
    assert [problem.partition(":")[0] for problem in corpus.problems] == ["dev_0_1", "test_0_1"]
    assert all(utterance.text == "Words." for utterance in corpus.utterances)
    assert [(count.known, count.found) for count in corpus.known_counts] == [(9989, 2), (1109, 2), (2610, 2)]


def test_a_clip_that_is_broken_in_the_release_is_not_used(
    tmp_path: Path, write_table: WriteTable, write_sound: Callable[[Path], Path]
) -> None:
    for part in ("train", "dev", "test"):
        write_table(tmp_path / f"{part}_sent_emo.csv", [MELD, [1, "Hm.", "Joey", "joy", "", 125, 3, 8, 21, "0", "1"]])
    write_sound(tmp_path / "train_splits" / "dia125_utt3.wav")
    assert all(utterance.audio is None for utterance in read_corpus("meld", tmp_path).utterances)


def test_meld_needs_all_three_parts(tmp_path: Path, write_table: WriteTable) -> None:
    meld_tables(tmp_path, write_table)
    (tmp_path / "dev_sent_emo.csv").unlink()
    with pytest.raises(CorpusError, match="does not hold the corpus meld"):
        read_corpus("meld", tmp_path)


def test_emorynlp_speakers_are_a_list_of_quoted_names(tmp_path: Path, write_table: WriteTable) -> None:
    speakers = {"train": "['Monica Geller', 'Phoebe Buffay']", "dev": '["Ross\' mother"]', "test": "[]"}
    for place, (part, speaker) in enumerate(speakers.items(), start=1):
        row = ["Oh!", speaker, "Joyful", 2, place, 1, 15, "00:00:03.795", "00:00:05.004"]
        write_table(tmp_path / f"emorynlp_{part}_final.csv", [EMORYNLP, row])
    corpus = read_corpus("emorynlp", tmp_path)
    assert [(u.id, u.speaker) for u in corpus.utterances] == [
        ("s01e15_2_1", "Monica Geller, Phoebe Buffay"),
        ("s01e15_2_2", "Ross' mother"),
        ("s01e15_2_3", None),
    ]
    assert {u.label for u in corpus.utterances} == {"joyful"}
    row = ["Oh!", "joyful", "happy", "", "", "", "dev", "Ross' mother", "s01e15_2", "2", "1", "15"]
    header = [*COLLECTION, "utterance_id", "season", "episode"]
    write_table(tmp_path / "all" / "text" / "emorynlp.csv", [header, row])
    assert read_corpus("emorynlp", tmp_path / "all").utterances == (corpus.utterances[1],)
