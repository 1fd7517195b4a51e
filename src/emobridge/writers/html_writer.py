"""HTML: one page of all results for a browser, whole in one file; it asks nothing of any network."""

from collections.abc import Sequence

from emobridge.pictures.page import page
from emobridge.results import Result


class HtmlWriter:
    """Writes the page in UTF-8.

    Args:
        embed: whether recordings that are small enough are put into the page, for it to play at once.
    """

    def __init__(self, embed: bool = True) -> None:
        self._embed = embed

    def render(self, results: Sequence[Result]) -> bytes:
        """Return the page; a recording whose file is not there any more is shown without its waveform."""
        # A lone half of a surrogate pair, which JSON can hold, is no text in UTF-8.
        return page(results, self._embed).encode("utf-8", "replace")
