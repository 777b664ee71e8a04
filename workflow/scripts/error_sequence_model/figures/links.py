"""Links between the pages of a PDF, and its outline, which matplotlib does not write.

Places are inches from the page's top left corner; a page is known by its number, 1 is
the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

from matplotlib.backends.backend_pdf import Name, PdfPages

from error_sequence_model.figures.style import PAGE_HEIGHT


class Link(NamedTuple):
    """A rectangle that leads to a page.

    Attributes:
        left: Inches.
        top: Inches.
        width: Inches.
        height: Inches.
        target: Number of the page.
    """

    left: float
    top: float
    width: float
    height: float
    target: int


def add_links(pdf: PdfPages, links: Sequence[Link]) -> None:
    """Put links on the page that is saved next."""
    # A later page has no object yet, so that links go to names; see `add_outline`.
    pdf._ensure_file().pageAnnotations += [
        {
            "Type": Name("Annot"),
            "Subtype": Name("Link"),
            "Rect": [
                72 * link.left,
                72 * (PAGE_HEIGHT - link.top - link.height),
                72 * (link.left + link.width),
                72 * (PAGE_HEIGHT - link.top),
            ],
            "Border": [0, 0, 0],
            "Dest": _name(link.target),
        }
        for link in links
    ]


def _name(number: int) -> Name:
    return Name(f"page{number}")


def add_outline(pdf: PdfPages, titles: Sequence[tuple[str, str]]) -> None:
    """Write the outline after the last page, and the names that links go to.

    Args:
        pdf: All of whose pages are saved.
        titles: Group and title of each page; pages of one group that follow each other
            lie below its name, those without a group at the top.
    """
    file = pdf._ensure_file()
    pages = [[page, Name("Fit")] for page in file.pageList]
    root = file.reserveObject("outline")
    entries: list[tuple[str, int, list[tuple[str, int, list]]]] = []
    numbered = [(group, title, at) for at, (group, title) in enumerate(titles)]
    for group, members in groupby(numbered, key=lambda entry: entry[0]):
        items = [(title, at, []) for _, title, at in members]
        entries += [(group, items[0][1], items)] if group else items
    first, last = _write_level(file, root, entries, pages)
    outline = {"Type": Name("Outlines"), "Count": len(entries)}
    file.writeObject(root, outline | {"First": first, "Last": last})
    catalog = {
        "Type": Name("Catalog"),
        "Pages": file.pagesObject,
        "Outlines": root,
        "PageMode": Name("UseOutlines"),
        "Dests": {f"page{n}": page for n, page in enumerate(pages, start=1)},
    }
    # The file began with a catalogue of its own; the last one written counts.
    file.writeObject(file.rootObject, catalog)


def _write_level(
    file: Any, parent: Any, entries: Sequence[tuple[str, int, list]], pages: list
) -> tuple[Any, Any]:
    """Write entries with all below them; give the first and the last one's object."""
    objects = [file.reserveObject("outline entry") for _ in entries]
    for place, (title, at, below) in enumerate(entries):
        entry = {"Title": title, "Parent": parent, "Dest": pages[at]}
        if place:
            entry["Prev"] = objects[place - 1]
        if place + 1 < len(entries):
            entry["Next"] = objects[place + 1]
        if below:
            first, last = _write_level(file, objects[place], below, pages)
            # A negative count: folded up until it is clicked.
            entry |= {"First": first, "Last": last, "Count": -len(below)}
        file.writeObject(objects[place], entry)
    return objects[0], objects[-1]
