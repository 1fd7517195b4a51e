"""Laws of markup: a text stays a text wherever it is put, and data comes back equal."""

import json
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from emobridge.visualization.markup import Markup, data_element, element, joined

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"))


class Reader(HTMLParser):
    """Collects tags and texts as an independent parser sees them."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(TEXT, TEXT)
def test_any_text_is_text_as_a_child_and_as_an_attribute(child: str, attribute: str) -> None:
    read = Reader(element("p", child, title=attribute))
    assert read.tags == [("p", {"title": attribute})]
    assert read.text == child


@given(st.recursive(st.none() | TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=8))
def test_any_data_comes_back_equal_and_cannot_end_its_element(values: object) -> None:
    content = data_element(values, "values")
    read = Reader(content)
    assert read.tags == [("script", {"type": "application/json", "id": "values"})]
    assert json.loads(read.text) == values
    assert content.count("<") == 2


def test_names_of_attributes_are_those_of_html() -> None:
    made = element("td", class_="a", data_name="b", hidden=True, id=None, open=False, viewBox="0 0 1 1", x=0.5)
    assert made == '<td class="a" data-name="b" hidden viewBox="0 0 1 1" x="0.5"></td>'


def test_markup_is_kept_and_other_text_is_escaped() -> None:
    assert joined("<", Markup("<br>"), ["&", element("br")]) == "&lt;<br>&amp;<br>"
