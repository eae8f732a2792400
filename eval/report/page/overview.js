// The first page: curves, Bjontegaard table, time against rate, what failed, how it was run.

const kRateLabel = "Rate, bits per pixel";

function section(title, ...children) {
  return element("section", {"aria-label": title}, element("h2", {}, title), ...children);
}

// A chart with one tab per metric, a legend and a logarithmic rate. curvesOf(metric) -> series.
function rateSection(title, curvesOf, note) {
  const shown = metrics.filter((metric) => curvesOf(metric).some((s) => s.points.length));
  if (!shown.length) return section(title, element("p", {class: "soft"}, "No curve was measured."));
  let metric = shown[0], logRate = false;
  const host = element("div");
  const chart = createChart(host, {label: title, xText: formatBpp});
  const tabs = shown.map(
      (m) => element(
          "button", {type: "button", role: "tab", "data-metric": m.key, onclick: () => choose(m)},
          element("span", {}, metricLabel(m)), sparkline(curvesOf(m))));
  const tabList = element("div", {class: "tabs", role: "tablist", "aria-label": "Metric"}, tabs);
  tabList.addEventListener("keydown", (event) => {
    const move = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
    if (!move) return;
    event.preventDefault();
    const next = (shown.indexOf(metric) + move + shown.length) % shown.length;
    choose(shown[next]);
    tabs[next].focus();
  });
  function choose(next) {
    metric = next;
    tabs.forEach((tab, i) => {
      tab.setAttribute("aria-selected", String(shown[i] === metric));
      tab.tabIndex = shown[i] === metric ? 0 : -1;
    });
    draw(false);
  }
  function draw(keepZoom) {
    host.dataset.metric = metric.key;
    chart.draw(
        withHidden(curvesOf(metric)), {
          label: `${metricLabel(metric)} against rate`,
          xLog: logRate,
          yLog: false,
          xLabel: kRateLabel + (logRate ? ", logarithmic" : ""),
          yLabel: metricLabel(metric),
          yText: (v) => formatMetric(metric, v),
        },
        keepZoom);
  }
  const log = element("input", {
    type: "checkbox",
    onchange: () => {
      logRate = log.checked;
      draw(false);
    }
  });
  const panel = element(
      "div", {class: "panel rate-chart"}, tabList, host,
      element("div", {class: "row"}, element("label", {}, log, "Logarithmic rate")),
      legend(curvesOf(shown[0]), () => draw(true)));
  choose(metric);
  return section(title, note ? element("p", {class: "soft"}, note) : null, panel);
}

// --- Time and memory -------------------------------------------------------------------------

function timingSection() {
  if (!codecs.some((codec) => (codec.timing || []).some((row) => !row.error))) return null;
  const threads =
      [...new Set(codecs.flatMap((c) => (c.timing || []).map((row) => row.threads)))].sort(
          (a, b) => a - b);
  const fields = {
    encode_seconds: "Encoding",
    decode_seconds: "Decoding",
    encode_memory_bytes: "Encoder memory",
    decode_memory_bytes: "Decoder memory"
  };
  let field = "encode_seconds", count = threads[0];
  const host = element("div");
  const chart =
      createChart(host, {label: "Time against rate", xText: formatBpp, xLabel: kRateLabel});
  const curves = () => timingCurves(field, count);
  const draw = (keepZoom) => {
    const memory = field.endsWith("_memory_bytes");
    chart.draw(
        withHidden(curves()), {
          label: `${fields[field]} against rate, ${plural(count, "thread", "threads")}`,
          xLog: false,
          yLog: true,
          yLabel: memory ? "Peak memory, MiB" : `${fields[field]}, s per megapixel`,
          yText: (v) =>
              (memory ? `${fixed(v, 1)}\u00a0MiB` :
                        `${formatSeconds(v)} per megapixel (${fixed(1 / v, 2)}\u00a0MP/s)`),
        },
        keepZoom);
  };
  const panel = element(
      "div", {class: "panel time-chart"},
      element(
          "div", {class: "row"},
          segmented(
              "Quantity", Object.entries(fields), field,
              (value) => {
                field = value;
                draw(false);
              }),
          segmented(
              "Threads", threads.map((n) => [n, plural(n, "thread", "threads")]), count,
              (value) => {
                count = value;
                draw(false);
              })),
      host, legend(curves(), () => draw(true)));
  draw(false);
  const t = results.timing || {};
  const machine = results.machine || {};
  const how = [
    machine.cpu, t.repeats && `median of ${plural(t.repeats, "run", "runs")}`,
    t.pictures && `on ${plural(t.pictures.length, "picture", "pictures")}`
  ].filter(Boolean);
  return section(
      "Time and memory against rate",
      element("p", {class: "soft"}, `${how.join(", ")}. The axis is logarithmic; lower is better.`),
      panel);
}

