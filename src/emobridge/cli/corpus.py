"""The command `emobridge corpus`: what is in a corpus, how it is split, and what lies in two parts of the split."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emobridge.utils.extras import load_extra

if TYPE_CHECKING:
    from emobridge.training.corpora.base import Corpus
    from emobridge.training.splits.leakage import Audit

FOLDS = 5  # made where a rule deals the speakers, as in a recipe that does not say otherwise


def corpus(
    name: Annotated[str, typer.Argument(help="Corpus, table:PATH or audiofolder:PATH.")],
    root: Annotated[Path | None, typer.Argument(help="Its folder; left out: EMOBRIDGE_DATA.")] = None,
    *,
    only: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE,...", help="Only utterances with these values. Repeatable.")
    ] = None,
    leaks: Annotated[
        bool, typer.Option("--leaks", help="Look for speakers, recordings and texts that lie in two parts of a fold.")
    ] = False,
    protocol: Annotated[
        str | None, typer.Option(help="The rule or fold file to look at; left out: the corpus's own folds.")
    ] = None,
) -> None:
    """Count what a corpus holds against what is published, list what cannot be used and why, and audit its folds."""
    corpora = load_extra("emobridge.training.corpora", "train")
    selection = load_extra("emobridge.training.corpora.selection", "train")
    found = selection.select(corpora.read_corpus(name, root), only or ())
    _print_counts(found)
    if leaks or protocol:
        _print_audit(found, protocol)


def _print_counts(found: "Corpus") -> None:
    report = load_extra("emobridge.training.corpora.check", "train").check_corpus(found)
    typer.echo(f"{report.name}: {report.utterances} utterances, {report.hours:.2f} hours, {found.licence}")
    if found.whole is not None:
        typer.echo(f"  {'of':<11}{found.whole} utterances that the corpus has")
    for title in ("labels", "splits", "genders", "dimensions", "missing"):
        counts = getattr(report, title)
        if counts:
            typer.echo(f"  {title:<11}" + ", ".join(f"{key} {value}" for key, value in counts.items()))
    typer.echo(f"  {'speakers':<11}{len(report.speakers)}")
    for count in found.known_counts:
        differs = "" if count.known == count.found else "  (differs)"
        typer.echo(f"  {'published':<11}{count.what:<24}{count.known:>7}, found {count.found:>7}{differs}")
    for problem in report.problems:
        typer.echo(f"  left out   {problem}")


def _print_audit(found: "Corpus", protocol: str | None) -> None:
    cache = load_extra("emobridge.utils.cache", "train")
    base = load_extra("emobridge.training.corpora.base", "train")
    folds = load_extra("emobridge.training.splits.folds", "train")
    leaks = load_extra("emobridge.training.splits.leakage", "train")
    protocols = load_extra("emobridge.training.splits.protocols", "train")
    fold_file = protocols.stored_folds(found, protocol) or protocols.make_folds(found, FOLDS, protocol)
    digests = [base.sound_digest(utterance) for utterance in found.utterances]
    twins = leaks.find_twins(found, digests, cache.cache_folder())
    audit: Audit = leaks.audit_split(fold_file, found, folds.resolve(fold_file, found), twins)
    typer.echo(f"  rule       {audit.rule}")
    typer.echo(f"  guards     against {', '.join(audit.guards)}")
    for excluded in fold_file.excluded:
        typer.echo(f"  excluded   {excluded.id}: {excluded.reason}")
    for parts in fold_file.folds:
        if parts.excluded:
            typer.echo(f"  excluded   {len(parts.excluded)} in {parts.name}: {parts.excluded[0].reason}")
    for fold in audit.folds:
        count = len(audit.leaks(fold))
        typer.echo(f"  {fold}: {'no leak' if not count else '1 leak' if count == 1 else f'{count} leaks'}")
        for leak in audit.leaks(fold):
            typer.echo(f"    {leak}")
        for shared in audit.by_design(fold):
            typer.echo(f"    by design, {shared}")
