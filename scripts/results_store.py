#!/usr/bin/env python3
"""From what a part of results.sh left in its folder to docs/results/PART.json and the files beside it.

  results_store.py PART FOLDER LOAD     LOAD: the machine's load average before the part began

Needs SciPy, for Bjontegaard differences between any two codecs; `halfmoon eval` gives those against its first one.
"""

import csv
import datetime
import json
import math
import os
import re
import shutil
import statistics
import subprocess
import sys

import numpy
from scipy.interpolate import PchipInterpolator

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RESULTS = os.path.join(ROOT, "docs", "results")
CROP = "200x156+94+114"  # of kodim23: a head; 6 panels make less than 300 kB
CROP_NAMES = {"ae": "Halfmoon", "ae:tune=ms-ssim": "Halfmoon ms-ssim", "avif": "AVIF", "jxl": "JPEG XL", "jpeg": "JPEG"}
METRICS = ("psnr_rgb", "ms_ssim", "ms_ssim_db", "ssimulacra2")  # those that tables show
BD_METRICS = ("psnr_rgb", "ms_ssim_db", "ssimulacra2")
WITH_FILES = ("kodak", "eval2")  # public pictures: curves, CompressAI's layout, and a row for each picture
CODE = ("bitstream", "models", "codec", "eval", "cli")
# Codecs that others are compared with, where they take part.
ANCHORS = ("jpeg", "ae", "ae:tune=ms-ssim", "avif", "ae:effort=1")


def bd_rate(anchor, test):
    """Per cent more bits that `test` needs at equal metric; curves are lists of (bpp, metric).

    As eval/bjontegaard.h has it: the mean difference of ln(rate) over the common range, PCHIP between the points.
    None where eval refuses: fewer than four points, a curve that falls, nothing in common.
    """
    curves = [numpy.array(sorted(curve)).T for curve in (anchor, test)]
    if any(curve.shape[-1] < 4 or numpy.any(numpy.diff(curve[1]) <= 0) for curve in curves):
        return None
    low, high = max(c[1][0] for c in curves), min(c[1][-1] for c in curves)
    if low >= high:
        return None
    means = [PchipInterpolator(metric, numpy.log(rate)).integrate(low, high) / (high - low) for rate, metric in curves]
    return round(100 * (math.exp(means[1] - means[0]) - 1), 3)


def differences(report, rows):
    """Every codec against each of ANCHORS: over the mean curves, and the pictures won and lost."""
    means, pictures = {}, {}
    for codec in report["codecs"]:
        for metric in BD_METRICS:
            means[codec["name"], metric] = [(p["bpp"], p["metrics"][metric]) for p in codec["points"] if not p["failed"]]
    for row in rows:
        for metric in BD_METRICS:
            if row[metric]:
                pictures.setdefault((row["codec"], metric), {}).setdefault(row["picture"], []).append((float(row["bpp"]), float(row[metric])))
    names = [codec["name"] for codec in report["codecs"]]
    found = []
    for anchor in (name for name in ANCHORS if name in names):
        for test in (name for name in names if name != anchor):
            for metric in BD_METRICS:
                rate = bd_rate(means[anchor, metric], means[test, metric])
                each = [bd_rate(curve, pictures[test, metric].get(picture, [])) for picture, curve in pictures[anchor, metric].items()]
                each = [value for value in each if value is not None]
                found.append({"anchor": anchor, "test": test, "metric": metric, "bd_rate": rate, "count": len(each),
                              "wins": sum(value < 0 for value in each), "losses": sum(value > 0 for value in each)})
    # Two computations of the same thing: SciPy's, and the program's own.
    own = {(d["anchor"], d["test"], d["metric"]): d.get("bd_rate") for d in report["bd"] if not d["published"]}
    for entry in found:
        key = entry["anchor"], entry["test"], entry["metric"]
        if key in own and (own[key] is None) != (entry["bd_rate"] is None):
            sys.exit(f"error: {key}: halfmoon eval says {own[key]}, SciPy {entry['bd_rate']}")
        if own.get(key) is not None and abs(own[key] - entry["bd_rate"]) > 0.02:
            sys.exit(f"error: {key}: halfmoon eval says {own[key]}, SciPy {entry['bd_rate']}")
    published = []
    for anchor in report["anchors"]:
        for name in names:
            for metric in BD_METRICS:
                curve = [(p["bpp"], p["metrics"][metric]) for p in anchor["points"] if metric in p["metrics"]]
                rate = bd_rate(curve, means[name, metric]) if curve else None
                if rate is not None:
                    published.append({"anchor": anchor["name"], "test": name, "metric": metric, "bd_rate": rate})
    return found, published


