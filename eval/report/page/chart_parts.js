// What charts need besides themselves: ranges, places of labels, curves without axes.

function extentOf(series, coordinate, log) {
  const values =
      series.flatMap((s) => s.points.map((p) => p[coordinate])).filter((v) => !log || v > 0);
  return values.length ? d3.extent(values) : null;
}

function padded([low, high], share, log) {
  if (log) return low === high ? [low / 2, high * 2] : [low / 1.25, high * 1.25];
  const spread = high - low || Math.abs(high) * 0.1 || 1;
  return [low - spread * share, high + spread * share];
}

// Rising places at least `gap` apart within 0..height and as near as can be to the wished ones:
// isotonic regression by pooling neighbours that are too close.
function spread(wished, gap, height) {
  const pools = [];
  wished.forEach((at, i) => {
    pools.push({total: at - i * gap, count: 1});
    for (let k = pools.length - 1; k > 0; --k) {
      const [upper, lower] = [pools[k - 1], pools[k]];
      if (upper.total / upper.count <= lower.total / lower.count) break;
      pools.splice(k - 1, 2, {total: upper.total + lower.total, count: upper.count + lower.count});
    }
  });
  const last = height - (wished.length - 1) * gap;
  return pools.flatMap((pool) => Array(pool.count).fill(pool.total / pool.count))
      .map((at, i) => Math.max(0, Math.min(at, last)) + i * gap);
}

const shortName = (name) => (name.length > 25 ? `${name.slice(0, 24)}\u2026` : name);

// Of each end of a curve, the box of its name beside it: to the right, above or below; null where
// every such box would lie on a curve, on another name or outside the plot.
// ends: [{s, end: [x, y]}], curves: lists of [x, y].
function placeBeside(ends, curves, w, h) {
  const kHeight = 15, kLetter = 7.3;
  const overlap = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height &&
      b.y < a.y + a.height;
  // Points close enough together that no name fits between two of them.
  const dots = curves.flatMap((points) => points.flatMap((p, i) => {
    const next = points[i + 1] || p;
    const steps = Math.max(1, Math.ceil(Math.hypot(next[0] - p[0], next[1] - p[1]) / 5));
    return Array.from(
        {length: steps},
        (unused, k) => ({
          x: p[0] + (next[0] - p[0]) * k / steps - 3,
          y: p[1] + (next[1] - p[1]) * k / steps - 3,
          width: 6,
          height: 6
        }));
  }));
  const taken = [];
  return ends.map(({s, end}) => {
    const width = shortName(s.name).length * kLetter;
    const places = [
      [end[0] + 9, end[1] - kHeight / 2], [end[0] + 7, end[1] - kHeight - 5],
      [end[0] + 7, end[1] + 5], [end[0] - width / 2, end[1] - kHeight - 7]
    ];
    for (const [x, y] of places) {
      const box = {x, y, width, height: kHeight};
      if (x < 0 || y < 0 || x + width > w || y + kHeight > h) continue;
      if ([...taken, ...dots].some((other) => overlap(box, other))) continue;
      taken.push(box);
      return box;
    }
    return null;
  });
}

// What is looked at first: this run's curves. Published ones reach far beyond and are cut off.
function homeView(series, config) {
  const own = series.filter((s) => !s.look.published && s.points.length);
  const shown = own.length ? own : series;
  const x = extentOf(shown, "x", config.xLog), y = extentOf(shown, "y", config.yLog);
  if (!x || !y) return null;
  const xs = padded(x, 0.06, config.xLog), ys = padded(y, 0.06, config.yLog);
  if (!config.xLog) xs[0] = Math.max(0, Math.min(xs[0], x[0] * 0.5));
  return {x: xs, y: ys};
}

// Curves without axes, for the metric tabs.
function sparkline(series) {
  const svg = d3.create("svg")
                  .attr("viewBox", "0 0 100 42")
                  .attr("preserveAspectRatio", "none")
                  .attr("aria-hidden", "true");
  const own = series.filter((s) => !s.look.published && s.points.length);
  const xs = extentOf(own, "x"), ys = extentOf(own, "y");
  if (xs && ys) {
    const x = d3.scaleLinear().domain(xs).range([2, 98]),
          y = d3.scaleLinear().domain(ys).range([39, 3]);
    for (const s of own) {
      svg.append("path")
          .attr("fill", "none")
          .attr("stroke", s.look.colour)
          .attr("stroke-width", 1.5)
          .attr("vector-effect", "non-scaling-stroke")
          .attr("d", d3.line().x((p) => x(p.x)).y((p) => y(p.y))(s.points));
    }
  }
  return svg.node();
}
