// A line chart with hover, keyboard and zoom. Scales, axes, symbols and the zoom box come from D3.
//
// createChart(host, config) -> {draw(series, config, keepZoom)}
// config: xLabel, yLabel, xText(v), yText(v), xLog, yLog, label (for screen readers).
// series: [{name, look, points: [{x, y, details, failed}]}], hidden ones already left out.

let chartCount = 0;

// D3 5 hands events over in d3.event, later versions as the first argument.
const brushEvent = (first) => d3.event || first;

function createChart(host, config) {
  const clip = `clip-${++chartCount}`;
  let series = [], view = null, home = null, scales = null, focus = null, pan = null;

  const svg = d3.create("svg").attr("aria-hidden", "true");
  const tip = element("div", {class: "tip", hidden: true});
  const live = element("div", {class: "visually-hidden", "aria-live": "polite"});
  const frame = element(
      "div", {class: "chart-frame", tabindex: "0", role: "group", "aria-roledescription": "chart"},
      svg.node(), tip);
  const button = (text, label, action) =>
      element("button", {type: "button", "aria-label": label, title: label, onclick: action}, text);
  const reset = button("Reset", "Reset the zoom", () => {
    view = home;
    redraw();
  });
  const root = element(
      "div", {class: "chart"}, frame,
      element(
          "div", {class: "chart-tools"},
          element(
              "span", {class: "hint"},
              "Drag a box to zoom, Shift and drag to move. " +
                   "With the chart focused: arrows read points, + \u2212 0 zoom."),
          element(
              "span", {class: "row"}, button("\u2212", "Zoom out", () => zoomBy(1.5)),
              button("+", "Zoom in", () => zoomBy(1 / 1.5)), reset)),
      live);
  host.replaceChildren(root);

  function scaleOf(log, domain, range) {
    return (log ? d3.scaleLog() : d3.scaleLinear()).domain(domain).range(range);
  }

  function redraw() {
    clearFocus();
    const width = frame.clientWidth, height = frame.clientHeight;
    if (!width || !height) return;
    const labelled = width > 640;
    const longest = Math.max(0, ...series.filter((s) => s.points.length).map((s) => s.name.length));
    const margin =
        {top: 10, left: 54, bottom: 44, right: labelled ? Math.min(210, 26 + 7.3 * longest) : 10};
    const w = width - margin.left - margin.right, h = height - margin.top - margin.bottom;
    svg.selectAll("*").remove();
    root.classList.toggle("zoomed", view !== home);
    reset.disabled = view === home;
    if (!view) {
      svg.append("text")
          .attr("class", "empty")
          .attr("x", width / 2)
          .attr("y", height / 2)
          .attr("text-anchor", "middle")
          .text("No values to draw.");
      scales = null;
      return;
    }
    const x = scaleOf(config.xLog, view.x, [0, w]), y = scaleOf(config.yLog, view.y, [h, 0]);
    scales = {x, y, w, h, margin};
    svg.attr("data-domain", JSON.stringify(view));
    svg.append("clipPath").attr("id", clip).append("rect").attr("width", w).attr("height", h);
    const plot = svg.append("g").attr("transform", `translate(${margin.left} ${margin.top})`);
    drawAxes(plot);
    plot.append("rect").attr("class", "frame").attr("width", w).attr("height", h);
    const brush = d3.brush()
                      .extent([[0, 0], [w, h]])
                      .touchable(() => false)
                      .filter((first) => {
                        const e = brushEvent(first);
                        return !e.button && !e.shiftKey;
                      })
                      .on("start.focus", clearFocus)
                      .on("end", (first) => zoomToBox(brushEvent(first), layer, brush));
    const layer = plot.append("g").attr("class", "brush").call(brush);
    const inside =
        plot.append("g").attr("clip-path", `url(#${clip})`).style("pointer-events", "none");
    // Published curves lie behind the run's own.
    series.filter((s) => s.look.published).forEach((s) => drawSeries(inside, s));
    series.filter((s) => !s.look.published).forEach((s) => drawSeries(inside, s));
    if (labelled) drawEndLabels(plot);
    plot.append("circle").attr("class", "marker").attr("r", 9).style("display", "none");
    frame.setAttribute(
        "aria-label", `${config.label}: ${plural(series.length, "curve", "curves")}`);
  }

  function drawAxes(plot) {
    const {x, y, w, h} = scales;
    const axis = (make, scale, log, ticks) =>
        (log ? make(scale).ticks(ticks, "~g") : make(scale).ticks(ticks))
            .tickSize(0)
            .tickPadding(9);
    const xTicks = w < 420 ? 4 : 8, yTicks = (h < 300 ? 5 : 7) * (config.yLog ? 2 : 1);
    plot.append("g")
        .attr("class", "grid")
        .attr("transform", `translate(0 ${h})`)
        .call(d3.axisBottom(x).ticks(xTicks).tickSize(-h).tickFormat(""));
    plot.append("g")
        .attr("class", "grid")
        .call(d3.axisLeft(y).ticks(yTicks).tickSize(-w).tickFormat(""));
    plot.append("g")
        .attr("class", "axis")
        .attr("transform", `translate(0 ${h})`)
        .call(axis(d3.axisBottom, x, config.xLog, xTicks));
    plot.append("g").attr("class", "axis").call(axis(d3.axisLeft, y, config.yLog, yTicks));
    plot.append("text")
        .attr("x", w / 2)
        .attr("y", h + 39)
        .attr("text-anchor", "middle")
        .text(config.xLabel);
    plot.append("text")
        .attr("transform", `translate(-42 ${h / 2}) rotate(-90)`)
        .attr("text-anchor", "middle")
        .text(config.yLabel);
  }

  const onScale = (p) => (!config.xLog || p.x > 0) && (!config.yLog || p.y > 0);

  function drawSeries(inside, s) {
    const {x, y} = scales;
    const group = inside.append("g")
                      .attr("class", `series${s.look.published ? " published" : ""}`)
                      .attr("data-name", s.name);
    const points = s.points.filter(onScale);
    group.append("path")
        .attr("class", "curve")
        .attr("stroke", s.look.colour)
        .attr("stroke-dasharray", s.look.dash)
        .attr("d", d3.line().x((p) => x(p.x)).y((p) => y(p.y)).curve(d3.curveMonotoneX)(points));
    group.selectAll(".point")
        .data(points)
        .enter()
        .append("path")
        .attr("class", (p) => `point${p.failed ? " failed" : ""}`)
        .attr("fill", s.look.colour)
        .style("stroke", (p) => (s.look.published || p.failed ? s.look.colour : null))
        .attr("d", s.look.symbol)
        .attr("data-x", (p) => p.x)
        .attr("data-y", (p) => p.y)
        .attr("transform", (p) => `translate(${x(p.x)} ${y(p.y)}) scale(${s.look.scale})`);
  }

  // Names where the curves end, so that the legend is seldom needed: beside the end where that is
  // free, at the right edge, pushed apart, where it isn't.
  function drawEndLabels(plot) {
    const {x, y, w, h} = scales;
    const ends = [];
    for (const s of series) {
      const points = s.points.filter(onScale).map((p) => [x(p.x), y(p.y)]);
      const seen = points.filter(([px, py]) => px >= 0 && px <= w && py >= 0 && py <= h);
      if (!seen.length) continue;
      let end = seen[seen.length - 1];
      const next = points[points.indexOf(end) + 1];
      if (next) {  // the curve goes on beyond the edge: the point where it leaves
        const t = Math.min(
            next[0] > w ? (w - end[0]) / (next[0] - end[0]) : 1,
            next[1] < 0 ? end[1] / (end[1] - next[1]) : 1);
        end = [end[0] + t * (next[0] - end[0]), end[1] + t * (next[1] - end[1])];
      }
      ends.push({s, end, at: end[1]});
    }
    const curves = series.map((s) => s.points.filter(onScale).map((p) => [x(p.x), y(p.y)]));
    const boxes = placeBeside(ends, curves, w, h);
    const atEdge = ends.filter((e, i) => !boxes[i]).sort((a, b) => a.at - b.at);
    const gap = Math.min(14, h / Math.max(1, atEdge.length));
    spread(atEdge.map((e) => e.at), gap, h).forEach((at, i) => {
      atEdge[i].at = at;
    });
    ends.forEach(({s, end, at}, i) => {
      const g = plot.append("g").attr("class", "end").attr("data-name", s.name);
      const box = boxes[i];
      if (!box) {
        g.append("path")
            .attr("class", "leader")
            .attr("stroke", s.look.colour)
            .attr("d", `M${end[0] + 6} ${end[1]}L${Math.max(w + 3, end[0] + 6)} ${at}H${w + 8}`);
      }
      g.append("text")
          .attr("class", "end-label")
          .attr("x", box ? box.x : w + 11)
          .attr("y", box ? box.y + box.height - 4 : at + 4)
          .style("fill", s.look.colour)
          .style("font-weight", s.look.published ? 400 : 600)
          .text(shortName(s.name));
    });
  }

  // --- Zoom ---
  function setView(x0, x1, y0, y1) {  // pixels of the plot
    const {x, y} = scales;
    view = {x: [x.invert(x0), x.invert(x1)], y: [y.invert(y0), y.invert(y1)]};
    redraw();
  }
  function zoomBy(factor, cx = scales && scales.w / 2, cy = scales && scales.h / 2) {
    if (!scales) return;
    const {w, h} = scales;
    const share = (scale, domain) => Math.abs(scale(domain[1]) - scale(domain[0]));
    const far = share(scales.x, home.x)<w / 6, near = share(scales.x, home.x)>w * 400;
    if ((factor > 1 && far) || (factor < 1 && near)) return;
    setView(cx - cx * factor, cx + (w - cx) * factor, cy + (h - cy) * factor, cy - cy * factor);
  }
  function zoomToBox(event, layer, brush) {
    if (!event.sourceEvent || !event.selection) return;
    const [[x0, y0], [x1, y1]] = event.selection;
    if (x1 - x0 < 6 || y1 - y0 < 6)
      layer.call(brush.move, null);
    else
      setView(x0, x1, y1, y0);
  }

  // --- Reading points ---
  function clearFocus() {
    focus = null;
    tip.hidden = true;
    root.classList.remove("focusing");
    svg.select(".marker").style("display", "none");
  }
  function showFocus(s, index, speak) {
    const p = s.points[index];
    const {x, y, w, h, margin} = scales;
    focus = {name: s.name, index};
    root.classList.add("focusing");
    svg.selectAll(".series, .end")
        .classed("focus", function() { return this.dataset.name === s.name; });
    const px = x(p.x), py = y(p.y);
    const visible = px >= 0 && px <= w && py >= 0 && py <= h;
    svg.select(".marker").attr("cx", px).attr("cy", py).style("display", visible ? null : "none");
    const lines = [config.yText(p.y), config.xText(p.x), ...p.details];
    tip.replaceChildren(
        element("b", {}, named(s.name, s.look)), ...lines.map((line) => element("div", {}, line)));
    tip.hidden = false;
    const left = margin.left + px + 16, top = margin.top + Math.min(Math.max(py, 0), h) - 20;
    const roomRight = left + tip.offsetWidth < frame.clientWidth;
    tip.style.left = `${Math.max(4, roomRight ? left : margin.left + px - 16 - tip.offsetWidth)}px`;
    tip.style.top = `${Math.max(0, Math.min(top, frame.clientHeight - tip.offsetHeight))}px`;
    if (speak) live.textContent = [s.name, ...lines].join(", ");
  }
  function nearest(event) {
    const box = frame.getBoundingClientRect();
    const mx = event.clientX - box.left - scales.margin.left,
          my = event.clientY - box.top - scales.margin.top;
    let best = null, least = event.pointerType === "touch" ? 60 : 36;
    for (const s of series) {
      s.points.forEach((p, index) => {
        if (!onScale(p)) return;
        const px = scales.x(p.x), py = scales.y(p.y);
        if (px < -2 || px > scales.w + 2 || py < -2 || py > scales.h + 2) return;
        const distance = Math.hypot(px - mx, py - my);
        if (distance < least) {
          least = distance;
          best = [s, index];
        }
      });
    }
    return best;
  }
  function step(dSeries, dPoint) {
    const filled = series.filter((s) => s.points.some(onScale));
    if (!filled.length) return;
    let i = focus ? filled.findIndex((s) => s.name === focus.name) : -1;
    if (i < 0) return showFocus(filled[0], 0, true);
    i = (i + dSeries + filled.length) % filled.length;
    const last = filled[i].points.length - 1;
    showFocus(filled[i], Math.max(0, Math.min(last, focus.index + dPoint)), true);
  }

  frame.addEventListener("pointermove", (event) => {
    if (!scales) return;
    if (pan) {
      setView(
          pan.x - event.clientX, pan.x - event.clientX + scales.w, scales.h + pan.y - event.clientY,
          pan.y - event.clientY);
      pan = {x: event.clientX, y: event.clientY};
      return;
    }
    if (event.buttons) return;
    const found = nearest(event);
    if (found)
      showFocus(found[0], found[1], false);
    else
      clearFocus();
  });
  frame.addEventListener("pointerdown", (event) => {
    if (!scales) return;
    if (event.shiftKey || (event.pointerType === "touch" && view !== home)) {
      pan = {x: event.clientX, y: event.clientY};
      frame.setPointerCapture(event.pointerId);
    }
    if (event.pointerType === "touch") {
      const found = nearest(event);
      if (found)
        showFocus(found[0], found[1], true);
      else
        clearFocus();
    }
  });
  const stopPan = () => {
    pan = null;
  };
  frame.addEventListener("pointerup", stopPan);
  frame.addEventListener("pointercancel", stopPan);
  frame.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse") clearFocus();
  });
  frame.addEventListener("blur", clearFocus);
  frame.addEventListener("dblclick", () => {
    view = home;
    redraw();
  });
  // The wheel belongs to the page; with Ctrl it zooms, as in maps.
  frame.addEventListener("wheel", (event) => {
    if (!scales || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    const box = frame.getBoundingClientRect();
    zoomBy(
        event.deltaY > 0 ? 1.2 : 1 / 1.2, event.clientX - box.left - scales.margin.left,
        event.clientY - box.top - scales.margin.top);
  }, {passive: false});
  frame.addEventListener("keydown", (event) => {
    const actions = {
      ArrowLeft: () => step(0, -1),
      ArrowRight: () => step(0, 1),
      ArrowUp: () => step(-1, 0),
      ArrowDown: () => step(1, 0),
      "+": () => zoomBy(1 / 1.5),
      "=": () => zoomBy(1 / 1.5),
      "-": () => zoomBy(1.5),
      "0": () => {
        view = home;
        redraw();
      },
      Escape: clearFocus,
    };
    if (!actions[event.key] || event.ctrlKey || event.metaKey || !scales) return;
    event.preventDefault();
    actions[event.key]();
  });

  let size = "";
  const observer = new ResizeObserver(() => {
    const now = `${frame.clientWidth} ${frame.clientHeight}`;
    if (now !== size) {
      size = now;
      redraw();
    }
  });
  observer.observe(frame);

  return {
    // keepZoom: the same axes with other curves shown.
    draw(shown, changes, keepZoom) {
      Object.assign(config, changes);
      series = shown.filter((s) => !s.hidden);
      const next = homeView(shown.filter((s) => s.points.length), config);
      view = keepZoom && view && view !== home ? view : next;
      home = next;
      redraw();
    },
  };
}
