// What the page knows: the results, how numbers are written, which colour and symbol a curve has.

const results = JSON.parse(document.getElementById("results").textContent);
const embedded = JSON.parse(document.getElementById("embedded").textContent);

const metrics = results.metrics || [];
const pictures = (results.dataset && results.dataset.pictures) || [];
const codecs = results.codecs || [];
const anchors = results.anchors || [];

// Published curves are means over pictures of their own.
const anchorsDataset = results.anchors_dataset || {};
const anchorsFit = anchorsDataset.fits !== false;
const publishedNote =
    anchorsFit ? "published" : `published, of ${anchorsDataset.name || "other pictures"}`;

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const sum = (values) => values.reduce((total, value) => total + value, 0);
const plural = (count, one, many) => `${count} ${count === 1 ? one : many}`;
const minus = (text) => text.replace("-", "\u2212");
const fixed = (value, digits) => minus(value.toFixed(digits));
const signed = (value, digits) => (value > 0 ? "+" : "") + fixed(value, digits);

function findMetric(key) {
  return metrics.find((metric) => metric.key === key) || {key, name: key, unit: ""};
}

// Names are not unique in the data: MS-SSIM comes plain and in dB.
function metricLabel(metric) {
  return metric.unit && !metric.name.includes(metric.unit) ? `${metric.name}, ${metric.unit}` :
                                                             metric.name;
}

// Structural similarities live close to 1; decibels and SSIMULACRA 2 need no more than two digits.
const metricDigits = (metric) => (/^(ms_)?ssim$/.test(metric.key) ? 4 : 2);

// `undefined`: does not exist for this picture; `null`: infinite (docs/eval-format.md).
function formatMetric(metric, value) {
  if (value === undefined) return "n/a";
  const unit = metric.unit ? `\u00a0${metric.unit}` : "";
  return (value === null ? "\u221e" : fixed(value, metricDigits(metric))) + unit;
}

const formatBpp = (value) => (isNumber(value) ? `${fixed(value, 3)}\u00a0bpp` : "n/a");

function formatBytes(value) {
  if (!isNumber(value)) return "n/a";
  if (value < 10000) return `${value}\u00a0B`;
  return value < 1e6 ? `${fixed(value / 1000, 1)}\u00a0kB` : `${fixed(value / 1e6, 2)}\u00a0MB`;
}

function formatSeconds(value) {
  if (!isNumber(value)) return "n/a";
  if (value < 0.1) return `${fixed(value * 1000, value < 0.01 ? 2 : 1)}\u00a0ms`;
  return `${fixed(value, value < 10 ? 2 : 1)}\u00a0s`;
}

// --- Looks of curves -------------------------------------------------------------------------

// kLooks is looks.json, which the SVG curves are drawn from, too.
const kHues = kLooks.light.length;
const symbolAt = (index) => kLooks.symbols[index % kLooks.symbols.length];

// Beyond seven codecs hues repeat, but no pair of hue and symbol does up to 49.
function codecLook(index) {
  return {
    colour: `var(--c${index % kHues})`,
    symbol: symbolAt(index + Math.floor(index / kHues)),
    dash: null,
    scale: 1.14,
    published: false,
  };
}

function anchorLook(index) {
  return {
    colour: "var(--published)",
    symbol: symbolAt(index),
    dash: kLooks.dashes[index % kLooks.dashes.length],
    scale: 0.74,
    published: true,
  };
}

const looks = new Map();
codecs.forEach((codec, i) => looks.set(codec.name, codecLook(i)));
// A published curve may be called as a codec of this run is; that one keeps its look.
anchors.forEach((anchor, i) => {
  if (!looks.has(anchor.name)) looks.set(anchor.name, anchorLook(i));
});

// --- Curves ----------------------------------------------------------------------------------

function codecPoint(point, metric) {
  const details = [`quality ${point.quality}`];
  if (point.failed) details.push(`${plural(point.failed, "picture", "pictures")} failed here`);
  return {
    x: point.bpp,
    y: point.metrics && point.metrics[metric.key],
    details,
    failed: Boolean(point.failed)
  };
}

const drawable = (point) => isNumber(point.x) && isNumber(point.y);

