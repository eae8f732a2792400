#!/usr/bin/env python3
"""Every relative link of every tracked *.md file leads to a tracked file or folder, and its anchor to a heading.

Anchors follow GitHub's rule. Paths in `code` that begin with a folder of this repository must exist, too.
Links to other places are not followed: tests use no network.

  links.py ROOT
"""

import os.path
import re
import sys
import urllib.parse

import tree

FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?^ {0,3}\1[`~]*[ \t]*$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
# [text](target "title"), ![text](target); text may hold an image or brackets in pairs.
INLINE = re.compile(r"\]\(\s*<?([^\s<>()]*(?:\([^\s<>()]*\)[^\s<>()]*)*)>?(?:\s+[\"'(][^\"')]*[\"')])?\s*\)")
REFERENCE = re.compile(r"^ {0,3}\[[^\]\n]+\]:\s*<?([^\s>]+)>?", re.MULTILINE)
HTML = re.compile(r"<(?:a|img)\b[^>]*?\b(?:href|src)=[\"']([^\"']+)[\"']", re.IGNORECASE)
HTML_ANCHOR = re.compile(r"<[a-z]+\b[^>]*?\b(?:id|name)=[\"']([^\"']+)[\"']", re.IGNORECASE)
HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.*?)[ \t]*#*[ \t]*$", re.MULTILINE)


def blank(match):
    """The same number of lines and characters, without content: positions stay what they are."""
    return re.sub(r"[^\n]", " ", match[0])


def anchor(title):
    """GitHub's name for a heading, before those that are there twice get a number."""
    title = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", title)  # a link counts as its text
    title = re.sub(r"[`*]|<[^>]*>|(?<!\w)_|_(?!\w)", "", title)
    # Letters, digits, spaces, - and _ stay; a space becomes a hyphen each.
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def anchors(text):
    """The anchors that GitHub gives to the headings of a page, and those that the page sets itself."""
    text = COMMENT.sub(blank, FENCE.sub(blank, text))
    found = set(HTML_ANCHOR.findall(CODE.sub(blank, text)))
    seen = {}
    for title in HEADING.findall(text):
        name = anchor(title)
        count = seen.get(name, 0)
        seen[name] = count + 1
        found.add(f"{name}-{count}" if count else name)
    return found


def links(text):
    """(line, target) of every link of a page."""
    text = CODE.sub(blank, COMMENT.sub(blank, FENCE.sub(blank, text)))
    for pattern in (INLINE, REFERENCE, HTML):
        for match in pattern.finditer(text):
            yield text.count("\n", 0, match.start(1)) + 1, match[1]


def code_paths(text, folders):
    """(line, path) of every path in `code` that begins with one of the folders."""
    text = FENCE.sub(blank, text)
    pattern = re.compile(r"(?:%s)/[\w./-]*" % "|".join(map(re.escape, folders)))
    for match in CODE.finditer(text):
        # One word: a command has spaces, and names what need not be there; so have patterns.
        if pattern.fullmatch(match[2].strip()):
            yield text.count("\n", 0, match.start()) + 1, match[2].strip()


def check(root):
    """(faults, number of links) of the pages below `root`."""
    files = set(tree.tracked(root))
    folders = {""}
    for name in files:
        while name := os.path.dirname(name):
            folders.add(name)
    top = [name for name in folders if name and "/" not in name]
    pages = {name: tree.read(root, name) for name in sorted(files) if name.endswith(".md")}
    anchors_of = {name: anchors(text) for name, text in pages.items()}
    faults, count = [], 0
    for page, text in pages.items():
        for line, target in links(text):
            if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", target):
                continue
            count += 1
            path, _, fragment = urllib.parse.unquote(target).partition("#")
            base = "" if path.startswith("/") else os.path.dirname(page)
            goal = os.path.normpath(os.path.join(base, path.lstrip("/"))) if path else page
            goal = "" if goal == "." else goal
            if goal not in files and goal not in folders:
                faults.append(f"{page}:{line}: {target}: {goal} is not in this repository")
            elif fragment and goal in pages and fragment not in anchors_of[goal]:
                faults.append(f"{page}:{line}: {target}: {goal} has no heading #{fragment}")
            elif fragment and goal not in pages and not re.fullmatch(r"L\d+(-L\d+)?", fragment):
                faults.append(f"{page}:{line}: {target}: {goal} is no page with anchors")
        for line, path in code_paths(text, top):
            goal = path.rstrip("/.")
            if goal in files or goal in folders:
                continue
            # `codec/encoder` stands for its .h and .cc; NAME for any name.
            stands = any(f"{goal}{ending}" in files for ending in (".h", ".cc"))
            if not stands and not re.search(r"\b[A-Z]{3,}\b", goal):
                faults.append(f"{page}:{line}: `{path}`: {goal} is not in this repository")
    return faults, count, len(pages)


if __name__ == "__main__":
    found, number, page_count = check(sys.argv[1])
    tree.finish(found, f"{number} links of {page_count} pages lead somewhere")
