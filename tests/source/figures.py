#!/usr/bin/env python3
"""Figures in the pages are those of docs/results/*.json, and these were measured with the shipped weights.

  figures.py ROOT

scripts/results.sh measures; what stands between its markers is never written by hand.
"""

import importlib.util
import json
import os
import sys

import tree


def renderer(root):
    """The module that fills the pages, of the checkout that is looked at."""
    spec = importlib.util.spec_from_file_location("results_pages", os.path.join(root, "scripts", "results_pages.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check(root, pages=None):
    """(faults, number of fragments); `pages`: the module scripts/results_pages.py, where it is loaded already."""
    pages = pages or renderer(root)
    files = set(tree.tracked(root))
    results = pages.read_results(root)
    faults, count = [], 0
    shipped = {model["name"]: model["identity"] for model in json.loads(tree.read(root, "models/weights/manifest.json"))}
    for part, result in results.items():
        path = f"docs/results/{part}.json"
        if path not in files:
            faults.append(f"{path}: is not in this repository: git add it")
        for name, identity in result["weights"].items():
            if shipped.get(name) != identity:
                faults.append(f"{path}: measured with {name} {identity}, shipped is {shipped.get(name)}; run: scripts/results.sh {part}")
    used = set()
    for page in sorted(name for name in files if name.endswith(".md")):
        text = tree.read(root, page)
        fragments = list(pages.MARKED.finditer(text))
        if 2 * len(fragments) != len(pages.MARKER.findall(text)):
            faults.append(f"{page}: a marker of results has no partner")
        for match in fragments:
            place = f"{page}:{text.count(chr(10), 0, match.start()) + 1}: results:{match[1]}"
            count += 1
            if match[1] not in pages.FRAGMENTS:
                faults.append(f"{place}: scripts/results_pages.py knows no such fragment")
                continue
            parts = [part.rstrip("?") for part in pages.FRAGMENTS[match[1]][0] if not part.endswith("?") or part[:-1] in results]
            used.update(parts)
            missing = [part for part in parts if part not in results]
            if missing:
                faults.append(f"{place}: there is no docs/results/{missing[0]}.json; run: scripts/results.sh {missing[0]}")
            elif pages.render(match[1], results, page) != match[2]:
                faults.append(f"{place}: differs from {' and '.join(f'docs/results/{part}.json' for part in parts)}; run: scripts/results.sh pages")
    faults += [f"docs/results/{part}.json: no page shows it" for part in results if part not in used]
    return faults, count


if __name__ == "__main__":
    found, number = check(sys.argv[1])
    tree.finish(found, f"{number} fragments of pages are what was measured with the shipped weights")
