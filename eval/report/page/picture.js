// The gallery, and one page per picture: original and codecs side by side at matched size.

function galleryPage() {
  const items = pictures.map((picture, i) => {
    if (picture.error) {
      return element(
          "div", {}, element("p", {}, picture.name),
          element("p", {class: "warn"}, `\u26a0 ${picture.error}`));
    }
    const thumb = element("div", {class: "thumb"});
    if (!imageId(i, -1)) thumb.append("not embedded");
    return element(
        "a", {href: `#/picture/${i}`, "data-picture": i}, thumb,
        element(
            "span", {}, element("b", {}, picture.name), element("br"),
            element("span", {class: "soft"}, `${picture.width} \u00d7 ${picture.height} px`)));
  });
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      observer.unobserve(entry.target);
      loadImage(Number(entry.target.dataset.picture), -1).then((image) => {
        if (image)
          entry.target.querySelector(".thumb").replaceChildren(
              element("img", {src: image.url, alt: ""}));
      });
    }
  }, {rootMargin: "300px"});
  items.forEach((item) => {
    if (item.dataset.picture !== undefined) observer.observe(item);
  });
  return [
    element(
        "div", {class: "head"}, element("h1", {}, "Pictures"),
        element(
            "p", {class: "soft"},
            "Each opens a page with all codecs side by side at about the same size.")),
    element("div", {class: "gallery"}, items)
  ];
}

function tile(picture, info, file, title, lines, view, compare) {
  const pane = element("div", {class: "pane", tabindex: "0", role: "img", "aria-label": title});
  pane.style.aspectRatio = `${info.width} / ${info.height}`;
  view.addPane(pane);
  loadImage(picture, file).then((image) => {
    pane.replaceChildren(
        image ? element("img", {src: image.url, alt: "", draggable: "false"}) :
                element("div", {class: "missing"}, "not embedded"));
    view.apply();
  });
  const pick = (side) => element(
      "button", {
        type: "button",
        onclick: () => compare.choose(side, file),
        "aria-label": `Show ${title} as ${side.toUpperCase()}`
      },
      `as ${side.toUpperCase()}`);
  return element(
      "figure", {"data-file": file}, pane,
      element(
          "figcaption", {},
          element(
              "div", {class: "row"}, named(title, looks.get(title)),
              element("span", {class: "row"}, pick("a"), pick("b"))),
          ...lines.map((line) => element("span", {class: "soft"}, line))));
}

function failedTile(file) {
  return element(
      "figure", {},
      element(
          "div", {class: "pane", style: "aspect-ratio: 3 / 2"},
          element("div", {class: "missing warn"}, `\u26a0 ${file.error}`)),
      element("figcaption", {}, named(file.codec, looks.get(file.codec))));
}

// All metrics at the matched size; the best of each column in bold.
function matchedTable(entry) {
  const files = entry.files.filter((file) => !file.error);
  const best = (metric) => Math.max(...files.map((f) => f.metrics[metric.key])
                                        .map(
                                            (v) =>
                                                (v === null      ? Infinity :
                                                     isNumber(v) ? v :
                                                                   -Infinity)));
  const value = (f, metric) => (f.metrics[metric.key] === null ? Infinity : f.metrics[metric.key]);
  return table(
      "All metrics at matched size",
      [
        {
          title: "Codec",
          text: true,
          sort: (f) => f.codec,
          cell: (f) => named(f.codec, looks.get(f.codec))
        },
        {title: "Quality", cell: (f) => String(f.quality)},
        {title: "File", sort: (f) => f.bytes, cell: (f) => formatBytes(f.bytes)},
        {title: "Rate", sort: (f) => f.bpp, cell: (f) => formatBpp(f.bpp)},
        ...metrics.map(
            (metric) => ({
              title: metricLabel(metric),
              sort: (f) => value(f, metric),
              cell: (f) => element(
                  "span",
                  {class: files.length > 1 && value(f, metric) === best(metric) ? "best" : null},
                  formatMetric({...metric, unit: ""}, f.metrics[metric.key]))
            })),
      ],
      files);
}

function picturePage(index) {
  const info = pictures[index];
  if (!info)
    return [
      element("h1", {}, "No such picture"),
      element("p", {}, element("a", {href: "#/pictures"}, "All pictures"))
    ];
  const link = (to, text) => element(
      "a", {
        href: `#/picture/${to}`,
        "aria-disabled": pictures[to] ? null : "true",
        tabindex: pictures[to] ? null : "-1"
      },
      text);
  const pager = element(
      "nav", {class: "pager", "aria-label": "Pictures"}, link(index - 1, "\u2190 Previous"),
      element("span", {class: "soft"}, `${index + 1} of ${pictures.length}`),
      link(index + 1, "Next \u2192"));
  const head = element("div", {class: "head"}, pager, element("h1", {}, info.name));
  if (info.error) return [head, element("p", {class: "note"}, `\u26a0 ${info.error}`)];

  const entry = (results.matched || []).find((m) => m.picture === index) || {files: []};
  const megapixels = fixed((info.width * info.height) / 1e6, 2);
  head.append(element(
      "p", {class: "soft"},
      `${info.width} \u00d7 ${info.height} px, ${megapixels} megapixels` +
          (isNumber(entry.target_bpp) ? `; every codec at about ${formatBpp(entry.target_bpp)}` :
                                        "")));
  const page = [head];
  if (entry.files.length) {
    const view = createView(info.width, info.height);
    const choices = [{file: -1, name: "Original", short: "Original"}];
    entry.files.forEach((f, i) => {
      if (!f.error)
        choices.push({file: i, name: `${f.codec}, ${formatBpp(f.bpp)}`, short: f.codec});
    });
    const compare = createComparison(index, info, choices, view);
    const shown = metrics.filter((m) => ["psnr_rgb", "ssimulacra2"].includes(m.key));
    const tiles = entry.files.map((f, i) => {
      if (f.error) return failedTile(f);
      const off = isNumber(entry.target_bpp) ?
          ` (${signed(100 * (f.bpp / entry.target_bpp - 1), 1)}\u00a0% of target)` :
          "";
      return tile(
          index, info, i, f.codec,
          [
            `${formatBpp(f.bpp)}${off}, ${formatBytes(f.bytes)}, quality ${f.quality}`,
            shown.map((m) => `${m.name} ${formatMetric(m, f.metrics[m.key])}`).join(" \u00b7 ")
          ],
          view, compare);
    });
    page.push(section("Compare two", compare.node));
    page.push(section(
        "Side by side",
        element(
            "p", {class: "soft"},
            "All panes zoom and move together. JPEG, WebP and AVIF are decoded by this browser " +
                "from the codec's own file; the numbers are of the codec's own decoder."),
        element(
            "div", {class: "tiles"},
            tile(index, info, -1, "Original", ["24\u00a0bpp uncompressed"], view, compare),
            ...tiles)));
    page.push(section("All metrics", matchedTable(entry)));
    page.leave = view.destroy;
  } else {
    page.push(element("p", {class: "soft"}, "Nothing was coded at matched size for this picture."));
  }
  page.push(rateSection(
      "Quality against rate of this picture", (metric) => pictureCurves(index, metric)));
  return page;
}
