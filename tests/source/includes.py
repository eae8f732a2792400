#!/usr/bin/env python3
"""The dependency law: every #include is one that the table in CONTRIBUTING.md allows.

A source belongs to the row with the longest folder that it lies in. What a row allows beside its own folder and the
standard library stands in its cells: folders, and libraries by the names below. "LibTorch in `a`, `b`" allows it to
these files alone: no other file of that folder reaches a header of LibTorch, not even through other headers.

  includes.py ROOT [--table]     --table: print how many includes lead from folder to folder, as a Markdown table
"""

import collections
import os.path
import re
import sys

import tree

PAGE = "CONTRIBUTING.md"
HEADING = "## The dependency law"
INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*[<\"]([^>\"\n]+)[>\"]", re.MULTILINE)
# Where "name.h" is looked for, beside the file's own folder.
SEARCHED = ("", "bitstream/include/", "codec/include/", "tests/runtime/")
# A header that no pattern matches is of the C++ standard library, or of C or POSIX in the list below.
LIBRARIES = (
    ("LibTorch", r"(torch|ATen|c10)/.*"), ("zstd", r"zstd\.h"), ("xxHash", r"xxhash\.h"), ("zlib", r"zlib\.h"),
    ("JSON", r"nlohmann/.*"), ("OpenSSL", r"openssl/.*"), ("Highway", r"hwy/.*"), ("Eigen", r"Eigen/.*"),
    ("Random123", r"Random123/.*"),
    ("fmt", r"fmt/.*"),
    ("libpng", r"png\.h"), ("libjpeg-turbo", r"(jpeglib|jerror)\.h"), ("lcms2", r"lcms2.*\.h"), ("TBB", r"(oneapi/)?tbb/.*"),
    ("libwebp", r"webp/.*"), ("libavif", r"avif/.*"), ("libjxl", r"jxl/.*"), ("librsvg", r"librsvg/.*|cairo.*\.h"),
    ("CLI11", r"CLI/.*"), ("GoogleTest", r"g(test|mock)/.*"), ("Google Benchmark", r"benchmark/.*"),
)
STANDARD = re.compile(
    r"[a-z_0-9]+|(dlfcn|errno|fcntl|malloc|poll|pthread|signal|spawn|std(io|lib|int)|string|unistd)\.h"
    r"|sys/(file|ioctl|mman|resource|stat|statvfs|time|types|wait|xattr)\.h")


class Row:
    """A row of the table: what the sources of one folder may include."""

    def __init__(self, folders, libraries):
        self.all = folders == "all"
        self.folders = set(re.findall(r"`([^`]+)/`", folders))
        self.libraries, self.torch_files = set(), set()
        for part in re.split(r",\s*(?![^(]*\))", libraries):
            name, _, files = part.partition(" in ")
            if files:
                self.torch_files = set(re.findall(r"`([^`]+)`", libraries[libraries.index(" in ") :]))
                if name.strip() != "LibTorch":
                    raise ValueError(f"{PAGE}: only LibTorch is allowed by file: {part}")
                break
            if name.strip():
                self.libraries.add(name.strip())

    def allows(self, folder):
        return self.all or any((folder + "/").startswith(name + "/") for name in self.folders)


def law(text):
    """{folder: Row} from the table below the heading."""
    _, found, text = text.partition(HEADING + "\n")
    rows = {}
    for line in text.split("\n## ")[0].splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 3 and (name := re.fullmatch(r"`([^`]+)/`", cells[0])):
            rows[name[1]] = Row(cells[1], cells[2])
    if not found or not rows:
        raise ValueError(f'{PAGE}: there is no table below "{HEADING}"')
    return rows


def folder_of(path, rows):
    fitting = [name for name in rows if path.startswith(name + "/")]
    return max(fitting, key=len, default=None)


def library_of(header):
    """The library's name, "" for the standard library, None for an unknown header."""
    for name, pattern in LIBRARIES:
        if re.fullmatch(pattern, header):
            return name
    return "" if STANDARD.fullmatch(header) else None


def check(root):
    """(faults, Counter of (folder, folder)) of the sources below `root`."""
    rows = law(tree.read(root, PAGE))
    files = tree.tracked(root)
    known = set(files)
    faults, edges = [], collections.Counter()
    torch, headers = set(), collections.defaultdict(set)
    sources = [name for name in files if name.endswith((".cc", ".h"))]
    for folder, row in rows.items():
        for name in [folder, *row.folders]:
            if not any(source.startswith(name + "/") for source in sources):
                faults.append(f"{PAGE}: there is no source in {name}/")
    for path in sources:
        folder = folder_of(path, rows)
        if folder is None:
            faults.append(f"{path}: {PAGE} has no row for its folder")
            continue
        row, text = rows[folder], tree.read(root, path)
        for match in INCLUDE.finditer(text):
            header = match[1]
            place = f'{path}:{text.count(chr(10), 0, match.start()) + 1}: "{header}"'
            candidates = [os.path.join(os.path.dirname(path), header), *(base + header for base in SEARCHED)]
            goal = next((name for name in candidates if name in known), None)
            if goal:
                other = folder_of(goal, rows)
                headers[path].add(goal)
                edges[folder, other] += 1
                if other != folder and not row.allows(other):
                    faults.append(f"{place}: {folder}/ must not include from {other}/")
                continue
            library = library_of(header)
            if library == "LibTorch":
                torch.add(path)
            if library is None:
                faults.append(f"{place}: is neither in the tree nor of a known library (tests/source/includes.py)")
            elif library and not row.all and library not in row.libraries:
                if not (library == "LibTorch" and row.torch_files):
                    faults.append(f"{place}: {folder}/ must not use {library}")
    # Who reaches LibTorch through headers reaches it as well.
    users = collections.defaultdict(set)
    for path, included in headers.items():
        for header in included:
            users[header].add(path)
    via = {path: None for path in torch}
    waiting = list(torch)
    while waiting:
        header = waiting.pop()
        for user in users[header] - via.keys():
            via[user] = header
            waiting.append(user)
    for path in sorted(via):
        row = rows.get(folder_of(path, rows))
        if row is None or row.all or "LibTorch" in row.libraries:
            continue
        name = os.path.basename(path)
        if name not in row.torch_files and os.path.splitext(name)[0] not in row.torch_files:
            faults.append(f"{path}: must not reach LibTorch" + (f" (through {via[path]})" if via[path] else ""))
    return faults, edges, rows


def table(edges, rows):
    """The number of includes from each folder (row) to each other (column)."""
    names = list(rows)
    targets = [name for name in names if any(edges[other, name] for other in names if other != name)]
    lines = ["| includes from, of | " + " | ".join(f"`{name}/`" for name in targets) + " |", "|---" * (len(targets) + 1) + "|"]
    for name in names:
        cells = [str(edges[name, target] or "") if target != name else "·" for target in targets]
        lines.append(f"| `{name}/` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    found, edge_counts, law_rows = check(sys.argv[1])
    if "--table" in sys.argv[2:]:
        print(table(edge_counts, law_rows))
    tree.finish(found, f"{sum(edge_counts.values())} includes obey the law of {len(law_rows)} folders")