function rateCurves(metric) {
  const own = codecs.map(
      (codec, i) => ({
        name: codec.name,
        look: codecLook(i),
        points: (codec.points || []).map((point) => codecPoint(point, metric)).filter(drawable),
      }));
  const published = anchors.map((anchor, i) => ({
                                  name: anchor.name,
                                  look: anchorLook(i),
                                  points: (anchor.points || [])
                                              .map((point) => ({
                                                     x: point.bpp,
                                                     y: point.metrics && point.metrics[metric.key],
                                                     details: [publishedNote],
                                                     failed: false,
                                                   }))
                                              .filter(drawable),
                                }));
  return own.concat(published);
}

function pictureCurves(picture, metric) {
  return codecs.map((codec, i) => ({
                      name: codec.name,
                      look: codecLook(i),
                      points: (codec.pictures || [])
                                  .filter((row) => row.picture === picture && !row.error)
                                  .map((row) => ({
                                         x: row.bpp,
                                         y: row.metrics && row.metrics[metric.key],
                                         failed: false,
                                         details: [
                                           `quality ${(codec.points[row.point] || {}).quality}`,
                                           formatBytes(row.bytes)
                                         ],
                                       }))
                                  .filter(drawable),
                    }));
}

// One curve per codec over the timed pictures; seconds and bits are those of the same pictures.
function timingCurves(field, threads) {
  const memory = field.endsWith("_memory_bytes");
  return codecs.map((codec, i) => {
    const points = (codec.points || []).map((point, index) => {
      const rows = (codec.timing || [])
                       .filter(
                           (row) => row.point === index && row.threads === threads && !row.error &&
                               isNumber(row[field]) && pictures[row.picture]);
      const sizes = rows.map((row) => pictures[row.picture].width * pictures[row.picture].height);
      const bytes = rows.map((row) => {
        const found = (codec.pictures ||
                       []).find((entry) => entry.picture === row.picture && entry.point === index);
        return found ? found.bytes : NaN;
      });
      const y = memory ? Math.max(...rows.map((row) => row[field])) / 1048576 :
                         sum(rows.map((row) => row[field])) / (sum(sizes) / 1e6);
      return {
        x: 8 * sum(bytes) / sum(sizes),
        y,
        failed: false,
        details: [`quality ${point.quality}`, plural(rows.length, "picture", "pictures")]
      };
    });
    return {name: codec.name, look: codecLook(i), points: points.filter(drawable)};
  });
}

// --- What went wrong -------------------------------------------------------------------------

// The same trouble with the same codec is one entry, however many pictures it struck.
function failures() {
  const groups = new Map();
  for (const failure of allFailures()) {
    const key = JSON.stringify([failure.what, failure.who, failure.why]);
    if (!groups.has(key)) groups.set(key, {...failure, places: []});
    groups.get(key).places.push(failure.where);
  }
  return [...groups.values()].map((group) => {
    const {places} = group;
    const rest = places.length > 3 ? ` and ${places.length - 3} more` : "";
    return {...group, where: places.slice(0, 3).join("; ") + rest};
  });
}

function allFailures() {
  const pictureName = (i) => (pictures[i] ? pictures[i].name : `picture ${i}`);
  const list = [];
  for (const picture of pictures) {
    if (picture.error)
      list.push({what: "Picture", who: picture.name, where: "", why: picture.error});
  }
  for (const codec of codecs) {
    if (codec.error) list.push({what: "Codec", who: codec.name, where: "", why: codec.error});
    const quality = (row) => (codec.points && codec.points[row.point] || {}).quality;
    for (const [rows, what] of [[codec.pictures, "Coding"], [codec.timing, "Timing"]]) {
      for (const row of rows || []) {
        if (row.error) {
          list.push({
            what,
            who: codec.name,
            why: row.error,
            where: `${pictureName(row.picture)}, quality ${quality(row)}`
          });
        }
      }
    }
  }
  for (const entry of results.matched || []) {
    for (const file of entry.files || []) {
      if (file.error) {
        list.push({
          what: "Equal size",
          who: file.codec,
          where: pictureName(entry.picture),
          why: file.error
        });
      }
    }
  }
  return list;
}