def times(codec, report):
    """Means over pictures and qualities for each number of threads; memory is the largest."""
    sizes = [p["width"] * p["height"] / 1e6 for p in report["dataset"]["pictures"]]
    found = []
    for threads in sorted({row["threads"] for row in codec["timing"]}):
        rows = [row for row in codec["timing"] if row["threads"] == threads]
        entry = {"threads": threads, "measurements": len(rows)}
        for way in ("encode", "decode"):
            entry[f"{way}_seconds"] = statistics.mean(row[f"{way}_seconds"] for row in rows)
            entry[f"{way}_seconds_per_megapixel"] = statistics.mean(row[f"{way}_seconds"] / sizes[row["picture"]] for row in rows)
            entry[f"{way}_memory_bytes"] = max(row[f"{way}_memory_bytes"] for row in rows)
        found.append(entry)
    return found


def placeholders(arguments):
    """The command as a page shows it: no paths of this machine, and without what decides about no number."""
    words, skip = [], False
    for word in arguments:
        if skip:
            skip = False
        elif word == "--models-dir":
            skip = True
        elif re.search(r"/kodim\d+\.png$", word):
            words.append("KODAK/" + os.path.basename(word))
        elif "/" in word and word.startswith(("/", ".")):
            inside = os.path.relpath(word, ROOT)
            words.append(inside if not inside.startswith("..") and not inside.startswith("build") else os.path.basename(word).upper())
        else:
            words.append(f"'{word}'" if " " in word else word)
    return " ".join(words)


def from_report(part, folder):
    with open(os.path.join(folder, "results.json"), encoding="utf-8") as file:
        report = json.load(file)
    with open(os.path.join(folder, "pictures.csv"), encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if not row["error"]]
    failed = [f"{p['name']}: {p['error']}" for p in report["dataset"]["pictures"] if "error" in p]
    failed += [f"{codec['name']}: {codec['error']}" for codec in report["codecs"] if codec.get("error")]
    failed += [f"{codec['name']}, time: {row['error']}" for codec in report["codecs"] for row in codec["timing"] if "error" in row]
    failed += [f"{codec['name']}, quality {p['quality']}: {p['failed']} pictures" for codec in report["codecs"]
               for p in codec["points"] if p["failed"]]
    if failed:
        sys.exit("error: not everything was measured, run the part again:\n  " + "\n  ".join(failed))
    bd, published = differences(report, rows)
    if part in WITH_FILES:
        beside = os.path.join(RESULTS, part)
        shutil.rmtree(beside, ignore_errors=True)
        os.makedirs(beside)
        for name in ["pictures.csv"] + [f"curves/{metric}.svg" for metric in BD_METRICS]:
            shutil.copy(os.path.join(folder, name), beside)
        for name in os.listdir(os.path.join(folder, "codecs")):
            shutil.copy(os.path.join(folder, "codecs", name), beside)
    sizes = [p["width"] * p["height"] for p in report["dataset"]["pictures"]]
    weights = {}
    for codec in report["codecs"]:
        model = re.search(r"model ([\w-]+)", codec["description"])
        identity = re.search(r"weights ([0-9a-f]{16})", codec["version"] + codec["description"])
        if model and identity:
            weights[model[1]] = identity[1]
    more = {"matched": draw_crops(report, folder)} if part == "crops" else {}
    return {
        **more,
        "command": placeholders(report["command"]),
        "machine": report["machine"],
        "weights": weights,
        "dataset": {"name": report["dataset"]["name"], "count": len(sizes), "megapixels": sum(sizes) / 1e6},
        "codecs": [{
            "name": codec["name"], "version": codec["version"],
            "points": [{"quality": p["quality"], "bpp": p["bpp"], **{m: p["metrics"].get(m) for m in METRICS}} for p in codec["points"]],
            "times": times(codec, report),
        } for codec in report["codecs"]],
        "bd": bd,
        "published": published,
    }


