#!/usr/bin/env python3
"""Tables of docs/results/*.json, put between the markers of the pages; standard library only.

  results_pages.py ROOT     <!-- results:NAME --> ... <!-- /results:NAME --> in README.md and docs/ is written anew

NAME is one of FRAGMENTS. Test source.figures compares the pages with what this module makes.
"""

import glob
import json
import os
import re
import sys

MARKED = re.compile(r"<!-- results:([\w-]+) -->\n(.*?)<!-- /results:\1 -->", re.DOTALL)
MARKER = re.compile(r"<!-- /?results:[\w-]+ -->")

NAMES = {"ae": "Halfmoon", "ae:tune=ms-ssim": "Halfmoon, `--tune ms-ssim`", "ae:model=vqvae": "Halfmoon, `--model vqvae`",
         "ae:effort=1": "Halfmoon, `-e 1`", "ae:effort=2": "Halfmoon, `-e 2`", "ae:effort=5": "Halfmoon, `-e 5`", "avif": "AVIF", "avif:speed=0": "AVIF, slowest",
         "jpeg": "JPEG 4:2:0", "jxl": "JPEG XL", "jxl:effort=9": "JPEG XL, effort 9", "webp": "WebP", "webp:method=6": "WebP, slowest"}
METRICS = {"psnr_rgb": "PSNR (RGB)", "ms_ssim_db": "MS-SSIM", "ssimulacra2": "SSIMULACRA 2"}
PUBLISHED = ("JPEG", "WebP", "BPG 4:4:4 x265", "AV1 libaom", "VTM (VVC intra)")


def name_of(codec):
    return NAMES.get(codec, f"`{codec}`")


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("|" + "|".join(cell if cell == "---" else f" {cell} " for cell in line) + "|" for line in lines) + "\n"


def percent(value):
    return "–" if value is None else f"{value:+.1f} %"


def seconds(value):
    return f"{value:.3f}" if value < 1 else f"{value:.3g}"


def find(entries, **keys):
    return next((e for e in entries if all(e[k] == v for k, v in keys.items())), None)


def bd(result, anchor, test, metric, wins=False):
    """BD-rate, and on how many images `test` needs fewer bits, of those whose curves can be compared."""
    if anchor == test:
        return "0"
    entry = find(result["bd"], anchor=anchor, test=test, metric=metric)
    text = percent(entry["bd_rate"])
    return text + (f" ({entry['wins']} of {entry['count']})" if wins and entry["count"] else "")


def bd_table(result, anchor, wins=True, leave_out=()):
    rows = [[name_of(c["name"])] + [bd(result, anchor, c["name"], metric, wins) for metric in METRICS]
            for c in result["codecs"] if c["name"] != anchor and c["name"] not in leave_out]
    return table([f"against {name_of(anchor)}", *METRICS.values()], rows)


def peers_tables(result):
    return bd_table(result, "jpeg") + "\n" + bd_table(result, "avif", leave_out=("jpeg",))


def levels_table(result, codec):
    points = find(result["codecs"], name=codec)["points"]
    return table(["quality", "bpp", "PSNR, dB", "MS-SSIM", "SSIMULACRA 2"],
                 [[f"{p['quality']:g}", f"{p['bpp']:.3f}", f"{p['psnr_rgb']:.2f}", f"{p['ms_ssim']:.4f}", f"{p['ssimulacra2']:.1f}"] for p in points])


def published_table(result):
    metrics = [m for m in METRICS if find(result["published"], metric=m)]
    rows = []
    for codec in result["codecs"]:
        for metric in metrics:
            entries = [find(result["published"], anchor=anchor, test=codec["name"], metric=metric) for anchor in PUBLISHED]
            rows.append([name_of(codec["name"]), METRICS[metric]] + [percent(e["bd_rate"]) if e else "–" for e in entries])
    return table(["against published", "", *PUBLISHED], rows)


