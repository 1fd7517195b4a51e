"""HTML: one page of all results for a browser, whole in one file; it asks nothing of any network."""

from collections.abc import Sequence

from emobridge.results import Result
from emobridge.visualization.page import page


def render(results: Sequence[Result], embed: bool = True, looks_for_recordings: bool = True) -> bytes:
    """Return the page in UTF-8; a recording whose file is not there any more is shown without its waveform.

    Args:
        results: the recordings, in their order.
        embed: whether recordings that are small enough are put into the page, for it to play at once.
        looks_for_recordings: whether a result's ``file`` is a path to look at; not where the name is a stranger's.
    """
    # A lone half of a surrogate pair, which JSON can hold, is no text in UTF-8.
    return page(results, embed, looks_for_recordings).encode("utf-8", "replace")
