#!/usr/bin/env python3
"""A copy of all pages, and of the files that they link to, for Sphinx.

  stage.py ROOT FOLDER

README.md becomes index.md and gets the contents. A link to a folder leads to its README.md, and to the code itself,
which is no part of the site, none.
"""

import os
import re
import shutil
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "source"))
import links  # noqa: E402
import tree  # noqa: E402

SHOWN = (".svg", ".png")
INTERFACE = """# C++ interface

The public headers, by Doxygen: <a href="api/annotated.html">classes</a>, <a href="api/files.html">headers</a>.
"""
CONTENTS = {
    "Use": ["cli/README", "interface", "docs/large-pictures", "docs/effort", "docs/generation", "docs/vae", "docs/half-moon"],
    "Understand": ["docs/how-it-works", "docs/glossary", "docs/architecture", "bitstream/FORMAT", "docs/metrics"],
    "Measured": ["docs/results/README", "docs/models", "docs/conformance", "docs/conformance-codec", "docs/eval-format"],
    "Make": ["docs/training", "docs/training-data", "CONTRIBUTING", "docs/checks", "docs/release", "SECURITY", "CHANGELOG"],
}


def page_of(path, files):
    """The page that a link's path leads to, or None."""
    path = "" if path == "." else path
    readme = os.path.join(path, "README.md")
    goal = path if path in files else readme if readme in files else None
    return "index.md" if goal == "README.md" else goal


def rewrite(text, page, files, used):
    """The page's text with links that lead to pages and pictures of the site; others become their text."""
    base = os.path.dirname(page)

    def relink(match):
        target = match["target"]
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|#", target):
            return match[0]
        path, _, anchor = target.partition("#")
        goal = page_of(os.path.normpath(os.path.join(base, path)), files)
        if goal is None or not (goal.endswith((".md", *SHOWN))):
            return match["text"]
        if goal.endswith(SHOWN):
            used.add(goal)
        return f"{match['bang']}[{match['text']}]({os.path.relpath(goal, base or '.')}{'#' + anchor if anchor else ''})"

    kept, last = [], 0
    hidden = [m.span() for pattern in (links.FENCE, links.CODE) for m in pattern.finditer(text)]
    pattern = re.compile(r"(?P<bang>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^()\s]+)\)")
    for match in pattern.finditer(text):
        if not any(start <= match.start() < end for start, end in hidden):
            kept += [text[last:match.start()], relink(match)]
            last = match.end()
    return "".join(kept) + text[last:]


def contents(pages):
    named = {page for group in CONTENTS.values() for page in group}
    rest = sorted(page for page in pages if page not in named and page != "index")
    groups = {**CONTENTS, "History": [p for p in rest if p.startswith("docs/history/")],
              "The code": [p for p in rest if not p.startswith("docs/history/")]}
    text = "\n"
    for caption, names in groups.items():
        text += f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n" + "\n".join(names)
        text += "\n```\n\n"
    return text


def main(root, folder):
    files = set(tree.tracked(root))
    pages, used = {}, set()
    for page in sorted(name for name in files if name.endswith(".md") and not name.startswith(".")):
        pages["index.md" if page == "README.md" else page] = rewrite(tree.read(root, page), page, files, used)
    pages["interface.md"] = INTERFACE
    pages["index.md"] += contents([page.removesuffix(".md") for page in pages])
    for page, text in pages.items():
        path = os.path.join(folder, page)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    for name in used:
        os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
        shutil.copy(os.path.join(root, name), os.path.join(folder, name))


if __name__ == "__main__":
    main(*sys.argv[1:])