def times_table(result):
    rows = []
    for codec in result["codecs"]:
        by_threads = codec["times"]
        memory = [max(t[f"{way}_memory_bytes"] for t in by_threads) / 1e6 for way in ("encode", "decode")]
        rows.append([name_of(codec["name"])] + [seconds(t[f"{way}_seconds"]) for way in ("encode", "decode") for t in by_threads]
                    + ["{:.0f}, {:.0f} MB".format(*memory)])
    threads = [f"{t['threads']} thread" + "s" * (t["threads"] > 1) for t in result["codecs"][0]["times"]]
    return table(["seconds an image", *(f"{way}, {t}" for way in ("encode", "decode") for t in threads), "memory, encode and decode"], rows)


def effort_table(result):
    rows = []
    for codec in result["codecs"]:
        saved = ["" if codec["name"] == "ae:effort=1" else bd(result, "ae:effort=1", codec["name"], metric) for metric in METRICS]
        rows.append([codec["name"].removeprefix("ae:effort="), *saved, seconds(codec["times"][0]["encode_seconds_per_megapixel"]) + " s"])
    return table(["effort", *METRICS.values(), "time per megapixel, one thread"], rows)


def guidance_table(result):
    rows = [[run["setting"], f"{100 * run['accuracy']:.1f} %", f"{run['spread']:.2f}", f"{run['frechet']:.0f}"] for run in result["runs"]]
    return table(["setting", "accuracy", "spread", "Fréchet distance"], rows)


def readme_table(kodak, performance=None):
    head = ["codec", "equal PSNR", "equal SSIMULACRA 2"] + (["encode, s", "decode, s"] if performance else [])
    rows = []
    for name in ("ae", "ae:tune=ms-ssim", "jxl", "avif", "webp", "jpeg"):
        codec = find(kodak["codecs"], name=name)
        version = "" if name.startswith("ae") else f" ({' '.join(codec['version'].split()[:2])})"
        row = [name_of(name) + version, bd(kodak, "jpeg", name, "psnr_rgb"), bd(kodak, "jpeg", name, "ssimulacra2")]
        if performance:
            times = find(performance["codecs"], name=name)["times"][0]
            row += [seconds(times["encode_seconds"]), seconds(times["decode_seconds"])]
        rows.append(row)
    return table(head, rows)


def ms_ssim_table(result):
    """The model tuned for MS-SSIM against three others."""
    rows = [[name_of(anchor)] + [bd(result, anchor, "ae:tune=ms-ssim", metric, wins=True) for metric in METRICS] for anchor in ("jpeg", "ae", "avif")]
    return table(["against", *METRICS.values()], rows)


def crops_figure(result, folder):
    matched = result["matched"]
    scores = [f"{name_of(codec)} {find(matched['files'], codec=codec)['ssimulacra2']:.0f}" for codec in ("ae", "ae:tune=ms-ssim", "avif", "jxl", "jpeg")]
    figure = os.path.relpath("docs/figures/crops.png", folder or ".")
    return f"![The same part of an image at equal size]({figure})\n\n" + wrap(
        f"A part of {matched['image'].removesuffix('.png')} (Kodak, unrestricted use), every file at about {matched['bpp']:g} bits per pixel. "
        f"SSIMULACRA 2 of the whole image: {'; '.join(scores)}.")


# Name: the parts it needs (with ? where it can do without), and what makes it of them.
FRAGMENTS = {
    "readme": (("kodak", "performance?"), readme_table),
    "crops": (("crops",), crops_figure),
    "kodak": (("kodak",), peers_tables),
    "kodak-ms-ssim": (("kodak",), ms_ssim_table),
    "levels-ae": (("levels",), lambda r: levels_table(r, "ae")),
    "levels-ms-ssim": (("levels",), lambda r: levels_table(r, "ae:tune=ms-ssim")),
    "levels-published": (("levels",), published_table),
    "vqvae-levels": (("vqvae",), lambda r: levels_table(r, "ae:model=vqvae")),
    "vqvae-published": (("vqvae",), published_table),
    "eval2": (("eval2",), peers_tables),
    "validation": (("validation",), peers_tables),
    "speeds": (("speeds",), lambda r: bd_table(r, "ae", leave_out=("jpeg",))),
    "overfitted": (("overfitted",), lambda r: bd_table(r, "ae")),
    "performance": (("performance",), times_table),
    "effort": (("effort",), effort_table),
    "generation": (("generation",), guidance_table),
}


