"""A report as one page for a browser or paper: everything inside it, no script, light and dark."""

from collections.abc import Sequence
from importlib.resources import files

from emobridge.training.evaluation.tables import Table
from emobridge.training.report.sections import Report, Section, sections
from emobridge.version import __version__
from emobridge.visualization.document import document
from emobridge.visualization.markup import Markup, element, table


def page(report: Report) -> str:
    """Return the page of a report."""
    style = files("emobridge.training.report").joinpath("page.css").read_text("utf-8")
    parts = list(enumerate(sections(report), start=1))
    leak = element("p", report.leak.replace("**", ""), class_="leak") if report.leak else ""
    links = [element("li", element("a", part.title, href=f"#part-{number}")) for number, part in parts]
    return document(
        f"{report.title} – emobridge",
        style,
        element(
            "header",
            leak,
            element("h1", report.title),
            element("p", str(report.facts.recipe.get("description", "")), class_="lead"),
            element("nav", element("ol", links), aria_label="Contents"),
        ),
        element("main", [_section(number, part) for number, part in parts]),
        element("footer", f"Made by emobridge {__version__}. The page is whole: it asks nothing of any network."),
    )


def _section(number: int, part: Section) -> Markup:
    drawn = [element("figure", drawing) for drawing in part.drawings]
    return element(
        "section",
        element("h2", part.title),
        element("p", part.note, class_="note") if part.note else "",
        element("div", drawn, class_="drawings") if drawn else "",
        _table(part.table) if part.table else "",
        element("ul", [element("li", line) for line in part.lines]) if part.lines else "",
        id=f"part-{number}",
    )


def _table(content: Table) -> Markup:
    rows = [element("tr", element("th", row[0], scope="row"), _cells(row[1:])) for row in content.rows]
    return table(content.header, rows)


def _cells(row: Sequence[str]) -> list[Markup]:
    return [element("td", *_lines(cell), class_="figure" if _is_figure(cell) else None) for cell in row]


def _lines(cell: str) -> list[Markup | str]:
    """Return a cell with its interval, if it ends in one, on a line of its own, so that wide tables fit on paper."""
    value, separator, interval = cell.partition(" [")
    return [value, element("small", f"[{interval}")] if separator and cell.endswith("]") else [cell]


def _is_figure(cell: str) -> bool:
    return cell[:1].isdigit() or cell[:1] in {"+", "-", "–", "<"}