def draw_crops(report, folder):
    """docs/figures/crops.png: the same part of one image from the original and from every codec at about the same size."""
    matched = report["matched"][0]
    original = report["dataset"]["pictures"][matched["picture"]]["file"]
    files = {file["codec"]: file for file in matched["files"]}
    panels = [("original", original)]
    for codec in ("ae:tune=ms-ssim", "ae", "avif", "jxl", "jpeg"):
        panels.append((f"{CROP_NAMES[codec]}, {files[codec]['bytes']} B", files[codec]["file"]))
    command = ["montage", "-font", "DejaVu-Sans", "-pointsize", "12"]
    for label, file in panels:
        command += ["(", os.path.join(folder, file), "-crop", CROP, "+repage", "-set", "label", label, ")"]
    command += ["-tile", "3x2", "-geometry", "+4+2", "-background", "white", "-strip", "-depth", "8", "-define", "png:compression-level=9",
                "-define", "png:compression-filter=5"]
    subprocess.run([*command, os.path.join(ROOT, "docs", "figures", "crops.png")], check=True)
    return {"crop": CROP, "image": os.path.basename(original), "bpp": matched["target_bpp"],
            "files": [{"codec": file["codec"], "bytes": file["bytes"], "psnr_rgb": file["metrics"]["psnr_rgb"],
                       "ssimulacra2": file["metrics"]["ssimulacra2"]} for file in matched["files"]]}


def from_assessments(folder):
    runs, weights = [], {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            figures = {key: value for key, value in json.load(file).items() if isinstance(value, (int, float))}
        runs.append({"setting": name.removesuffix(".json").replace("_", " "), **figures})
    models = subprocess.run([os.environ["HALFMOON"], "models", "--json"], check=True, capture_output=True, text=True)
    identities = {model["name"]: model["hash"] for model in json.loads(models.stdout)["models"]}
    for name in ("vqvae-fashion", "prompts-fashion", "classifier-fashion"):
        weights[name] = identities[name]
    cpu = subprocess.run(["sed", "-n", "s/^model name.*: //p", "/proc/cpuinfo"], check=True, capture_output=True, text=True).stdout
    return {"command": "halfmoon assess vqvae-fashion --data FASHION.hmnpack --classifier classifier-fashion --samples 1000 SETTING",
            "machine": {"cpu": cpu.splitlines()[0], "cores": os.cpu_count()}, "weights": weights, "runs": runs}


def main(part, folder, load):
    result = from_assessments(folder) if part == "generation" else from_report(part, folder)
    # Pages and tests change no figure: the last commit of what does.
    commit = subprocess.run(["git", "-C", ROOT, "log", "-1", "--format=%h", "--", *CODE], check=True, capture_output=True, text=True)
    dirty = subprocess.run(["git", "-C", ROOT, "status", "--porcelain", "--", *CODE], check=True, capture_output=True, text=True)
    result = {"part": part, "date": datetime.date.today().isoformat(),
              "commit": commit.stdout.strip() + ("-dirty" if dirty.stdout else ""), "load_before": float(load), **result}
    path = os.path.join(RESULTS, f"{part}.json")
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
        file.write("\n")
    os.replace(path + ".part", path)


if __name__ == "__main__":
    main(*sys.argv[1:])
