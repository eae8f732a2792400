// The one sentence at the top: what a reader wants to know first, from the numbers of the run.

// Metrics in the order in which they answer "how does it look".
const kSummaryMetrics = ["ssimulacra2", "ms_ssim_db", "psnr_rgb"];

const isHalfmoon = (codec) => codec.adapter === "ae" || codec.adapter === "overfitted" || /^ae(:|$)/.test(codec.name);

// The BD-rate of `test` against `anchor` by a metric, in per cent; it is stored one way round.
function bdRateOf(test, anchor, metric) {
  for (const row of results.bd || []) {
    if (row.published || row.metric !== metric || !isNumber(row.bd_rate)) continue;
    if (row.test === test && row.anchor === anchor) return row.bd_rate;
    if (row.test === anchor && row.anchor === test) return 100 * (1 / (1 + row.bd_rate / 100) - 1);
  }
  return null;
}

// Seconds per megapixel to decode with one thread, over what both codecs were timed on.
function decodeRatio(test, anchor) {
  const seconds = (codec, known) =>
      sum((codec.timing || [])
              .filter((row) => row.threads === 1 && isNumber(row.decode_seconds) && known(row))
              .map((row) => row.decode_seconds));
  const has = (codec) => (row) => (codec.timing || []).some(
      (other) => other.threads === 1 && other.picture === row.picture &&
          other.point === row.point && isNumber(other.decode_seconds));
  const ratio = seconds(test, has(anchor)) / seconds(anchor, has(test));
  return isNumber(ratio) && ratio > 0 ? ratio : null;
}

function bitsText(rate) {
  const percent = Math.abs(rate);
  if (percent < 0.5) return "as many bits as";
  const amount = rate > 0 && percent >= 200 ?
      `${fixed(1 + percent / 100, percent < 900 ? 1 : 0)} times the bits of` :
      `${fixed(percent, 0)}\u00a0% ${rate < 0 ? "fewer" : "more"} bits than`;
  return amount;
}

function speedText(ratio) {
  const times = Math.max(ratio, 1 / ratio), word = ratio > 1 ? "slower" : "faster";
  if (times < 1.05) return "decodes as fast";
  if (times < 1.95) return `decodes ${fixed(100 * (times - 1), 0)}\u00a0% ${word}`;
  return `decodes ${fixed(times, times < 9.95 && Math.abs(times - Math.round(times)) > 0.05 ? 1 : 0)} times ${word}`;
}

// Of whom, against whom: Halfmoon against the first codec; when Halfmoon is the first, against the
// one that needs the fewest bits; without it, the one with the fewest bits against the first.
function summaryPair(metric) {
  if (codecs.length < 2) return null;
  const first = codecs[0];
  const others = codecs.slice(1).filter((c) => bdRateOf(c.name, first.name, metric) !== null);
  if (!others.length) return null;
  const best = others.reduce(
      (a, b) => (bdRateOf(b.name, first.name, metric) < bdRateOf(a.name, first.name, metric) ? b : a));
  if (isHalfmoon(first)) return [first, best];
  return [others.find(isHalfmoon) || best, first];
}

// Empty where there is no BD-rate.
function summarySentence() {
  for (const metric of kSummaryMetrics) {
    const pair = summaryPair(metric);
    if (!pair) continue;
    const [test, anchor] = pair;
    const bits = bitsText(bdRateOf(test.name, anchor.name, metric));
    const ratio = decodeRatio(test, anchor);
    return `At equal ${findMetric(metric).name}, ${test.name} needs ${bits} ${anchor.name}` +
        `${ratio === null ? "" : ` and ${speedText(ratio)}`}.`;
  }
  return "";
}
