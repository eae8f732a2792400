// The legend: buttons that show and hide curves, and the memory of what is hidden.

// More dashed curves than these hide the run's own; curves of other pictures mislead.
const kAnchorsAtFirst = 6;
const hiddenCurves =
    new Set(anchors.slice(anchorsFit ? kAnchorsAtFirst : 0).map((anchor) => `anchor ${anchor.name}`));

const curveKey = (s) => (s.look.published ? "anchor " : "codec ") + s.name;
const withHidden = (series) => series.map((s) => ({...s, hidden: hiddenCurves.has(curveKey(s))}));

function legend(series, changed) {
  const groups = [
    ["This run", series.filter((s) => !s.look.published)],
    ["Published", series.filter((s) => s.look.published), anchorsFit ? null : anchorsDataset.name]
  ];
  const root = element("div", {class: "legend"});
  for (const [title, all, of] of groups) {
    const members = all.filter((s) => s.points.length);  // a codec that failed has none
    if (!members.length) continue;
    const line = element(
        "div", {role: "group", "aria-label": title}, element("span", {class: "group"}, of ? `${title}: ${of}` : title));
    const buttons = members.map(
        (s) => element(
            "button", {
              type: "button",
              "data-name": s.name,
              onclick: () => {
                const key = curveKey(s);
                if (!hiddenCurves.delete(key)) hiddenCurves.add(key);
                show();
                changed();
              }
            },
            swatch(s.look), s.name));
    const show = () => buttons.forEach(
        (b, i) => b.setAttribute("aria-pressed", String(!hiddenCurves.has(curveKey(members[i])))));
    line.append(...buttons);
    // A long list of published curves would push everything else off a phone's screen.
    const rest = title === "Published" ? buttons.slice(kAnchorsAtFirst) : [];
    if (rest.length > 1) {
      rest.forEach((b) => {
        b.hidden = true;
      });
      const more = element(
          "button", {
            type: "button",
            class: "quiet",
            onclick: () => {
              rest.forEach((b) => {
                b.hidden = false;
              });
              rest[0].focus();
              more.remove();
            }
          },
          `${rest.length} more`);
      line.append(more);
    }
    if (members.length > 2) {
      line.append(element(
          "button", {
            type: "button",
            class: "quiet",
            onclick: () => {
              const hide = members.every((s) => !hiddenCurves.has(curveKey(s)));
              members.forEach((s) => hiddenCurves[hide ? "add" : "delete"](curveKey(s)));
              show();
              changed();
            }
          },
          "all / none"));
    }
    show();
    root.append(line);
  }
  return root;
}
