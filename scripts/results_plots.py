#!/usr/bin/env python3
"""Draws docs/results/*.svg of docs/results/*.json: quality over rate with a band over images, bits over time.

Needs Matplotlib and SciPy. A plot whose part was not measured is left as it is.
"""

import csv
import json
import os

import matplotlib
import numpy
from scipy.interpolate import PchipInterpolator

import results_pages as pages

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "halfmoon", "svg.fonttype": "none", "font.size": 9, "axes.grid": True, "grid.color": "#dddddd"})
import matplotlib.pyplot as plot  # noqa: E402  (after the backend is chosen)

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RESULTS = os.path.join(ROOT, "docs", "results")
with open(os.path.join(ROOT, "eval", "report", "looks.json"), encoding="utf-8") as looks_file:
    COLOURS = json.load(looks_file)["light"]


def save(figure, name):
    figure.savefig(os.path.join(RESULTS, name), metadata={"Date": None, "Creator": None})
    plot.close(figure)
    print(f"docs/results/{name}: written")


def label_of(codec):
    return pages.name_of(codec).replace("`", "")


def bands(part, codecs):
    """PSNR and SSIMULACRA 2 over the rate: the median over images, and a band of half of them."""
    curves = {}
    with open(os.path.join(RESULTS, part, "pictures.csv"), encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for metric in ("psnr_rgb", "ssimulacra2"):
                curves.setdefault((row["codec"], metric), {}).setdefault(row["picture"], []).append((float(row["bpp"]), float(row[metric])))
    figure, axes = plot.subplots(1, 2, figsize=(9, 4), layout="constrained")
    for axis, metric in zip(axes, ("psnr_rgb", "ssimulacra2")):
        for colour, codec in zip(COLOURS, codecs):
            each = [numpy.array(sorted(points)).T for points in curves[codec, metric].values()]
            # Rates that every image reaches; elsewhere the median would be of other images.
            low, high = max(rate[0] for rate, _ in each), min(rate[-1] for rate, _ in each)
            rates = numpy.geomspace(low, high, 60)
            values = numpy.array([PchipInterpolator(numpy.log(rate), value)(numpy.log(rates)) for rate, value in each])
            below, middle, above = numpy.quantile(values, (0.25, 0.5, 0.75), axis=0)
            axis.fill_between(rates, below, above, color=colour, alpha=0.12, linewidth=0)
            axis.plot(rates, middle, color=colour, label=label_of(codec))
        axis.set(xscale="log", xlabel="bits per pixel", ylabel=pages.METRICS[metric])
        ticks = [0.1, 0.2, 0.5, 1, 2]
        axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.minorticks_off()
    axes[0].legend(loc="upper left")
    save(figure, f"{part}/bands.svg")


def bits_over_time(kodak, performance, speeds):
    """Bits at equal quality over seconds per megapixel, to encode and to decode; one point a codec."""
    figure, axes = plot.subplots(2, 2, figsize=(9, 7), layout="constrained")
    differences = kodak["bd"] + (speeds["bd"] if speeds else [])
    for row, metric in zip(axes, ("psnr_rgb", "ssimulacra2")):
        for axis, way in zip(row, ("encode", "decode")):
            points = []
            for number, codec in enumerate(performance["codecs"]):
                entry = pages.find(differences, anchor="jpeg", test=codec["name"], metric=metric)
                if entry and entry["bd_rate"] is not None:
                    points.append((codec["times"][0][f"{way}_seconds_per_megapixel"], entry["bd_rate"], label_of(codec["name"]), COLOURS[number % len(COLOURS)]))
            middle = numpy.exp(numpy.mean(numpy.log([min(p[0] for p in points), max(p[0] for p in points)])))
            for x, y, label, colour in points:
                axis.plot(x, y, "o", color=colour)
                left = x < middle  # then the label stands at the right
                axis.annotate(label, (x, y), textcoords="offset points", xytext=(5 if left else -5, 5), ha="left" if left else "right")
            axis.set(xscale="log", xlabel=f"seconds per megapixel to {way}, one thread", ylabel=f"BD-rate against JPEG by {pages.METRICS[metric]}, %")
            axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axis.margins(x=0.1, y=0.15)
    save(figure, "bits_over_time.svg")


def main():
    results = pages.read_results(ROOT)
    for part in ("kodak", "eval2"):
        if part in results:
            bands(part, ("ae", "ae:tune=ms-ssim", "avif", "jpeg"))
    if "kodak" in results and "performance" in results:
        bits_over_time(results["kodak"], results["performance"], results.get("speeds"))


if __name__ == "__main__":
    main()
