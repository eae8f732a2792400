#!/usr/bin/env python3
"""links.py, includes.py and figures.py find what they are there for: small trees with one fault each."""

import json
import os
import subprocess
import tempfile
import unittest

import figures
import includes
import links

LAW = """# C

## The dependency law

| folder | may include from | libraries |
|---|---|---|
| `low/` | | JSON, LibTorch in `net` |
| `high/` | `low/` | |
| `tests/` | all | all |

## Next
"""


def faults_of(check, files):
    """The faults that a check finds in a checkout of the given files."""
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            os.makedirs(os.path.join(root, os.path.dirname(name)), exist_ok=True)
            with open(os.path.join(root, name), "w", encoding="utf-8") as file:
                file.write(text)
        for command in (["init", "-q"], ["add", "-A"]):
            subprocess.run(["git", "-C", root, *command], check=True)
        return check(root)[0]


class Links(unittest.TestCase):
    def faults(self, text):
        other = "# One\n\n## Two & more: `x_y` (z)\n\n## One\n"
        return faults_of(links.check, {"page.md": text, "docs/other.md": other, "docs/a.cc": ""})

    def test_good_links(self):
        self.assertEqual(self.faults(
            "# Top\n[a](docs/other.md) [b](docs/other.md#two--more-x_y-z) [c](docs/) [d](#top) [e](docs/a.cc#L3)\n"
            "[f](https://example.org/none) [g](docs/other.md#one-1) `docs/a` `docs/NAME.json` `docs/other.md`\n"
            "```\n[h](none.md)\n```\n`[i](none.md)` <!-- [j](none.md) -->\n[k]: docs/other.md#one\n"), [])

    def test_each_fault_is_found(self):
        for text, fault in (
            ("\n[a](docs/none.md)", "page.md:2: docs/none.md: docs/none.md is not in this repository"),
            ("[a](docs/Other.md)", "page.md:1: docs/Other.md: docs/Other.md is not in this repository"),
            ("![a](none.png)", "page.md:1: none.png: none.png is not in this repository"),
            ("[a](docs/other.md#three)", "page.md:1: docs/other.md#three: docs/other.md has no heading #three"),
            ("[a](docs/other.md#one-2)", "page.md:1: docs/other.md#one-2: docs/other.md has no heading #one-2"),
            ("[a](#top)", "page.md:1: #top: page.md has no heading #top"),
            ("[a]: docs/none.md", "page.md:1: docs/none.md: docs/none.md is not in this repository"),
            ('<img src="none.svg">', "page.md:1: none.svg: none.svg is not in this repository"),
            ("see `docs/none.cc`", "page.md:1: `docs/none.cc`: docs/none.cc is not in this repository"),
        ):
            self.assertEqual(self.faults(text), [fault])

    def test_links_start_where_the_page_lies(self):
        files = {"docs/page.md": "[a](b.md) [c](../d.md) [e](/d.md)", "docs/b.md": "", "d.md": ""}
        self.assertEqual(faults_of(links.check, files), [])


class Includes(unittest.TestCase):
    def faults(self, **files):
        base = {"CONTRIBUTING.md": LAW, "low/a.h": "#include <vector>\n", "low/net.h": "#include <torch/torch.h>\n",
                "high/b.cc": '#include "low/a.h"\n#include <sys/stat.h>\n', "tests/t.cc": '#include "high/c.h"\n', "high/c.h": ""}
        names = {name.replace("__", "/").replace("_cc", ".cc").replace("_h", ".h"): text for name, text in files.items()}
        return faults_of(includes.check, {**base, **names})

    def test_a_lawful_tree(self):
        self.assertEqual(self.faults(low__d_cc='#include "a.h"\n#include <nlohmann/json.hpp>\n', low__net_cc='#include "net.h"\n'), [])

    def test_each_fault_is_found(self):
        self.assertEqual(self.faults(low__d_cc='\n#include "high/c.h"\n'),
                         ['low/d.cc:2: "high/c.h": low/ must not include from high/'])
        self.assertEqual(self.faults(high__d_cc="#include <nlohmann/json.hpp>\n"),
                         ['high/d.cc:1: "nlohmann/json.hpp": high/ must not use JSON'])
        self.assertEqual(self.faults(high__d_cc="#include <torch/torch.h>\n"),
                         ['high/d.cc:1: "torch/torch.h": high/ must not use LibTorch', "high/d.cc: must not reach LibTorch"])
        self.assertEqual(self.faults(low__d_cc="#include <torch/torch.h>\n"), ["low/d.cc: must not reach LibTorch"])
        self.assertEqual(self.faults(low__d_h='#include "low/net.h"\n', high__e_cc='#include "low/d.h"\n'),
                         ["high/e.cc: must not reach LibTorch (through low/d.h)", "low/d.h: must not reach LibTorch (through low/net.h)"])
        self.assertEqual(self.faults(new__d_cc=""), ["new/d.cc: CONTRIBUTING.md has no row for its folder"])
        self.assertEqual(self.faults(high__d_cc="#include <nobody/knows.h>\n#include \"gone.h\"\n"), [
            f'high/d.cc:{line}: "{name}": is neither in the tree nor of a known library (tests/source/includes.py)'
            for line, name in ((1, "nobody/knows.h"), (2, "gone.h"))])


