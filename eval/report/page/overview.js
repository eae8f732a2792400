// The first page: curves, Bjontegaard table, time against rate, what failed, how it was run.

const kRateLabel = "Rate, bits per pixel";

function section(title, ...children) {
  return element("section", { "aria-label": title }, element("h2", {}, title), ...children);
}

// A chart with one tab per metric, a legend and a logarithmic rate. curvesOf(metric) -> series.
function rateSection(title, curvesOf, note) {
  const shown = metrics.filter((metric) => curvesOf(metric).some((s) => s.points.length));
  if (!shown.length) return section(title, element("p", { class: "soft" }, "No curve was measured."));
  let metric = shown[0], logRate = false;
  const host = element("div");
  const chart = createChart(host, { label: title, xText: formatBpp });
  const tabs = shown.map((m) => element("button", {
    type: "button", role: "tab", "data-metric": m.key, onclick: () => choose(m) },
    element("span", {}, metricLabel(m)), sparkline(curvesOf(m))));
  const tabList = element("div", { class: "tabs", role: "tablist", "aria-label": "Metric" }, tabs);
  tabList.addEventListener("keydown", (event) => {
    const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
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
    chart.draw(withHidden(curvesOf(metric)), {
      label: `${metricLabel(metric)} against rate`, xLog: logRate, yLog: false,
      xLabel: kRateLabel + (logRate ? ", logarithmic" : ""), yLabel: metricLabel(metric),
      yText: (v) => formatMetric(metric, v),
    }, keepZoom);
  }
  const log = element("input", { type: "checkbox", onchange: () => { logRate = log.checked; draw(false); } });
  const panel = element("div", { class: "panel rate-chart" }, tabList, host,
    element("div", { class: "row" }, element("label", {}, log, "Logarithmic rate")),
    legend(curvesOf(shown[0]), () => draw(true)));
  choose(metric);
  return section(title, note ? element("p", { class: "soft" }, note) : null, panel);
}

// --- Bjontegaard -----------------------------------------------------------------------------

// A bar to the left is fewer bits; 100 % fill a side.
function rateCell(row) {
  if (!isNumber(row.bd_rate)) return element("span", { class: "soft" }, "refused");
  const end = 28 + 28 * Math.max(-1, Math.min(1, row.bd_rate / 100));
  const tone = row.bd_rate < 0 ? "var(--good)" : "var(--bad)";
  const svg = d3.create("svg").attr("width", 56).attr("height", 16).attr("aria-hidden", "true");
  svg.append("rect").attr("x", Math.min(28, end)).attr("width", Math.max(1, Math.abs(end - 28)))
    .attr("y", 4).attr("height", 8).attr("fill", tone);
  svg.append("path").attr("d", "M28 1V15").attr("stroke", "var(--soft)");
  return element("span", { class: "rate" }, svg.node(),
    element("span", { class: row.bd_rate < 0 ? "good" : "bad" }, `${signed(row.bd_rate, 1)}\u00a0%`));
}

function overlapCell(row) {
  const o = row.overlap;
  if (!o || !isNumber(o.share)) return "n/a";
  const metric = findMetric(row.metric);
  const range = `${fixed(o.low, metricDigits(metric))}\u2013${formatMetric(metric, o.high)}`;
  return element("span", { class: row.warning ? "warn" : null },
                 element("b", {}, `${row.warning ? "\u26a0 " : ""}${fixed(100 * o.share, 0)}\u00a0%`), element("br"), range);
}

function spreadCell(row) {
  const p = row.per_picture;
  if (!p || !isNumber(p.median)) return "n/a";
  const spread = isNumber(p.stddev) ? ` \u00b1\u00a0${fixed(p.stddev, 1)}` : "";
  const refused = p.refused ? [element("br"), `${p.refused} without a number`] : [];
  return element("span", {}, element("b", {}, `${signed(p.median, 1)}${spread}\u00a0%`), element("br"),
                 `${signed(p.min, 1)} to ${signed(p.max, 1)}\u00a0%`, ...refused);
}

function bdTable(rows) {
  const several = (key) => new Set(rows.map((row) => row[key])).size > 1;
  const columns = [
    { title: "Codec", text: true, sort: (r) => r.test, cell: (r) => named(r.test, looks.get(r.test)) },
    { title: "against", only: "anchor", text: true, sort: (r) => r.anchor,
      cell: (r) => element("span", {}, r.anchor, r.published ? element("span", { class: "soft" }, " (published)") : null) },
    { title: "Metric", only: "metric", text: true, sort: (r) => metricLabel(findMetric(r.metric)),
      cell: (r) => metricLabel(findMetric(r.metric)) },
    { title: "BD-rate", sort: (r) => r.bd_rate, cell: rateCell },
    { title: "BD-metric", sort: (r) => r.bd_metric, cell: (r) => {
      if (!isNumber(r.bd_metric)) return "n/a";
      const { unit } = findMetric(r.metric);
      return signed(r.bd_metric, 2) + (unit ? `\u00a0${unit}` : "");
    } },
    { title: "Overlap", sort: (r) => r.overlap && r.overlap.share, cell: overlapCell },
    { title: "Per picture", sort: (r) => r.per_picture && r.per_picture.median, cell: spreadCell },
    { title: "Wins \u2013 losses", sort: (r) => (isNumber(r.wins) ? r.wins - r.losses : undefined),
      cell: (r) => (isNumber(r.wins) ? `${r.wins} \u2013 ${r.losses}` : "n/a") },
    { title: "Note", text: true, wide: true, cell: (r) => {
      const text = r.refused || r.warning;
      return text ? element("span", { class: "warn" }, `\u26a0 ${text}`) : "";
    } },
  ].filter((column) => !column.only || several(column.only));
  const rate = columns.findIndex((column) => column.title === "BD-rate");
  return table("Bjontegaard differences", columns, rows, { column: rate, direction: "ascending" });
}

function bdSection() {
  const all = results.bd || [];
  if (!all.length) {
    return section("Bits at equal quality", element("p", { class: "soft" },
      "Not computed: it takes at least two curves with four points each."));
  }
  const keys = [...new Set(all.map((row) => row.metric))];
  const names = [...new Set(all.map((row) => row.anchor))];
  let metric = keys[0], anchor = names[0];
  const host = element("div", { class: "bd" });
  const draw = () => host.replaceChildren(bdTable(all.filter((row) =>
    (metric === "" || row.metric === metric) && (anchor === "" || row.anchor === anchor))));
  const filters = element("div", { class: "row" },
    select("Metric", keys.map((k) => [k, metricLabel(findMetric(k))]).concat([["", "all"]]), metric,
           (value) => { metric = value; draw(); }),
    select("against", names.map((n) => [n, n]).concat([["", "all"]]), anchor,
           (value) => { anchor = value; draw(); }));
  draw();
  const method = all[0].method === "cubic" ? "cubic polynomial" : "PCHIP";
  return section("Bits at equal quality", element("p", { class: "soft" },
    `Bjontegaard differences (${method}). A negative BD-rate means fewer bits at equal quality; the BD-metric is the gain at equal size. Overlap: the common quality range of both curves. Per picture: median, standard deviation, range.`),
    filters, host);
}

// --- Time and memory -------------------------------------------------------------------------

function timingSection() {
  if (!codecs.some((codec) => (codec.timing || []).some((row) => !row.error))) return null;
  const threads = [...new Set(codecs.flatMap((c) => (c.timing || []).map((row) => row.threads)))].sort((a, b) => a - b);
  const fields = { encode_seconds: "Encoding", decode_seconds: "Decoding",
                   encode_memory_bytes: "Encoder memory", decode_memory_bytes: "Decoder memory" };
  let field = "encode_seconds", count = threads[0];
  const host = element("div");
  const chart = createChart(host, { label: "Time against rate", xText: formatBpp, xLabel: kRateLabel });
  const curves = () => timingCurves(field, count);
  const draw = (keepZoom) => {
    const memory = field.endsWith("_memory_bytes");
    chart.draw(withHidden(curves()), {
      label: `${fields[field]} against rate, ${plural(count, "thread", "threads")}`,
      xLog: false, yLog: true, yLabel: memory ? "Peak memory, MiB" : `${fields[field]}, s per megapixel`,
      yText: (v) => (memory ? `${fixed(v, 1)}\u00a0MiB` : `${formatSeconds(v)} per megapixel (${fixed(1 / v, 2)}\u00a0MP/s)`),
    }, keepZoom);
  };
  const panel = element("div", { class: "panel time-chart" },
    element("div", { class: "row" },
      segmented("Quantity", Object.entries(fields), field, (value) => { field = value; draw(false); }),
      segmented("Threads", threads.map((n) => [n, plural(n, "thread", "threads")]), count,
                (value) => { count = value; draw(false); })),
    host, legend(curves(), () => draw(true)));
  draw(false);
  const t = results.timing || {};
  const machine = results.machine || {};
  const how = [machine.cpu, t.repeats && `median of ${plural(t.repeats, "run", "runs")}`,
               t.pictures && `on ${plural(t.pictures.length, "picture", "pictures")}`].filter(Boolean);
  return section("Time and memory against rate", element("p", { class: "soft" }, `${how.join(", ")}. The axis is logarithmic; lower is better.`), panel);
}

// --- The rest --------------------------------------------------------------------------------

function failureSection() {
  const list = failures();
  if (!list.length) return null;
  return section("What failed", element("p", { class: "soft" },
    "These take no part in the numbers; a point with a failed picture is drawn hollow and left out of BD."),
    element("div", { class: "failures" }, table("What failed", [
      { title: "Who", text: true, sort: (f) => f.who, cell: (f) => f.who },
      { title: "What", text: true, sort: (f) => f.what, cell: (f) => f.what },
      { title: "Where", text: true, sort: (f) => f.where, cell: (f) => f.where },
      { title: "Why", text: true, wide: true, cell: (f) => f.why }], list)));
}

function codecSection() {
  const range = (codec) => {
    const rates = (codec.points || []).map((p) => p.bpp).filter(isNumber);
    return rates.length ? `${fixed(Math.min(...rates), 2)}\u2013${fixed(Math.max(...rates), 2)}\u00a0bpp` : "n/a";
  };
  return section("Codecs of this run", table("Codecs of this run", [
    { title: "Codec", text: true, sort: (c) => c.name, cell: (c) => named(c.name, looks.get(c.name)) },
    { title: "Version", text: true, cell: (c) => c.version || "n/a" },
    { title: "Points", sort: (c) => (c.points || []).length, cell: (c) => String((c.points || []).length) },
    { title: "Rates", cell: range },
    { title: "Description", text: true, wide: true, cell: (c) => c.error
      ? element("span", { class: "warn" }, `\u26a0 ${c.error}`) : c.description || "" }], codecs),
    anchors.length ? element("details", {}, element("summary", {}, `Sources of ${plural(anchors.length, "published curve", "published curves")}`),
      element("ul", {}, anchors.map((a) => element("li", {}, `${a.name}: ${a.source}`)))) : null);
}

function overviewPage() {
  const bad = failures().length;
  const good = pictures.filter((p) => !p.error).length;
  const fact = (value, text) => element("span", {}, element("b", {}, String(value)), ` ${text}`);
  return [
    element("div", { class: "head" },
      element("h1", {}, (results.dataset && results.dataset.name) || "Evaluation"),
      element("div", { class: "facts" }, fact(good, good === 1 ? "picture" : "pictures"),
        fact(codecs.length, codecs.length === 1 ? "codec" : "codecs"), fact(metrics.length, "metrics"),
        bad ? element("span", { class: "warn" }, `\u26a0 ${plural(bad, "problem", "problems")}, listed below`) : fact("0", "failures")),
      element("code", { class: "command" }, (results.command || []).map((a) => (/^[\w@%+=:,./-]+$/.test(a) ? a : `'${a.replace(/'/g, "'\\''")}'`)).join(" "))),
    rateSection("Quality against rate", rateCurves,
      "Means over the pictures, bits per pixel of whole files. Up and to the left is better; published curves are dashed."),
    bdSection(), timingSection(), failureSection(), codecSection(),
  ];
}
