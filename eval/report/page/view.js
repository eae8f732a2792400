// Panes that show the same part of several pictures: one view, moved and zoomed together.
//
// zoom: "fit", or device pixels per picture pixel. (cx, cy): the picture's point in the middle,
// 0..1.

function createView(width, height) {
  const panes = [];
  const view = {zoom: "fit", cx: 0.5, cy: 0.5, width, height};

  const scaleIn = (pane) => {
    const fit = Math.min(pane.clientWidth / width, pane.clientHeight / height);
    return view.zoom === "fit" ? fit : Math.max(fit, view.zoom / window.devicePixelRatio);
  };
  const place = (size, box, centre) =>
      size <= box ? (box - size) / 2 : Math.max(box - size, Math.min(0, box / 2 - centre * size));

  function apply() {
    for (const pane of panes) {
      const s = scaleIn(pane);
      const left = place(width * s, pane.clientWidth, view.cx);
      const top = place(height * s, pane.clientHeight, view.cy);
      const movable = width * s > pane.clientWidth + 1 || height * s > pane.clientHeight + 1;
      pane.classList.toggle("movable", movable);
      for (const layer of pane.querySelectorAll("img, canvas")) {
        layer.style.width = `${width}px`;
        layer.style.height = `${height}px`;
        layer.style.transform = `translate(${left}px, ${top}px) scale(${s})`;
        layer.classList.toggle("sharp", s * window.devicePixelRatio >= 2);
      }
    }
  }

  // Only as far as there is picture, or a drag back would do nothing at first.
  function moveBy(pane, dx, dy) {
    const s = scaleIn(pane);
    const clamp = (centre, size, box) => {
      const half = box / (2 * size);
      return half >= 0.5 ? 0.5 : Math.max(half, Math.min(1 - half, centre));
    };
    view.cx = clamp(view.cx - dx / (width * s), width * s, pane.clientWidth);
    view.cy = clamp(view.cy - dy / (height * s), height * s, pane.clientHeight);
    apply();
  }

  const observer = new ResizeObserver(apply);

  function addPane(pane) {
    panes.push(pane);
    observer.observe(pane);
    let last = null;
    pane.addEventListener("pointerdown", (event) => {
      if (!pane.classList.contains("movable") || event.defaultPrevented || event.button) return;
      last = [event.clientX, event.clientY];
      pane.setPointerCapture(event.pointerId);
      pane.classList.add("moving");
    });
    pane.addEventListener("pointermove", (event) => {
      if (!last) return;
      moveBy(pane, event.clientX - last[0], event.clientY - last[1]);
      last = [event.clientX, event.clientY];
    });
    for (const end of ["pointerup", "pointercancel"]) {
      pane.addEventListener(end, () => {
        last = null;
        pane.classList.remove("moving");
      });
    }
    pane.addEventListener("wheel", (event) => {
      if (!(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      view.step(event.deltaY < 0 ? 1 : -1);
    }, {passive: false});
    pane.addEventListener("keydown", (event) => {
      const by = {ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [
                    0, -60
                  ]}[event.key];
      if (event.target !== pane || event.ctrlKey || event.metaKey) return;
      if (by && pane.classList.contains("movable"))
        moveBy(pane, ...by);
      else if (event.key === "+" || event.key === "=")
        view.step(1);
      else if (event.key === "-")
        view.step(-1);
      else
        return;
      event.preventDefault();
    });
  }

  const levels = ["fit", 1, 2, 4, 8];
  view.setZoom = (zoom) => {
    view.zoom = zoom === "fit" ? zoom : Number(zoom);
    control.show(view.zoom);
    apply();
  };
  view.step = (by) => {
    const at = levels.indexOf(view.zoom) + by;
    if (at >= 0 && at < levels.length) view.setZoom(levels[at]);
  };
  const control = segmented(
      "Zoom", levels.map((z) => [z, z === "fit" ? "Fit" : `${z}\u00d7`]), "fit", view.setZoom);
  return {...view, control, apply, addPane, destroy: () => observer.disconnect()};
}
