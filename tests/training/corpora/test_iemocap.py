"""Laws of the IEMOCAP reader: what a release says is read as it stands, and what cannot be read is told, file by file.

All content is invented; only the layout is the release's.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emobridge.errors import CorpusError
from emobridge.labels import CATEGORY_SETS, label_map
from emobridge.training.corpora import read_corpus
from emobridge.training.corpora.base import Corpus
from emobridge.training.corpora.iemocap import FACTS, FOUR, KNOWN_LABELS, KNOWN_SPEAKERS, KNOWN_UTTERANCES, RATED_AS
from emobridge.training.corpora.selection import select

LABELS = "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"
WORDS = "Session1/dialog/transcriptions/Ses01F_impro01.txt"
SOUND = "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav"


@pytest.fixture
def release(iemocap: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(iemocap, tmp_path / "release"))


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as stream:
        stream.write(text)


def turn(corpus: Corpus, identity: str) -> Any:
    return next(utterance for utterance in corpus.utterances if utterance.id == identity)


def test_a_turn_has_all_that_the_release_says_of_it(iemocap: Path) -> None:
    corpus = read_corpus("iemocap", iemocap)
    assert (len(corpus.utterances), corpus.problems) == (40, ())
    man = turn(corpus, "Ses01F_script01_1_M001")
    assert man.speaker == "Ses01M"
    assert man.dialogue == "Ses01F_script01_1"
    assert man.audio == iemocap / "Session1/sentences/wav/Ses01F_script01_1/Ses01F_script01_1_M001.wav"
    assert man.text == turn(corpus, "Ses04F_script01_1_M001").text != turn(corpus, "Ses01F_impro01_M001").text
    assert man.dimensions == {"valence": 3.0, "arousal": 4.0, "dominance": 2.5}
    assert man.votes == {"neu": 1.0, "sad": 1.0}  # outsiders alone: the actors' own lines are kept, not counted
    assert man.duration_s == 0.5
    assert man.attributes == {
        "gender": "male", "language": "en", "session": "1", "partner": "Ses01F", "situation": "scripted",
        "scene": "script01_1", "start_s": "7.2500", "end_s": "7.7500", "C-E1": "Neutral; ()", "C-E2": "Sadness; ()",
        "C-F1": "Anger; Fear; ()", "A-E1": "val 2; act 3; dom 4; (calm)",
    }  # fmt: skip


numbers = st.floats(1, 5).map(lambda value: round(value, 4))
turns = st.lists(
    st.tuples(
        st.integers(1, 5),
        st.sampled_from(["impro01", "impro05a", "script02_1", "script01_1b"]),
        st.sampled_from("FM"),
        st.sampled_from("FM"),
        st.integers(0, 40),
        st.sampled_from([*FACTS.labels, "xxx"]),
        st.tuples(numbers, numbers, numbers),
        st.text(st.characters(codec="latin-1", exclude_categories=("C", "Z")), min_size=1, max_size=8),
        st.lists(st.sampled_from([word.capitalize() for word in RATED_AS]), min_size=1, max_size=4).map(tuple),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda each: each[:5],
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=turns)
def test_whatever_stands_in_a_release_is_read_back(
    drawn: list[Any], write_iemocap: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = {
        f"Ses{session:02d}{marked}_{scene}_{role}{place:03d}": rest
        for session, scene, marked, role, place, *rest in drawn
    }
    given_turns = [
        SimpleNamespace(name=name, label=label, values=values, text=text, votes=votes)
        for name, (label, values, text, votes) in made.items()
    ]
    corpus = read_corpus("iemocap", write_iemocap(tmp_path_factory.mktemp("drawn"), given_turns))
    assert {utterance.id for utterance in corpus.utterances} == made.keys()
    for utterance in corpus.utterances:
        label, values, text, votes = made[utterance.id]
        role = utterance.id.rpartition("_")[2][0]
        assert utterance.label == (None if label == "xxx" else label)
        assert tuple(utterance.dimensions.values()) == values
        assert utterance.text == text
        assert sum(utterance.votes.values()) == len(votes)
        assert utterance.votes.keys() == {RATED_AS[word.casefold()] for word in votes}
        assert utterance.speaker == utterance.id[:5] + role
        assert utterance.attributes["partner"] == utterance.id[:5] + "FM".replace(role, "")


@pytest.mark.parametrize(
    ("categories", "codes"),
    [
        ("four", {"ang", "hap", "exc", "sad", "neu"}),
        ("five", {"ang", "hap", "exc", "sad", "neu", "fru"}),
        ("six", {"ang", "hap", "exc", "sad", "neu", "fru"}),
    ],
)
def test_sets_of_four_five_and_six_keep_the_same_turns_as_in_the_literature(categories: str, codes: set[str]) -> None:
    table = label_map("iemocap", categories)
    assert {raw for raw, category in table.forward.items() if category} == codes
    assert table.allowed.all()
    merged = {} if categories == "six" else {"happy": ("hap", "exc")}
    assert table.merged == merged
    assert sum(KNOWN_LABELS[code] for code in codes) == {"four": 5531, "five": 7380, "six": 7380}[categories]
    assert len(CATEGORY_SETS[categories]) == {"four": 4, "five": 5, "six": 6}[categories]


def test_what_is_published_adds_up() -> None:
    assert sum(KNOWN_LABELS.values()) == KNOWN_UTTERANCES == 10_039
    assert sum(KNOWN_SPEAKERS.values()) == sum(KNOWN_LABELS[label] for labels in FOUR.values() for label in labels)
    sessions = [KNOWN_SPEAKERS[f"Ses0{place}F"] + KNOWN_SPEAKERS[f"Ses0{place}M"] for place in range(1, 6)]
    assert sessions == [1085, 1023, 1151, 1031, 1241]


def test_what_is_published_stands_beside_what_was_found(iemocap: Path) -> None:
    counts = {count.what: (count.known, count.found) for count in read_corpus("iemocap", iemocap).known_counts}
    assert counts["utterances"] == (10_039, 40)
    assert counts["label exc"] == (1041, 6)
    assert counts["label xxx"] == (2507, 5)
    assert counts["four, happy"] == (1636, 12)
    assert counts["four, session 3"][0] == 1151
    assert counts["four, Ses05M"][0] == 651
    four = counts["four categories"]
    assert four == (5531, sum(found for what, (_, found) in counts.items() if what.startswith("four, session")))


def test_files_of_another_system_and_windows_letters_are_no_problem(release: Path) -> None:
    path = release / LABELS
    path.with_name(f"._{path.name}").write_bytes(b"\x00\x05\x16\x07\x00\x02Mac OS X\xff")
    (release / "Session1" / ".DS_Store").write_bytes(b"\x00")
    words = release / WORDS
    words.write_bytes(words.read_bytes().replace(b"]: ", b"]: caf\xe9\x92s ").replace(b"\n", b"\r\n"))
    corpus = read_corpus("iemocap", release)
    assert corpus.problems == ()
    assert turn(corpus, "Ses01F_impro01_F000").text.startswith("café’s ")


@pytest.mark.parametrize("folder", ["", "IEMOCAP_full_release", "iemocap"])
def test_the_release_may_lie_in_a_folder_of_its_own(iemocap: Path, tmp_path: Path, folder: str) -> None:
    shutil.copytree(iemocap, tmp_path / "data" / folder)
    assert len(read_corpus("iemocap", tmp_path / "data").utterances) == 40


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("[1.0 - 2.0]\tSes01F_impro01_F009\tang\n", "line 27 is not '[start - end] turn label"),
        ("[1.0 - x]\tSes01F_impro01_F009\tang\t[1.0, 1.0, 1.0]\n", "line 27 is not '[start - end] turn label"),
        ("[1.0 - 2.0]\tSes01F_party_F009\tang\t[1.0, 1.0, 1.0]\n", "line 27 is not '[start - end] turn label"),
        ("[1.0 - 2.0]\tSes01F_impro01_F009\tang\t[1.0, 1.0, 1.0]\n", "F009: there is no file '"),
        ("[1.0 - 2.0]\tSes01F_impro01_F000\tang\t[1.0, 1.0, 1.0]\n", "F000: this id occurs more than once"),
        ("C-E5:\tGrumpy;\t()\n", "line 27: a rater wrote 'Grumpy', which is no category"),
        ("and so on\n", "line 27 is not '[start - end] turn label"),
    ],
)
def test_a_label_line_that_cannot_be_used_is_told_with_its_place(release: Path, line: str, words: str) -> None:
    append(release / LABELS, line)
    corpus = read_corpus("iemocap", release)
    assert len(corpus.utterances) == 40
    assert [words in problem for problem in corpus.problems] == [True]


def test_an_unknown_label_leaves_its_turn_out(release: Path) -> None:
    path = release / LABELS
    path.write_text(path.read_text().replace("\tang\t", "\tmad\t", 1))
    corpus = read_corpus("iemocap", release)
    assert len(corpus.utterances) == 39
    assert "Ses01F_impro01_F000: label 'mad' is not one of ang, hap" in corpus.problems[0]


def test_a_mean_outside_the_scale_is_left_out_and_the_turn_is_kept(release: Path) -> None:
    path = release / LABELS
    path.write_text(path.read_text().replace("[1.0000, 1.0000, 2.5000]", "[5.5000, 1.0000, 0.5000]", 1))
    corpus = read_corpus("iemocap", release)
    assert turn(corpus, "Ses01F_impro01_F000").dimensions == {"arousal": 1.0}
    assert [problem.split(":")[1].strip()[:27] for problem in corpus.problems] == [
        "its valence 5.5 is outside ",
        "its dominance 0.5 is outsid",
    ]


def test_stray_lines_of_a_transcription_are_told_and_spoil_nothing(release: Path) -> None:
    append(release / WORDS, "M: mumbles\n\nSes01F_impro01_MXX0 [009.0-009.5]: nobody rated this\n")
    corpus = read_corpus("iemocap", release)
    assert len(corpus.utterances) == 40
    assert all(utterance.text for utterance in corpus.utterances)
    assert [problem.rpartition(" line ")[2] for problem in corpus.problems] == ["5 is of no turn: 'M: mumbles'"]


def test_a_turn_without_words_is_read_and_counted_as_such(release: Path) -> None:
    path = release / WORDS
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))
    assert turn(read_corpus("iemocap", release), "Ses01F_impro01_F000").text is None


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is empty"), (b"RIFF of nothing", "cannot"), (b"version https://git-lfs.github.com", "Git LFS pointer")],
)
def test_a_recording_that_cannot_be_read_is_told_and_left_out(release: Path, content: bytes, words: str) -> None:
    (release / SOUND).write_bytes(content)
    corpus = read_corpus("iemocap", release)
    assert len(corpus.utterances) == 39
    (problem,) = corpus.problems
    assert problem.startswith("Ses01F_impro01_F000: ")
    assert str(release / SOUND) in problem
    assert words in problem


def test_a_recording_that_no_label_names_is_told(release: Path) -> None:
    shutil.copyfile(release / SOUND, (release / SOUND).with_name("Ses01F_impro01_F099.wav"))
    corpus = read_corpus("iemocap", release)
    assert [problem.partition(":")[0] for problem in corpus.problems] == ["Ses01F_impro01_F099"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_a_file_in_another_encoding_is_named_with_what_to_do(release: Path, encoding: str) -> None:
    path = release / LABELS
    path.write_text(path.read_text(), encoding=encoding)
    corpus = read_corpus("iemocap", release)
    assert len(corpus.utterances) == 36
    assert f"'{path}' is neither UTF-8 nor Windows-1252 text" in corpus.problems[0]
    assert "save it as UTF-8" in corpus.problems[0]


def test_a_session_that_is_not_there_is_told(release: Path) -> None:
    shutil.rmtree(release / "Session4")
    shutil.rmtree(release / "Session5" / "dialog" / "transcriptions")
    corpus = read_corpus("iemocap", release)
    assert len(corpus.utterances) == 32
    assert "there is no '" in corpus.problems[0]
    assert f"{release / 'Session4' / 'dialog' / 'EmoEvaluation'}" in corpus.problems[0]
    assert "what is said there is not known" in corpus.problems[1]


@pytest.mark.parametrize(
    ("root", "words"),
    [
        ("Session1", r"Session1' is one session of IEMOCAP; .*Session1 to Session5; give '.*release'"),
        ("Session1/dialog", r"does not hold the corpus iemocap; expected Session1/dialog/EmoEvaluation/.*sail.usc.edu"),
    ],
)
def test_a_wrong_folder_is_answered_with_the_right_one(release: Path, root: str, words: str) -> None:
    with pytest.raises(CorpusError, match=words) as caught:
        read_corpus("iemocap", release / root)
    assert "\n" not in str(caught.value)


def test_a_release_without_one_usable_turn_says_why(release: Path) -> None:
    for path in release.glob("Session*/sentences/wav/*/*.wav"):
        path.unlink()
    with pytest.raises(CorpusError, match=r"no usable utterance; the first of 40 problems: Ses01F.*there is no file"):
        read_corpus("iemocap", release)


def test_improvised_turns_of_the_four_categories_are_selected(iemocap: Path) -> None:
    corpus = read_corpus("iemocap", iemocap)
    four = select(corpus, ["label=ang,hap,exc,sad,neu", "situation=improvised"])
    expected = [u.id for u in corpus.utterances if u.label in label_map("iemocap", "four").forward and "impro" in u.id]
    assert [u.id for u in four.utterances] == [i for i in expected if turn(corpus, i).label != "fru"]
    assert select(corpus, []) is corpus


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("situation", "only 'situation'; valid: key=value,value"),
        ("situation=", "only 'situation='; valid: key=value,value"),
        ("label=angry", r"only 'label=angry'; label in iemocap is ang, hap.*did you mean 'ang'"),
        ("situatoin=improvised", "only 'situatoin='; iemocap has label, speaker.*did you mean 'situation'"),
        ("session=6", "only 'session=6'; session in iemocap is 1, 2, 3, 4, 5"),
        ("label=oth", "no utterance of iemocap meets only 'label=oth'"),
    ],
)
def test_a_selection_that_cannot_be_is_refused(iemocap: Path, condition: str, words: str) -> None:
    with pytest.raises(CorpusError, match=words):
        select(read_corpus("iemocap", iemocap), [condition])
