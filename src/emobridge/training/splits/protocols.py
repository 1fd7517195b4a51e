"""The rules that make folds: how a corpus is parted when no file says it, or when a recipe asks for another protocol.

Every rule keeps the speaker of a test utterance out of training and of validation, and says in plain words what it
does; a rule and a corpus always give the same folds. ``+script-disjoint`` after a rule's name excludes, in each fold,
what speaks a sentence that the test part speaks.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from emobridge.errors import CorpusError, nearest
from emobridge.training.corpora.base import Corpus, is_speech
from emobridge.training.splits.folds import (
    GUARDS,
    TEXT_GUARDS,
    VERSION,
    Excluded,
    FoldFile,
    FoldParts,
    Part,
    checked_in_folds,
    hash_remainder,
    read_folds,
    resolve,
)
from emobridge.training.splits.near_duplicates import near_duplicate_recordings, near_duplicate_utterances, sentences

SCRIPT_DISJOINT = "+script-disjoint"


def stored_folds(corpus: Corpus, protocol: str | None = None) -> FoldFile | None:
    """Return the folds that a file holds: the one that ``protocol`` names (``.json``), or without a protocol the
    checked-in one of the corpus; None where a rule must make them.

    Raises:
        CorpusError: there is no such file, or it does not hold folds.
    """
    if protocol is not None:
        return read_folds(Path(protocol)) if protocol.endswith(".json") else None
    return read_folds(corpus.name) if corpus.name in checked_in_folds() else None


def make_folds(corpus: Corpus, parts: int, protocol: str | None = None) -> FoldFile:
    """Return the folds of a corpus by a rule; the same corpus always gives the same folds.

    Args:
        corpus: any corpus.
        parts: how many test parts the speakers (of texts without speakers: the texts) are dealt to, where they are.
        protocol: a key of `PROTOCOLS`, with ``+script-disjoint`` or without; None keeps the authors' split, where there
            is one, and deals the speakers otherwise.

    Raises:
        CorpusError: there is no such rule, or the corpus lacks what it needs: speakers, enough of them, dialogues,
            sessions, a split, sentences that are not everybody's.
    """
    if protocol is None:
        split = {"train", "validation", "test"} <= {utterance.split for utterance in corpus.utterances}
        return _authors_fold(corpus) if split else _dealt(corpus, parts)
    name = protocol.removesuffix(SCRIPT_DISJOINT)
    if name not in PROTOCOLS:
        valid = f"valid: {', '.join(PROTOCOLS)}, each with {SCRIPT_DISJOINT} or without, or a fold file (.json)"
        raise CorpusError(f"protocol '{protocol}'", valid, nearest(name, PROTOCOLS))
    fold_file = PROTOCOLS[name](corpus, parts)
    return fold_file if name == protocol else _script_disjoint(fold_file, corpus)


def _require_three(parts: int) -> None:
    if parts < 3:
        raise CorpusError(f"{parts} parts", "valid: 3 or more: train, validation and test differ", "ask for more parts")


def _dealt(corpus: Corpus, parts: int) -> FoldFile:
    _require_three(parts)
    if all(utterance.speaker for utterance in corpus.utterances):
        return _speaker_folds(corpus, parts)
    if is_speech(corpus.utterances):
        given = f"{corpus.name} has recordings without a speaker"
        raise CorpusError(given, "folds of speech are speaker-independent", "give every recording a speaker")
    return _text_folds(corpus, parts)


def _authors_fold(corpus: Corpus) -> FoldFile:
    if not {"test", "validation"} <= {utterance.split for utterance in corpus.utterances}:
        given = f"protocol 'authors' for {corpus.name}"
        raise CorpusError(given, "its utterances have no split with train, validation and test", "choose another one")
    folds = (FoldParts("authors", Part(split="test"), Part(split="validation")),)
    of_text = (
        "The authors' split. A training utterance whose text nearly equals one of validation or test, or a validation "
        f"utterance whose text nearly equals one of test, is excluded. {_TEXT_RULE}"
    )
    of_speech = (
        "The authors' split. A training recording that is identical to one of validation or test, or a near-duplicate "
        "of it (equal up to level and coding), or a validation recording of one of test, is excluded: neither trained "
        "nor validated on; the test part stays whole."
    )
    rule, guards = (of_speech, GUARDS) if is_speech(corpus.utterances) else (of_text, TEXT_GUARDS)
    return _without_duplicates(FoldFile(corpus.name, VERSION, rule, folds, guards=guards), corpus)


def _text_folds(corpus: Corpus, parts: int) -> FoldFile:
    tests = [Part(text_hash=(parts, remainder)) for remainder in range(parts)]
    rule = (
        "No speakers are known: test part k holds the texts whose SHA-256 (after case folding, letters and digits "
        f"alone) has the remainder k - 1 when divided by {parts}; the validation part is the next fold's test part. "
        f"Texts that nearly equal one in another test part are excluded. {_TEXT_RULE}"
    )
    return _without_duplicates(FoldFile(corpus.name, VERSION, rule, _rotate(tests), guards=TEXT_GUARDS), corpus)


def _episodes(corpus: Corpus, parts: int) -> FoldFile:
    _require_three(parts)
    dealt: list[list[str]] = [[] for _ in range(parts)]
    for utterance in corpus.utterances:
        episode = utterance.attributes.get("episode")
        if not episode:
            given = f"protocol 'episodes': '{utterance.id}' of {corpus.name} has no episode"
            raise CorpusError(given, "every utterance needs the column episode", "choose another one")
        name = f"{utterance.attributes.get('season', '')} {episode}"
        dealt[hash_remainder(name, parts)].append(utterance.id)
    if not all(dealt):
        given = f"protocol 'episodes' in {parts} parts: one of them gets none of the episodes of {corpus.name}"
        raise CorpusError(given, "every part holds an episode", "ask for fewer parts, or choose another protocol")
    rule = (
        "Test part k holds the episodes whose SHA-256 (of season, space, episode) has the remainder k - 1 when divided "
        f"by {parts}, so that corpora of one series agree; the validation part is the next fold's test part. An "
        f"utterance that nearly equals one in another test part is excluded. {_TEXT_RULE}"
    )
    own = ("recording",) if is_speech(corpus.utterances) else ("text", "recording")
    folds = _rotate([Part(utterances=tuple(sorted(ids))) for ids in dealt])
    guards = (*own, "dialogue", "partner", "selection")
    return _without_duplicates(FoldFile(corpus.name, VERSION, rule, folds, guards=guards), corpus)


_TEXT_RULE = (
    "Nearly equal: the same letters and digits, or a cosine of TF-IDF-weighted character 4-grams of at least 0.9; "
    "texts of fewer than four words are too generic to be the same utterance and never count. Excluded utterances are "
    "neither trained nor validated on; test parts stay whole."
)


def _rotate(tests: Sequence[Part]) -> tuple[FoldParts, ...]:
    following = [*tests[1:], tests[0]]
    return tuple(
        FoldParts(f"fold_{place}", test, validation)
        for place, (test, validation) in enumerate(zip(tests, following, strict=True), start=1)
    )


def _without_duplicates(fold_file: FoldFile, corpus: Corpus) -> FoldFile:
    """Add what `resolve` must leave out so that no near-duplicates lie in two parts of a fold."""
    utterances = corpus.utterances
    rank = {"train": 0, "validation": 1, "test": 2}
    folds = [{i: rank[name] for name, part in f.parts.items() for i in part} for f in resolve(fold_file, corpus)]
    reasons: dict[int, str] = {}
    for kind, *pair in near_duplicate_utterances(utterances, range(len(utterances))):
        for ranks in (ranks for ranks in folds if ranks.keys() >= set(pair)):  # further test parts are in none
            lower, higher = sorted(pair, key=lambda index: ranks[index])
            if ranks[lower] < ranks[higher]:
                reasons.setdefault(lower, f"its {kind} nearly equals that of {utterances[higher].id}")
    excluded = tuple(Excluded(utterances[index].id, reasons[index]) for index in sorted(reasons))
    return dataclasses.replace(fold_file, excluded=excluded)


def _speaker_folds(corpus: Corpus, parts: int) -> FoldFile:
    groups = _speaker_groups(corpus)
    if len(groups) < parts:
        valid = f"{corpus.name} has {len(groups)} speakers or groups of speakers that cannot be parted"
        remedy = f"ask for {len(groups)} parts or fewer" if len(groups) >= 3 else "3 parts need 3 such groups"
        raise CorpusError(f"{parts} parts", valid, remedy)
    tests = [Part(speakers=tuple(sorted(speakers))) for speakers in _deal(corpus, groups, parts)]
    rule = (
        f"Speakers are dealt to {parts} test parts. Speakers who share a dialogue or an identical or near-duplicate "
        "recording stay together. Women first, then men, then unknown, each from most to fewest utterances, ties by "
        "name: a group goes to the part with the fewest speakers of its gender, then the fewest speakers, then the "
        "fewest utterances, then the first. The validation part is the next fold's test part; training gets all other "
        "speakers."
    )
    return FoldFile(corpus.name, VERSION, rule, _rotate(tests))


def _speaker_groups(corpus: Corpus) -> list[tuple[str, ...]]:
    """Return the speakers, joined where they share a dialogue or a recording."""
    utterances = corpus.utterances
    leader = {utterance.speaker: utterance.speaker for utterance in utterances if utterance.speaker}

    def join(speakers: Iterable[str | None]) -> None:
        first, *others = sorted({leader[speaker] for speaker in speakers if speaker})
        for speaker, current in leader.items():
            if current in others:
                leader[speaker] = first

    dialogues: dict[str, set[str | None]] = {}
    for utterance in utterances:
        if utterance.dialogue:
            dialogues.setdefault(utterance.dialogue, set()).add(utterance.speaker)
    for speakers in dialogues.values():
        join(speakers)
    for first, second in near_duplicate_recordings(utterances, range(len(utterances))):
        join((utterances[first].speaker, utterances[second].speaker))
    heads = sorted(set(leader.values()))
    return [tuple(name for name in sorted(leader) if leader[name] == head) for head in heads]


def _deal(corpus: Corpus, groups: list[tuple[str, ...]], parts: int) -> list[list[str]]:
    """Deal the groups to the parts as the rule says."""
    counts = Counter(utterance.speaker for utterance in corpus.utterances)
    genders = {utterance.speaker: utterance.attributes.get("gender", "unknown") for utterance in corpus.utterances}
    # "female" < "male" < "unknown"; a group counts for its first speaker's gender.
    groups = sorted(groups, key=lambda group: (genders[group[0]], -sum(counts[name] for name in group), group))
    dealt: list[list[str]] = [[] for _ in range(parts)]
    for group in groups:
        target = min(
            dealt,
            key=lambda part: (
                sum(genders[name] == genders[group[0]] for name in part),
                len(part),
                sum(counts[name] for name in part),
            ),
        )
        target.extend(group)
    return dealt


def _speaker_partner(corpus: Corpus, _: int) -> FoldFile:
    partners = _partners(corpus)
    alone = [speaker for speaker, others in partners.items() if not others]
    if alone:
        given = f"protocol 'speaker-partner': speaker '{alone[0]}' of {corpus.name} shares a dialogue with nobody"
        raise CorpusError(given, "it needs the column dialogue, with two speakers in each", "choose 'speakers'")
    folds = [
        FoldParts(speaker, Part(speakers=(speaker,)), Part(speakers=others)) for speaker, others in partners.items()
    ]
    rule = (
        "Each speaker is the test part of one fold. Those whom the speaker talks to validate, in the same dialogues; "
        "training gets all other speakers: of IEMOCAP 8 speakers train, 1 validates, 1 is tested."
    )
    guards = tuple(name for name in GUARDS if name != "partner")
    return FoldFile(corpus.name, VERSION, rule, tuple(folds), guards=guards)


def _speaker_next_session(corpus: Corpus, _: int) -> FoldFile:
    sessions, genders = _sessions(corpus, "speaker-next-session"), _genders(corpus)
    names = list(sessions)
    folds = []
    for session, following in zip(names, [*names[1:], names[0]], strict=True):
        for speaker in sessions[session]:
            alike = [other for other in sessions[following] if genders[other] == genders[speaker]]
            validation = Part(speakers=tuple(alike or sessions[following]))
            folds.append(FoldParts(speaker, Part(speakers=(speaker,)), validation))
    rule = (
        "Each speaker is the test part of one fold. The speakers of the same gender (of any, where there are none) of "
        "the next session validate; training gets all other speakers, also those whom the tested one talks to."
    )
    return FoldFile(corpus.name, VERSION, rule, tuple(folds))


def _session(corpus: Corpus, _: int) -> FoldFile:
    sessions = _sessions(corpus, "session")
    parts = [Part(speakers=speakers) for speakers in sessions.values()]
    folds = [
        FoldParts(f"session_{name}", test, validation)
        for name, test, validation in zip(sessions, parts, [*parts[1:], parts[0]], strict=True)
    ]
    rule = (
        "The speakers of each session are the test part of one fold, those of the next session validate; training gets "
        "all other sessions."
    )
    return FoldFile(corpus.name, VERSION, rule, tuple(folds))


def _partners(corpus: Corpus) -> dict[str, tuple[str, ...]]:
    """Return, for each speaker, who shares a dialogue with them."""
    dialogues: dict[str, set[str]] = {}
    for utterance in corpus.utterances:
        if utterance.speaker and utterance.dialogue:
            dialogues.setdefault(utterance.dialogue, set()).add(utterance.speaker)
    partners: dict[str, set[str]] = {name: set() for name in _genders(corpus)}
    for speakers in dialogues.values():
        for speaker in speakers:
            partners[speaker] |= speakers - {speaker}
    return {speaker: tuple(sorted(partners[speaker])) for speaker in sorted(partners)}


def _sessions(corpus: Corpus, protocol: str) -> dict[str, tuple[str, ...]]:
    """Return, for each session, its speakers; both in order."""
    sessions: dict[str, set[str]] = {}
    for utterance in corpus.utterances:
        session = utterance.attributes.get("session")
        if not session or not utterance.speaker:
            given = f"protocol '{protocol}': '{utterance.id}' of {corpus.name} has no session or no speaker"
            raise CorpusError(given, "every utterance needs the columns session and speaker", "choose another one")
        sessions.setdefault(session, set()).add(utterance.speaker)
    seen = Counter(speaker for speakers in sessions.values() for speaker in sorted(speakers))
    twice = next((speaker for speaker, count in seen.items() if count > 1), None)
    if twice is not None or len(sessions) < 3:
        fault = f"speaker '{twice}' is in several sessions" if twice else f"there are {len(sessions)} sessions"
        given = f"protocol '{protocol}' for {corpus.name}: {fault}"
        raise CorpusError(given, "it needs 3 sessions or more, of different speakers", "choose another one")
    return {name: tuple(sorted(sessions[name])) for name in sorted(sessions, key=lambda name: (len(name), name))}


def _genders(corpus: Corpus) -> dict[str, str]:
    return {
        utterance.speaker: utterance.attributes.get("gender", "unknown")
        for utterance in corpus.utterances
        if utterance.speaker
    }


def _script_disjoint(fold_file: FoldFile, corpus: Corpus) -> FoldFile:
    """Exclude in each fold what speaks a sentence of the test part."""
    spoken = sentences(corpus.utterances)
    folds = []
    for fold, parts in zip(resolve(fold_file, corpus), fold_file.folds, strict=True):
        tested = spoken.of(fold.test)
        shared = [index for index in (*fold.train, *fold.validation) if spoken.alike(index) & tested]
        if {*fold.train} <= {*shared} or {*fold.validation} <= {*shared}:
            given = (
                f"protocol '{SCRIPT_DISJOINT}': all that {fold.name} of {corpus.name} could learn from is said in test"
            )
            raise CorpusError(given, "training needs sentences of its own", f"leave {SCRIPT_DISJOINT} out")
        reason = "its sentence is spoken in the test part"
        excluded = tuple(Excluded(corpus.utterances[index].id, reason) for index in sorted(shared))
        folds.append(dataclasses.replace(parts, excluded=excluded))
    rule = (
        f"{fold_file.rule} In each fold an utterance that speaks a sentence of the test part (the same letters and "
        "digits; of four words or more, also one that nearly equals it) is excluded from training and validation."
    )
    return dataclasses.replace(fold_file, rule=rule, folds=tuple(folds), guards=(*fold_file.guards, "script"))


PROTOCOLS: dict[str, Callable[[Corpus, int], FoldFile]] = {
    "authors": lambda corpus, _: _authors_fold(corpus),
    "speakers": _dealt,
    "speaker-partner": _speaker_partner,
    "speaker-next-session": _speaker_next_session,
    "session": _session,
    "episodes": _episodes,
}
