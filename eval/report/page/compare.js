// Two pictures on top of each other: a divider between them, or a heat map of their difference.

const kHeat = (t) => d3.interpolateInferno(t);

// Per pixel the largest difference of the three channels, 0..255.
function differenceOf(a, b) {
  const map = new Uint8Array(a.length / 4);
  let total = 0, largest = 0;
  for (let i = 0, k = 0; i < a.length; i += 4, ++k) {
    const r = Math.abs(a[i] - b[i]), g = Math.abs(a[i + 1] - b[i + 1]),
          bl = Math.abs(a[i + 2] - b[i + 2]);
    total += r + g + bl;
    map[k] = Math.max(r, g, bl);
    if (map[k] > largest) largest = map[k];
  }
  return {map, largest, mean: total / (3 * map.length)};
}

function heatColours(gain) {
  const table = new Uint8ClampedArray(256 * 3);
  for (let i = 0; i < 256; ++i) {
    const c = d3.rgb(kHeat(Math.min(1, (i * gain) / 255)));
    table.set([c.r, c.g, c.b], 3 * i);
  }
  return table;
}

function paintHeat(canvas, map, gain) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  const colours = heatColours(gain);
  for (let k = 0, i = 0; k < map.length; ++k, i += 4) {
    const c = 3 * map[k];
    image.data[i] = colours[c];
    image.data[i + 1] = colours[c + 1];
    image.data[i + 2] = colours[c + 2];
    image.data[i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

// choices: [{file, name, short}] with file as in loadImage. Returns {node, choose(side, file)}.
function createComparison(picture, info, choices, view) {
  let a = choices[0].file, b = (choices[1] || choices[0]).file, mode = "slider", gain = 4;
  let position = 50, request = 0, difference = null;

  const layerA = element("div", {class: "layer"}), layerB = element("div", {class: "layer"});
  const heat = element("canvas", {width: info.width, height: info.height});
  const heatLayer = element("div", {class: "layer heat"}, heat);
  const tagA = element("span", {class: "tag a"}), tagB = element("span", {class: "tag b"});
  const divider = element("div", {class: "divider", "aria-hidden": "true"});
  const missing = element("div", {class: "missing", hidden: true});
  const pane = element(
      "div", {
        class: "pane main-pane",
        tabindex: "0",
        role: "group",
        "aria-label": "Comparison. Arrow keys move a zoomed picture, + and \u2212 zoom."
      },
      layerA, layerB, heatLayer, tagA, tagB, divider, missing);
  pane.style.aspectRatio = `${info.width} / ${info.height}`;
  pane.style.maxWidth = `calc(68vh * ${info.width / info.height})`;
  view.addPane(pane);

  const slide = element("input", {
    class: "slide",
    type: "range",
    min: "0",
    max: "100",
    step: "0.5",
    value: "50",
    "aria-label": "Position of the divider",
    oninput: () => moveDivider(Number(slide.value))
  });
  function moveDivider(percent) {
    position = Math.max(0, Math.min(100, percent));
    slide.value = String(position);
    layerB.style.clipPath = `inset(0 0 0 ${position}%)`;
    divider.style.left = `${position}%`;
  }
  const follow = (event) => {
    const box = pane.getBoundingClientRect();
    moveDivider((100 * (event.clientX - box.left)) / box.width);
  };
  // The divider can always be dragged; with the whole picture in sight so can any other place.
  let dragging = false;
  pane.addEventListener("pointerdown", (event) => {
    if (mode !== "slider" || event.button) return;
    if (event.target !== divider && pane.classList.contains("movable")) return;
    if (event.target !== divider && event.pointerType === "touch") return;  // scrolls the page
    event.preventDefault();
    dragging = true;
    pane.setPointerCapture(event.pointerId);
    follow(event);
  }, {capture: true});
  pane.addEventListener("pointermove", (event) => {
    if (dragging) follow(event);
  });
  for (const end of ["pointerup", "pointercancel"])
    pane.addEventListener(end, () => {
      dragging = false;
    });

  const numbers = element("span", {class: "difference-numbers", "aria-live": "polite"});
  const ramp = element("canvas", {width: 160, height: 1, "aria-hidden": "true"});
  const rampEnd = element("span");
  const scale = element(
      "div", {class: "scale"},
      select("Gain", [1, 2, 4, 8, 16].map((g) => [String(g), `${g}\u00d7`]), "4", (value) => {
        gain = Number(value);
        paint();
      }), element("span", {}, "0"), ramp, rampEnd, numbers);

  function paint() {
    rampEnd.textContent = `${Math.round(255 / gain)} of 255`;
    const context = ramp.getContext("2d");
    for (let i = 0; i < 160; ++i) {
      context.fillStyle = kHeat(i / 159);
      context.fillRect(i, 0, 1, 1);
    }
    if (!difference) return;
    paintHeat(heat, difference.map, gain);
    numbers.textContent = `Mean absolute difference ${fixed(difference.mean, 2)}, largest ${
        difference.largest} (8-bit steps).`;
  }

  const choice = (file) => choices.find((c) => c.file === file);
  async function update() {
    const mine = ++request;
    const [imageA, imageB] = await Promise.all([loadImage(picture, a), loadImage(picture, b)]);
    if (mine !== request) return;
    const show = (layer, image, name) => layer.replaceChildren(
        ...(image ? [element("img", {src: image.url, alt: name, draggable: "false"})] : []));
    show(layerA, imageA, choice(a).name);
    show(layerB, imageB, choice(b).name);
    tagA.textContent = choice(a).name;
    tagB.textContent = mode === "slider" ? choice(b).name : "";
    tagB.hidden = mode !== "slider";
    if (mode !== "slider") tagA.textContent = `|${choice(a).short} \u2212 ${choice(b).short}|`;
    const whole = imageA && imageB;
    missing.hidden = Boolean(whole);
    missing.textContent = "A picture is not embedded in this report.";
    heatLayer.hidden = mode === "slider" || !whole;
    layerB.hidden = divider.hidden = slide.hidden = mode !== "slider" || !whole;
    scale.hidden = mode === "slider";
    view.apply();
    if (mode === "slider" || !whole) return;
    try {
      const [pa, pb] =
          await Promise.all([imageA, imageB].map((i) => pixels(i, info.width, info.height)));
      if (mine !== request) return;
      difference = differenceOf(pa, pb);
      paint();
    } catch (error) {
      missing.hidden = false;
      missing.textContent = `This browser can't decode a picture: ${error.message}`;
    }
  }

  const options = choices.map((c) => [String(c.file), c.name]);
  const pickA = select("A, left", options, String(a), (value) => {
    a = Number(value);
    update();
  });
  const pickB = select("B, right", options, String(b), (value) => {
    b = Number(value);
    update();
  });
  const modes =
      segmented("Mode", [["slider", "Slider"], ["difference", "Difference"]], mode, (value) => {
        mode = value;
        update();
      });
  const node = element(
      "div", {class: "stage"},
      element(
          "div", {class: "pickers"}, pickA, pickB,
          element("div", {class: "row"}, modes, view.control)),
      element("div", {class: "slot"}, slide, scale), pane);
  moveDivider(position);
  update();
  return {
    node,
    choose(side, file) {
      if (side === "a")
        a = file;
      else
        b = file;
      (side === "a" ? pickA : pickB).querySelector("select").value = String(file);
      update();
      pane.scrollIntoView({block: "center", behavior: "smooth"});
    }
  };
}
