"""HTML: one page of all results for a browser, whole in one file; it asks nothing of any network."""

from collections.abc import Sequence

from emobridge.results import Result
from emobridge.visualization.page import page


class HtmlWriter:
    """Writes the page in UTF-8.

    Args:
        embed: whether recordings that are small enough are put into the page, for it to play at once.
        looks_for_recordings: whether a result's ``file`` is a path to look at; not where the name is a stranger's.
    """

    def __init__(self, embed: bool = True, looks_for_recordings: bool = True) -> None:
        self._embed = embed
        self._looks_for_recordings = looks_for_recordings

    def render(self, results: Sequence[Result]) -> bytes:
        """Return the page; a recording whose file is not there any more is shown without its waveform."""
        # A lone half of a surrogate pair, which JSON can hold, is no text in UTF-8.
        return page(results, self._embed, self._looks_for_recordings).encode("utf-8", "replace")
