"""The split of a run in words: its rule, what it guards against, what it shares by design, and every leak."""

from emobridge.learning.leaks import Audit, Shared, SplitRecord


def leak_line(record: SplitRecord) -> str:
    """Return the line that a report of leaking splits begins with; empty where nothing leaks."""
    found = [f"{audit.corpus}: {_worst(audit, kind)}" for audit in record.audits for kind in audit.kinds]
    if not found:
        return ""
    kinds = dict.fromkeys(kind for audit in record.audits for kind in audit.kinds)
    flags = " ".join(f"--allow-leak {kind}" for kind in kinds)
    return f"**This split leaks, and training was told to go on ({flags}).** {'; '.join(found)}."


def split_section(record: SplitRecord) -> str:
    """Return the section of a report that tells how each corpus was split; empty where there is nothing to tell."""
    if not record.audits:
        return ""
    return "\n".join(["## Split", *(_of_corpus(audit) for audit in record.audits)]) + "\n"


def _of_corpus(audit: Audit) -> str:
    count = f"{audit.utterances} utterances"
    if audit.only:
        count = f"{audit.utterances} of {audit.of} utterances, only {' and '.join(audit.only)}"
    excluded = f"; {audit.excluded} excluded from training" if audit.excluded else ""
    lines = [f"\n**{audit.corpus}**: {count}; folds: {len(audit.folds)}{excluded}. {audit.rule}", ""]
    lines.append(f"- guards against {', '.join(audit.guards)}")
    lines += [f"- **leak**, {_worst(audit, kind)}" for kind in audit.kinds]
    by_design = {shared.kind for fold in audit.folds for shared in audit.by_design(fold)}
    lines += [f"- shared by design, {_worst(audit, kind)}" for kind in sorted(by_design)]
    return "\n".join(lines)


def _worst(audit: Audit, kind: str) -> str:
    """Return the words for what the fold that shares most of a kind shares, and how many folds share any."""
    found: list[tuple[str, Shared]] = [
        (fold, shared) for fold, all_shared in audit.folds.items() for shared in all_shared if shared.kind == kind
    ]
    fold, shared = max(found, key=lambda one: one[1].count)
    folds = len({name for name, _ in found})
    return f"{shared} in {fold}" + (f", and some in {folds} of {len(audit.folds)} folds" if folds > 1 else "")
