"""What axe finds wrong with a page. What is alike is looked at once: it takes most of the time these tests take."""

from __future__ import annotations

from pathlib import Path

import axe_playwright_python

OURS = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
# The one package.json pins, else the older one of the wheel: a fresh clone needs no npm.
AXE = OURS if OURS.exists() else Path(axe_playwright_python.__file__).with_name("axe.min.js")

# Marks what need not be looked at: of the rows of one table or list that have the same elements, classes and
# attributes, the third and all after it; and the frame of the page, where it was seen before in this look.
# Answers the frame's parts that were not.
MARK = """known => {
  document.querySelectorAll("[data-known]").forEach((part) => part.removeAttribute("data-known"));
  const elements = (part) => [part, ...part.querySelectorAll("*")]
    .map((e) => `${e.tagName} ${e.getAttribute("class")} ${e.getAttributeNames()}`);
  const rows = new Map();
  for (const row of document.querySelectorAll("main tbody tr, main li")) {
    const counts = rows.get(row.parentNode) ?? rows.set(row.parentNode, {}).get(row.parentNode);
    const shape = elements(row).join();
    counts[shape] = (counts[shape] ?? 0) + 1;
    if (counts[shape] > 2) row.dataset.known = "";
  }
  const look = [document.documentElement.dataset.theme, innerWidth, matchMedia("print").matches];
  const unknown = [];
  for (const part of document.querySelectorAll("body > header, #menu, body > dialog")) {
    const shape = [...look, ...[...new Set(elements(part))].sort()].join();
    if (known.includes(shape)) part.dataset.known = ""; else unknown.push(shape);
  }
  return unknown;
}"""
RUN = """options => axe.run({include: [["html"]], exclude: [["[data-known]"]]}, options)"""


class Axe:
    """Looks at the pages of one tab, and knows what it saw there."""

    def __init__(self, page) -> None:
        self.page = page
        self.known: list[str] = []  # parts of the frame, as they look
        self.script = page.context.add_init_script(path=AXE)  # into every page after this one

    def leave(self) -> None:
        """Come into no further page."""
        self.script.close()

    def violations(self) -> list[str]:
        if not self.page.evaluate("Boolean(window.axe)"):
            self.page.evaluate(AXE.read_text())
        # The style sheets, which are the same on every page, are fetched and read for the first one only.
        options = {"resultTypes": ["violations"], "preload": not self.known}
        self.known += self.page.evaluate(MARK, self.known)
        found = self.page.evaluate(RUN, options)["violations"]
        return [f"{v['id']}: {node['target']} {node['failureSummary']}" for v in found for node in v["nodes"]]
