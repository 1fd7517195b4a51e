"""The split of a run in words: its rule, what it guards against, what it shares by design, and every leak."""

from emobridge.training.splits.leakage import Audit, Shared, SplitRecord


def leak_line(record: SplitRecord) -> str:
    """Return the line that a report of leaking splits begins with; empty where nothing leaks."""
    found = [f"{audit.corpus}: {_worst(audit, kind)}" for audit in record.audits for kind in audit.kinds]
    if not found:
        return ""
    kinds = dict.fromkeys(kind for audit in record.audits for kind in audit.kinds)
    flags = " ".join(f"--allow-leak {kind}" for kind in kinds)
    return f"**This split leaks, and training was told to go on ({flags}).** {'; '.join(found)}."


def split_note(audit: Audit) -> str:
    """Return how a corpus was split: how much of it, into how many folds, by which rule."""
    count = f"{audit.utterances} utterances"
    if audit.only:
        count = f"{audit.utterances} of {audit.of} utterances, only {' and '.join(audit.only)}"
    excluded = f"; {audit.excluded} excluded from training" if audit.excluded else ""
    return f"{count}; folds: {len(audit.folds)}{excluded}. {audit.rule}"


def split_lines(audit: Audit) -> list[str]:
    """Return what a split guards against, what leaks all the same, and what it shares by design, a line each."""
    lines = [f"guards against {', '.join(audit.guards)}"]
    lines += [f"leak, {_worst(audit, kind)}" for kind in audit.kinds]
    by_design = {shared.kind for fold in audit.folds for shared in audit.by_design(fold)}
    return lines + [f"shared by design, {_worst(audit, kind)}" for kind in sorted(by_design)]


def _worst(audit: Audit, kind: str) -> str:
    """Return the words for what the fold that shares most of a kind shares, and how many folds share any."""
    found: list[tuple[str, Shared]] = [
        (fold, shared) for fold, all_shared in audit.folds.items() for shared in all_shared if shared.kind == kind
    ]
    fold, shared = max(found, key=lambda one: one[1].count)
    folds = len({name for name, _ in found})
    return f"{shared} in {fold}" + (f", and some in {folds} of {len(audit.folds)} folds" if folds > 1 else "")
