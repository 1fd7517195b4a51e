"""Laws of the audit: every planted leak is found and named, a clean split passes, and nothing leaks in silence."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from emobridge.errors import CorpusError
from emobridge.training.corpora import read_corpus
from emobridge.training.corpora.base import Utterance, sound_digest
from emobridge.training.report.split_section import leak_line, split_lines, split_note
from emobridge.training.splits.folds import GUARDS, LEAKS, FoldFile, FoldParts, Part
from emobridge.training.splits.leakage import Audit, SplitRecord, find_twins, refuse_leaks
from emobridge.training.splits.protocols import make_folds
from toy_corpora import audit_of, corpus_of

SENTENCES = ("nobody has seen the blue boat", "we will paint every second door", "seven cooks forgot their own soup")
PARTS = ("train", "validation", "test")
ALL_PARTS = FoldParts("all", Part(utterances=("test_0", "test_1")), Part(utterances=("validation_0", "validation_1")))


def clean(spoken: bool) -> list[Utterance]:
    """Return two utterances a part that share nothing: words, speakers and dialogues are each part's own."""
    return [
        Utterance(
            f"{part}_{place}",
            "toy",
            f"{part} speaker",
            audio=Path("never read") if spoken else None,
            text=f"{sentence} {('today', 'in the year of the long winter')[place]}",
            dialogue=f"{part} dialogue {place}",
        )
        for part, sentence in zip(PARTS, SENTENCES, strict=True)
        for place in range(2)
    ]


def audited(utterances: list[Utterance], parts: FoldParts, guards: tuple[str, ...], cache: Path) -> Audit:
    fold_file = FoldFile("toy", 1, "As planted.", (parts,), guards=guards)
    return audit_of(fold_file, corpus_of(*utterances), cache, heard=False)


@st.composite
def planted(draw: st.DrawFn) -> tuple[list[Utterance], FoldParts, set[str], bool]:
    """A split with some leaks, and what they are called."""
    spoken = draw(st.booleans())
    utterances, parts = clean(spoken), ALL_PARTS
    first, second = draw(st.sampled_from([("train", "validation"), ("train", "test"), ("validation", "test")]))
    expected = set()
    one = 2 * PARTS.index(first)
    other = utterances[2 * PARTS.index(second) + draw(st.integers(0, 1))]
    if draw(st.booleans()):
        utterances[one] = dataclasses.replace(utterances[one], speaker=other.speaker)
        expected.add("speaker")
    if draw(st.booleans()):
        utterances[one] = dataclasses.replace(utterances[one], dialogue=other.dialogue)
        expected.add("dialogue" if first == "train" else "partner")
    if draw(st.booleans()):
        changed = draw(st.sampled_from([str.upper, str.title, lambda text: f"{text}!", lambda text: text]))
        utterances[one] = dataclasses.replace(utterances[one], text=changed(other.text))
        if second == "test" or not spoken:
            expected.add("script" if spoken else "text")
    if draw(st.booleans()):
        parts = dataclasses.replace(parts, validation=Part(utterances=("validation_0", "validation_1", "test_1")))
        # What is in both parts is there with all that it has.
        expected |= {"selection", "speaker", "partner", "script" if spoken else "text"}
    return utterances, parts, expected, spoken


