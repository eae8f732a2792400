// Making elements. Text only ever goes in as text: names and messages of a result file are foreign.

function element(tag, properties, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on"))
      node.addEventListener(name.slice(2), value);
    else
      node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

// A short line with its symbol, as in the charts.
function swatch(look, line = true) {
  const svg = d3.create("svg")
                  .attr("width", line ? 26 : 14)
                  .attr("height", 14)
                  .attr("viewBox", line ? "0 0 26 14" : "0 0 14 14")
                  .attr("aria-hidden", "true");
  if (line) {
    svg.append("path")
        .attr("d", "M1 7H25")
        .attr("stroke", look.colour)
        .attr("stroke-width", 2)
        .attr("stroke-dasharray", look.dash);
  }
  svg.append("path")
      .attr("d", look.symbol)
      .attr("transform", `translate(${line ? 13 : 7} 7)`)
      .attr("fill", look.published ? "var(--panel)" : look.colour)
      .attr("stroke", look.colour);
  return svg.node();
}

function named(name, look) {
  return look ? element("span", {class: "name"}, swatch(look, false), element("span", {}, name)) :
                element("span", {}, name);
}

// A row of buttons of which one is pressed. options: [[value, label]].
function segmented(label, options, value, change) {
  const group = element("div", {class: "segmented", role: "group", "aria-label": label});
  const show = (chosen) => {
    for (const button of group.children) {
      button.setAttribute("aria-pressed", String(button.dataset.value === String(chosen)));
    }
  };
  for (const [key, text] of options) {
    group.append(element(
        "button", {
          type: "button",
          "data-value": key,
          onclick: () => {
            show(key);
            change(key);
          }
        },
        text));
  }
  show(value);
  group.show = show;
  return group;
}

function select(label, options, value, change, hideLabel = false) {
  const list = element(
      "select", {onchange: () => change(list.value), "aria-label": label},
      options.map(([key, text]) => element("option", {value: key, selected: key === value}, text)));
  return element("label", {}, hideLabel ? null : label, list);
}

// columns: [{title, text?, sort?: row -> number|string|undefined, cell: row -> node|text, wide?,
// wrap?}].
// The first column heads its row. Rows without a value stay last however they are sorted.
function table(caption, columns, rows, sorted = null) {
  const body = element("tbody");
  const heads = columns.map((column, i) => {
    const th = element("th", {scope: "col", class: column.text ? "text" : null});
    th.append(
        column.sort ? element("button", {type: "button", onclick: () => sortBy(i)}, column.title) :
                      element("span", {}, column.title));
    return th;
  });
  const fill = (ordered) => body.replaceChildren(...ordered
                                                     .map(
                                                         (row) => element(
                                                             "tr", {},
                                                             columns.map(
                                                                 (column, i) => element(
                                                                     i === 0 ? "th" : "td", {
                                                                       scope: i === 0 ? "row" :
                                                                                        null,
                                                                       class: [
                                                                         column.text ? "text" : "",
                                                                         column.wide ? "wide" : "",
                                                                         column.wrap ? "wrap" : ""
                                                                       ].join(" ").trim() ||
                                                                           null,
                                                                     },
                                                                     column.cell(row))))));
  function sortBy(index, direction) {
    const falling = direction ? direction === "descending" :
                                heads[index].getAttribute("aria-sort") === "ascending";
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[index].setAttribute("aria-sort", falling ? "descending" : "ascending");
    const key = columns[index].sort;
    const missing = (value) => value === undefined || value === null || Number.isNaN(value);
    fill(rows.slice().sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (missing(x) || missing(y)) return Number(missing(x)) - Number(missing(y));
      return (falling ? -1 : 1) * (typeof x === "string" ? x.localeCompare(y) : x - y);
    }));
  }
  fill(rows);
  if (sorted) sortBy(sorted.column, sorted.direction);
  return element(
      "div", {class: "scroll", tabindex: "0", role: "region", "aria-label": caption},
      element(
          "table", {}, element("caption", {class: "visually-hidden"}, caption),
          element("thead", {}, element("tr", {}, heads)), body));
}