// --- The rest --------------------------------------------------------------------------------

function failureSection() {
  const list = failures();
  if (!list.length) return null;
  return section(
      "What failed",
      element(
          "p", {class: "soft"},
          "These take no part in the numbers; a point with a failed picture is drawn hollow " +
              "and left out of BD."),
      element(
          "div", {class: "failures"},
          table(
              "What failed",
              [
                {title: "Who", text: true, sort: (f) => f.who, cell: (f) => f.who},
                {title: "What", text: true, sort: (f) => f.what, cell: (f) => f.what},
                {title: "Where", text: true, sort: (f) => f.where, cell: (f) => f.where},
                {title: "Why", text: true, wide: true, cell: (f) => f.why}
              ],
              list)));
}

function codecSection() {
  const range = (codec) => {
    const rates = (codec.points || []).map((p) => p.bpp).filter(isNumber);
    return rates.length ?
        `${fixed(Math.min(...rates), 2)}\u2013${fixed(Math.max(...rates), 2)}\u00a0bpp` :
        "n/a";
  };
  return section(
      "Codecs of this run",
      table(
          "Codecs of this run",
          [
            {
              title: "Codec",
              text: true,
              sort: (c) => c.name,
              cell: (c) => named(c.name, looks.get(c.name))
            },
            {title: "Version", text: true, wrap: true, cell: (c) => c.version || "n/a"}, {
              title: "Points",
              sort: (c) => (c.points || []).length,
              cell: (c) => String((c.points || []).length)
            },
            {title: "Rates", cell: range}, {
              title: "Description",
              text: true,
              wide: true,
              cell: (c) => c.error ? element("span", {class: "warn"}, `\u26a0 ${c.error}`) :
                                     c.description || ""
            }
          ],
          codecs),
      anchors.length ?
          element(
              "details", {},
              element(
                  "summary", {},
                  `Sources of ${plural(anchors.length, "published curve", "published curves")}`),
              element("ul", {}, anchors.map((a) => element("li", {}, `${a.name}: ${a.source}`)))) :
          null);
}

function overviewPage() {
  const summary = summarySentence();
  const bad = failures().length;
  const good = pictures.filter((p) => !p.error).length;
  const fact = (value, text) => element("span", {}, element("b", {}, String(value)), ` ${text}`);
  return [
    element(
        "div", {class: "head"},
        element("h1", {}, (results.dataset && results.dataset.name) || "Evaluation"),
        summary ? element("p", {class: "summary"}, summary) : null,
        element(
            "div", {class: "facts"}, fact(good, good === 1 ? "picture" : "pictures"),
            fact(codecs.length, codecs.length === 1 ? "codec" : "codecs"),
            fact(metrics.length, "metrics"),
            bad ? element(
                      "span", {class: "warn"},
                      `\u26a0 ${plural(bad, "problem", "problems")}, listed below`) :
                  fact("0", "failures")),
        element(
            "code", {class: "command"},
            (results.command || [])
                .map((a) => (/^[\w@%+=:,./-]+$/.test(a) ? a : `'${a.replace(/'/g, "'\\''")}'`))
                .join(" ")),
        (results.notes || []).map((note) => element("p", {class: "note"}, note))),
    rateSection(
        "Quality against rate", rateCurves,
        "Means over the pictures, bits per pixel of whole files. Up and to the left is better; " +
            "published curves are dashed."),
    bdSection(),
    timingSection(),
    failureSection(),
    codecSection(),
  ];
}