class Figures(unittest.TestCase):
    PAGES = figures.renderer(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    LEVELS = {"part": "levels", "date": "2026-01-02", "commit": "abc1234", "command": "halfmoon eval KODAK",
              "machine": {"cpu": "X", "cores": 2}, "weights": {"ae-photo": "0123"}, "published": [], "bd": [],
              "codecs": [{"name": "ae", "version": "", "times": [], "points": [
                  {"quality": 50, "bpp": 0.5, "psnr_rgb": 33.25, "ms_ssim": 0.98, "ssimulacra2": 60}]}]}

    def faults(self, page, identity="0123", **more):
        manifest = json.dumps([{"name": "ae-photo", "identity": identity}])
        return faults_of(lambda root: figures.check(root, self.PAGES),
                         {"models/weights/manifest.json": manifest, "docs/results/levels.json": json.dumps({**self.LEVELS, **more}),
                          "docs/page.md": page})

    def marked(self, name="levels-ae", text=None):
        text = self.PAGES.render(name, {"levels": self.LEVELS}, "docs/page.md") if text is None else text
        return f"# Top\n<!-- results:{name} -->\n{text}<!-- /results:{name} -->\n"

    def test_every_fragment_can_be_made(self):
        codecs = [*self.PAGES.NAMES, "ae:effort=9", "overfitted:iterations=1000"]
        point = {"quality": 50, "bpp": 0.5, "psnr_rgb": 33.25, "ms_ssim": 0.98, "ssimulacra2": 60}
        times = {"threads": 1, **{f"{way}_{figure}": 1 for way in ("encode", "decode")
                                  for figure in ("seconds", "seconds_per_megapixel", "memory_bytes")}}
        result = {**self.LEVELS, "dataset": {"name": "Kodak", "count": 24, "megapixels": 9.4},
                  "codecs": [{"name": codec, "version": "lib 1.0", "points": [point], "times": [times]} for codec in codecs],
                  "bd": [{"anchor": a, "test": b, "metric": m, "bd_rate": -1.25, "count": 24, "wins": 20, "losses": 4}
                         for a in codecs for b in codecs for m in self.PAGES.METRICS],
                  "published": [{"anchor": "JPEG", "test": "ae", "metric": "psnr_rgb", "bd_rate": -50}],
                  "runs": [{"setting": "--guidance 1", "accuracy": 0.835, "spread": 0.95, "frechet": 155}],
                  "matched": {"image": "a.png", "bpp": 0.2, "files": [{"codec": codec, "ssimulacra2": 50} for codec in codecs]}}
        parts = {part.rstrip("?") for needed, _ in self.PAGES.FRAGMENTS.values() for part in needed}
        results = {part: {**result, "part": part} for part in parts}
        made = {name: self.PAGES.render(name, results, "docs/results/README.md") for name in self.PAGES.FRAGMENTS}
        self.assertIn("| Halfmoon | -1.2 % | -1.2 % | 1 | 1 |", made["readme"])
        self.assertIn("| AVIF | -1.2 % (20 of 24) | -1.2 % (20 of 24) | -1.2 % (20 of 24) |", made["eval2"])
        self.assertIn("| 9 | -1.2 % | -1.2 % | -1.2 % | 1 s |", made["effort"])
        self.assertIn("| Halfmoon | PSNR (RGB) | -50.0 % | – | – | – | – |", made["levels-published"])
        self.assertIn("| --guidance 1 | 83.5 % | 0.95 | 155 |", made["generation"])
        self.assertIn("| WebP | 1 | 1 | 0, 0 MB |", made["performance"])

    def test_a_page_as_measured(self):
        self.assertIn("| 50 | 0.500 | 33.25 | 0.9800 | 60.0 |", self.marked())
        self.assertEqual(self.faults(self.marked()), [])

    def test_each_fault_is_found(self):
        shown = self.marked()
        differs = "docs/page.md:2: results:levels-ae: differs from docs/results/levels.json; run: scripts/results.sh pages"
        self.assertEqual(self.faults(shown.replace("33.25", "33.52")), [differs])
        self.assertEqual(self.faults(shown, date="2026-01-03"), [differs])
        self.assertEqual(self.faults(shown, identity="4567"), [
            "docs/results/levels.json: measured with ae-photo 0123, shipped is 4567; run: scripts/results.sh levels"])
        self.assertEqual(self.faults(shown + self.marked("vqvae-levels", "")), [
            "docs/page.md:11: results:vqvae-levels: there is no docs/results/vqvae.json; run: scripts/results.sh vqvae"])
        self.assertEqual(self.faults(shown + self.marked("none", "")), [
            "docs/page.md:11: results:none: scripts/results_pages.py knows no such fragment"])
        self.assertEqual(self.faults(shown + "<!-- results:effort -->\n"), ["docs/page.md: a marker of results has no partner"])
        self.assertEqual(self.faults(""), ["docs/results/levels.json: no page shows it"])


if __name__ == "__main__":
    unittest.main()
