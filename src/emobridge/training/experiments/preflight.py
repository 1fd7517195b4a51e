"""What a recipe needs before any work: its corpora and public encoders. All that is missing is told at once."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from emobridge.encoders.hub.base import HubConfig
from emobridge.encoders.hub.checkpoints import find_checkpoint
from emobridge.errors import BundleError, CorpusError, EmobridgeError, RecipeError
from emobridge.training.corpora import read_corpus
from emobridge.training.corpora.base import Corpus
from emobridge.training.experiments.recipe import Recipe


def read_requirements(recipe: Recipe, variants: Sequence[Recipe], data: Path | None) -> list[Corpus]:
    """Return the corpora of a recipe, in its order, once its public encoders are found too; nothing is fetched.

    Args:
        recipe: any recipe.
        variants: recipes over the same corpora, whose encoders must be here as well.
        data: where the corpora are; None: EMOBRIDGE_DATA.

    Raises:
        BundleError, CorpusError: the one thing that is missing.
        RecipeError: several are; each is told with what to do.
    """
    corpora: list[Corpus] = []
    missing: list[EmobridgeError] = []
    for entry in recipe.data.corpora:
        try:
            corpora.append(read_corpus(entry.name, data))
        except CorpusError as error:
            missing.append(error)
    for name, revision in _encoders((recipe, *variants)):
        try:
            find_checkpoint(name, revision)
        except BundleError as error:
            missing.append(error)
    if len(missing) == 1:
        raise missing[0]
    if missing:
        listed = " ".join(f"({number}) {error}." for number, error in enumerate(missing, start=1))
        given = f"recipe '{recipe.name}' needs {len(missing)} things that are not here"
        raise RecipeError(given, listed, "nothing is fetched by itself")
    return corpora


def _encoders(recipes: Iterable[Recipe]) -> list[tuple[str, str]]:
    """Return name and revision of every public encoder, each once."""
    sections = [section for recipe in recipes for section in (recipe.acoustic, recipe.linguistic)]
    named = [(section.encoder, section.revision) for section in sections if isinstance(section, HubConfig)]
    return list(dict.fromkeys(named))