def sources(results, folder):
    """Where a table comes from. On the page of results everything, elsewhere a link and what may age."""
    if folder == "docs/results":
        return "\n".join(source(result) for result in results)
    page = os.path.relpath("docs/results/README.md", folder or ".")
    parts = ", ".join(f"[{result['part']}]({page}#{result['part']}) on {result['date']}" for result in results)
    return wrap(f"Measured with the shipped weights: {parts}.")  # source.figures sees to it that they are


def source(result):
    weights = ", ".join(f"`{name}` {identity}" for name, identity in sorted(result["weights"].items()))
    text = f"[{result['part']}.json]({result['part']}.json): {result['date']}, commit {result['commit']}; weights {weights};"
    if "dataset" in result:
        text += " {name}, {count} image{s}, {megapixels:.1f} megapixels;".format(**result["dataset"], s="s" * (result["dataset"]["count"] > 1))
    versions = [" ".join(c["version"].split()[:2]) for c in result.get("codecs", []) if not c["version"].startswith("halfmoon")]
    text += "".join(f" {version}," for version in dict.fromkeys(versions)).rstrip(",") + (";" if versions else "")
    return wrap(f"{text} {result['machine']['cores']} cores of {result['machine']['cpu']}.") + "\n```sh\n" + shell(result["command"]) + "```\n"


def wrap(text, width=120):
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return "\n".join(lines + [line]) + "\n"


def shell(command):
    """Lines of a page; an option and its value stay together."""
    lines = wrap(re.sub(r"(--[\w-]+) (?!-)", r"\1\0", command), 114).replace("\0", " ").splitlines()
    return " \\\n    ".join(lines) + "\n"


def read_results(root):
    results = {}
    for path in sorted(glob.glob(os.path.join(root, "docs", "results", "*.json"))):
        with open(path, encoding="utf-8") as file:
            results[os.path.basename(path).removesuffix(".json")] = json.load(file)
    return results


def render(name, results, page):
    """The text between the markers of a fragment; KeyError names the part that was not measured."""
    parts, make = FRAGMENTS[name]
    found = [results[part] if not part.endswith("?") else results.get(part[:-1]) for part in parts]
    folder = os.path.dirname(page)
    text = make(*found, folder) if make is crops_figure else make(*found)
    return "\n" + text + "\n" + sources([result for result in found if result], folder)


def pages(root):
    return [path for pattern in ("README.md", "docs/**/*.md") for path in sorted(glob.glob(os.path.join(root, pattern), recursive=True))]


def main(root):
    results, shown = read_results(root), set()
    for path in pages(root):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        page = os.path.relpath(path, root)

        def fill(match):
            shown.add(match[1])
            try:
                return f"<!-- results:{match[1]} -->\n{render(match[1], results, page)}<!-- /results:{match[1]} -->"
            except KeyError as error:
                sys.exit(f"error: {page}: results:{match[1]} needs {error}; run scripts/results.sh with that part")

        new = MARKED.sub(fill, text)
        if new != text:
            with open(path + ".part", "w", encoding="utf-8") as file:
                file.write(new)
            os.replace(path + ".part", path)
            print(f"{page}: written")
    for name, (parts, _) in FRAGMENTS.items():
        if name not in shown and all(part.endswith("?") or part in results for part in parts):
            print(f"no page shows {name}; put in, for what is written by hand: <!-- results:{name} --> and <!-- /results:{name} -->")


if __name__ == "__main__":
    main(sys.argv[1])
