"""Reports as a reader sees them."""

from __future__ import annotations

from html.parser import HTMLParser

from partita.evaluation.report import write_report


class Page(HTMLParser):
    """The tables, links and headings of a page, as a reader sees them."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.links, self.headings, self.tags = {}, [], [], []
        self._table = self._cell = self._heading = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tags.append((tag, found))
        self.links += [found[name] for name in ("src", "href", "xlink:href") if found.get(name)]
        if tag == "table":
            self._table = self.tables.setdefault(found["class"].split()[0], [])
        elif tag == "tr":
            self._table.append([])
        elif tag in ("td", "th"):
            self._cell = []
        elif tag in ("h1", "h2", "h3"):
            self._heading = []

    def handle_data(self, data):
        for place in (self._cell, self._heading):
            if place is not None:
                place.append(data)

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._table[-1].append(" ".join("".join(self._cell).split()))
            self._cell = None
        elif tag in ("h1", "h2", "h3"):
            self.headings.append(" ".join("".join(self._heading).split()))
            self._heading = None


def report(tmp_path, *runs, **options):
    path = tmp_path / "report.html"
    write_report(runs, path, **options)
    return path.read_text(encoding="utf-8")