@settings(max_examples=80, deadline=None)
@given(split=planted(), guards=st.lists(st.sampled_from(sorted(LEAKS)), unique=True).map(tuple))
def test_every_planted_leak_is_found_and_refused_where_it_is_guarded_against(
    split: tuple[list[Utterance], FoldParts, set[str], bool],
    guards: tuple[str, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    utterances, parts, expected, _ = split
    audit = audited(utterances, parts, guards, tmp_path_factory.mktemp("cache"))
    assert {shared.kind for shared in audit.folds["all"]} == expected
    assert set(audit.kinds) == expected & set(guards)
    assert {one.kind for one in audit.leaks("all")} | {one.kind for one in audit.by_design("all")} == expected
    refuse_leaks([audit], list(expected))
    if audit.kinds:
        with pytest.raises(CorpusError, match=r"all of toy leaks: .*its folds guard against .*--allow-leak") as caught:
            refuse_leaks([audit], set(expected) - {audit.kinds[0]})
        assert f"--allow-leak {audit.kinds[0]}" in str(caught.value)
        assert "\n" not in str(caught.value)
    else:
        refuse_leaks([audit], [])


@pytest.mark.parametrize("spoken", [True, False])
def test_a_clean_split_shares_nothing(spoken: bool, tmp_path: Path) -> None:
    audit = audited(clean(spoken), ALL_PARTS, tuple(LEAKS), tmp_path)
    assert audit.folds == {"all": ()}
    refuse_leaks([audit], [])


@pytest.mark.parametrize("louder", [False, True])
def test_a_copied_recording_is_found_whatever_its_level(iemocap: Path, tmp_path: Path, louder: bool) -> None:
    release = Path(shutil.copytree(iemocap, tmp_path / "release"))
    source, target = (
        release / f"Session{place}/sentences/wav/Ses0{place}F_impro01/Ses0{place}F_impro01_F000.wav" for place in (1, 4)
    )
    samples, rate_hz = soundfile.read(source)
    if louder:
        soundfile.write(target, 0.5 * samples, rate_hz)
    else:
        shutil.copyfile(source, target)
    corpus = read_corpus("iemocap", release)
    audit = audit_of(make_folds(corpus, 5, "session"), corpus, tmp_path / "cache")
    assert audit.kinds == ("recording",)
    (leak,) = audit.leaks("session_1")
    assert str(leak) == "recording: 1 in both train and test ('Ses04F_impro01_F000' and 'Ses01F_impro01_F000')"


def test_recordings_are_compared_once_and_again_when_one_changes(
    iemocap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = read_corpus("iemocap", iemocap)
    digests = [sound_digest(utterance) for utterance in corpus.utterances]
    first = find_twins(corpus, digests, tmp_path)
    compared: list[Any] = []
    monkeypatch.setattr(
        "emobridge.training.splits.leakage.near_duplicate_recordings", lambda *given: compared.append(given) or []
    )
    monkeypatch.setattr(
        "emobridge.training.splits.leakage.near_duplicate_texts", lambda texts: pytest.fail("compared again")
    )
    assert find_twins(corpus, digests, tmp_path) == first
    assert not compared
    find_twins(corpus, ["0" * 64, *digests[1:]], tmp_path)
    assert len(compared) == 1


def test_a_misspelt_leak_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"leak 'dialog'; valid: speaker, dialogue, .*did you mean 'dialogue'"):
        refuse_leaks([], ["dialog"])


def test_a_record_is_read_back_as_written_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    utterances = [dataclasses.replace(utterance, speaker="one") for utterance in clean(True)]
    record = SplitRecord((audited(utterances, ALL_PARTS, GUARDS, tmp_path),), ("speaker",))
    assert SplitRecord.read(tmp_path) is None
    record.write(tmp_path)
    assert SplitRecord.read(tmp_path) == record
    (tmp_path / "split.json").write_text('{"audits": [{}]}')
    with pytest.raises(CorpusError, match=r"split.json cannot be read"):
        SplitRecord.read(tmp_path)


def test_a_leak_that_was_allowed_is_the_first_line_and_the_section_tells_the_rest(tmp_path: Path) -> None:
    utterances = [dataclasses.replace(utterance, speaker="one", text=SENTENCES[0]) for utterance in clean(True)]
    audit = audited(utterances, ALL_PARTS, GUARDS, tmp_path)
    record = SplitRecord((dataclasses.replace(audit, of=9, only=("label=sad",), excluded=2),), ("speaker",))
    assert leak_line(record) == (
        "**This split leaks, and training was told to go on (--allow-leak speaker).** "
        "toy: speaker: 1 in both train and test (one) in all."
    )
    told = record.audits[0]
    assert split_note(told) == "6 of 9 utterances, only label=sad; folds: 1; 2 excluded from training. As planted."
    assert split_lines(told) == [
        "guards against speaker, dialogue, partner, recording, selection",
        "leak, speaker: 1 in both train and test (one) in all",
        f"shared by design, script: 1 in both train and test ('{SENTENCES[0]}') in all",
    ]
    unguarded = SplitRecord((dataclasses.replace(audit, guards=()),))
    assert leak_line(unguarded) == leak_line(SplitRecord(())) == ""
