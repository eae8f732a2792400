// The table of Bjontegaard differences: bits at equal quality.

// The ratio of the sizes as a logarithm: half and twice the bits are equally far from none.
const logRatio = (rate) => Math.log(Math.max(1e-6, 1 + rate / 100));
const kLongestBar = Math.log(4);  // +300 %

// What a side of the bars stands for: the largest of the rows, within limits.
function barScale(rows) {
  const sizes = rows.map((row) => row.bd_rate).filter(isNumber).map((r) => Math.abs(logRatio(r)));
  return Math.min(kLongestBar, Math.max(Math.log(2), ...sizes));
}

const isClipped = (row) => isNumber(row.bd_rate) && Math.abs(logRatio(row.bd_rate)) > kLongestBar;

// A bar to the left is fewer bits.
function rateCell(row, scale) {
  if (!isNumber(row.bd_rate)) return element("span", {class: "soft"}, "refused");
  const end = 28 + 28 * Math.max(-1, Math.min(1, logRatio(row.bd_rate) / scale));
  const tone = row.bd_rate < 0 ? "var(--good)" : "var(--bad)";
  const svg = d3.create("svg").attr("width", 56).attr("height", 16).attr("aria-hidden", "true");
  svg.append("rect")
      .attr("x", Math.min(28, end))
      .attr("width", Math.max(1, Math.abs(end - 28)))
      .attr("y", 4)
      .attr("height", 8)
      .attr("fill", tone);
  svg.append("path").attr("d", "M28 1V15").attr("stroke", "var(--soft)");
  if (isClipped(row)) {  // a gap and a point: it goes on
    const toRight = row.bd_rate > 0;
    svg.append("path")
        .attr("class", "clipped")
        .attr("d", toRight ? "M44 2V14L56 8Z" : "M12 2V14L0 8Z")
        .attr("fill", tone)
        .attr("stroke", "var(--panel)")
        .attr("stroke-width", 2);
  }
  return element(
      "span", {class: "rate"}, svg.node(),
      element(
          "span", {class: row.bd_rate < 0 ? "good" : "bad"}, `${signed(row.bd_rate, 1)}\u00a0%`));
}

function overlapCell(row) {
  const o = row.overlap;
  if (!o || !isNumber(o.share)) return "n/a";
  const metric = findMetric(row.metric);
  const range = `${fixed(o.low, metricDigits(metric))}\u2013${formatMetric(metric, o.high)}`;
  return element(
      "span", {class: row.warning ? "warn" : null},
      element("b", {}, `${row.warning ? "\u26a0 " : ""}${fixed(100 * o.share, 0)}\u00a0%`),
      element("br"), range);
}

function spreadCell(row) {
  const p = row.per_picture;
  if (!p || !isNumber(p.median)) return "n/a";
  const spread = isNumber(p.stddev) ? ` \u00b1\u00a0${fixed(p.stddev, 1)}` : "";
  const refused = p.refused ? [element("br"), `${p.refused} without a number`] : [];
  return element(
      "span", {}, element("b", {}, `${signed(p.median, 1)}${spread}\u00a0%`), element("br"),
      `${signed(p.min, 1)} to ${signed(p.max, 1)}\u00a0%`, ...refused);
}

function bdTable(rows) {
  const scale = barScale(rows);
  const several = (key) => new Set(rows.map((row) => row[key])).size > 1;
  const columns = [
    {
      title: "Codec",
      text: true,
      sort: (r) => r.test,
      cell: (r) => named(r.test, looks.get(r.test))
    },
    {title: "BD-rate", sort: (r) => r.bd_rate, cell: (r) => rateCell(r, scale)},
    {
      title: "against",
      only: "anchor",
      text: true,
      sort: (r) => r.anchor,
      cell: (r) => element(
          "span", {}, r.anchor,
          r.published ? element("span", {class: "soft"}, ` (${publishedNote})`) : null)
    },
    {
      title: "Metric",
      only: "metric",
      text: true,
      sort: (r) => metricLabel(findMetric(r.metric)),
      cell: (r) => metricLabel(findMetric(r.metric))
    },
    {
      title: "BD-metric",
      sort: (r) => r.bd_metric,
      cell: (r) => {
        if (!isNumber(r.bd_metric)) return "n/a";
        const {unit} = findMetric(r.metric);
        return signed(r.bd_metric, 2) + (unit ? `\u00a0${unit}` : "");
      }
    },
    {title: "Overlap", sort: (r) => r.overlap && r.overlap.share, cell: overlapCell},
    {title: "Per picture", sort: (r) => r.per_picture && r.per_picture.median, cell: spreadCell},
    {
      title: "Wins \u2013 losses",
      sort: (r) => (isNumber(r.wins) ? r.wins - r.losses : undefined),
      cell: (r) => (isNumber(r.wins) ? `${r.wins} \u2013 ${r.losses}` : "n/a")
    },
    {
      title: "Note",
      text: true,
      wide: true,
      cell: (r) => {
        const text = r.refused || r.warning;
        return text ? element("span", {class: "warn"}, `\u26a0 ${text}`) : "";
      }
    },
  ].filter((column) => !column.only || several(column.only));
  const rate = columns.findIndex((column) => column.title === "BD-rate");
  return table("Bjontegaard differences", columns, rows, {column: rate, direction: "ascending"});
}

const isPublished = (name) => !codecs.some((codec) => codec.name === name);
const opponentLabel = (name) => (isPublished(name) ? `${name} (${publishedNote})` : name);

function bdSection() {
  const all = results.bd || [];
  if (!all.length) {
    return section(
        "Bits at equal quality",
        element(
            "p", {class: "soft"},
            "Not computed: it takes at least two curves with four points each."));
  }
  const keys = [...new Set(all.map((row) => row.metric))];
  const names = [...new Set(all.map((row) => row.anchor))];
  // As the command says: against the first codec. Published curves come when they are asked for.
  const first = codecs.length ? codecs[0].name : "";
  let metric = keys[0], anchor = names.includes(first) ? first : names[0];
  const host = element("div", {class: "bd"});
  const clipped = element("p", {class: "soft", hidden: true},
      "A bar with a point is longer than the scale, which ends at +300 % and \u221275 %.");
  const draw = () => {
    const rows = all.filter(
        (row) =>
            (metric === "" || row.metric === metric) && (anchor === "" || row.anchor === anchor));
    host.replaceChildren(bdTable(rows));
    clipped.hidden = !rows.some(isClipped);
  };
  const filters = element(
      "div", {class: "row"},
      select(
          "Metric", keys.map((k) => [k, metricLabel(findMetric(k))]).concat([["", "all"]]), metric,
          (value) => {
            metric = value;
            draw();
          }),
      select("against", names.map((n) => [n, opponentLabel(n)]).concat([["", "all"]]), anchor, (value) => {
        anchor = value;
        draw();
      }));
  draw();
  return section(
      "Bits at equal quality",
      element(
          "p", {class: "soft"},
          "Bjontegaard differences (PCHIP). A negative BD-rate means fewer bits at equal " +
              "quality; the BD-metric is the gain at equal size. Overlap: the common quality " +
              "range of both curves. Per picture: median, standard deviation, range. Bars show the " +
              "ratio of the sizes: \u221250 % and +100 % are equally long."),
      filters, clipped, host);
}
