// Pages by the part of the address behind #, and the theme.

let leavePage = () => {};

function showPage() {
  const route = location.hash.replace(/^#/, "") || "/";
  const match = /^\/picture\/(\d+)$/.exec(route);
  leavePage();
  forgetImages();
  const page = match        ? picturePage(Number(match[1])) :
      route === "/pictures" ? galleryPage() :
                              overviewPage();
  leavePage = page.leave || (() => {});
  const main = document.getElementById("main");
  main.replaceChildren(...page.filter(Boolean));
  const current = match || route === "/pictures" ? "pictures" : "overview";
  for (const link of document.querySelectorAll("nav a[data-route]")) {
    if (link.dataset.route === current)
      link.setAttribute("aria-current", "page");
    else
      link.removeAttribute("aria-current");
  }
  const title = main.querySelector("h1");
  document.title = `${title ? title.textContent : "Evaluation"} \u2013 Halfmoon evaluation`;
  return main;
}

// --- Theme: the system's, until somebody chooses -----------------------------------------------

const dark = window.matchMedia("(prefers-color-scheme: dark)");
// Storage may be forbidden for a page from a file; then the choice lasts as long as the page.
function stored(value) {
  try {
    if (value !== undefined) localStorage.setItem("halfmoon-theme", value);
    return localStorage.getItem("halfmoon-theme");
  } catch (error) {
    return null;
  }
}
let theme = stored() || "system";
function showTheme() {
  document.documentElement.dataset.theme =
      theme === "system" ? (dark.matches ? "dark" : "light") : theme;
  document.getElementById("theme").textContent = `Theme: ${theme}`;
}
document.getElementById("theme").addEventListener("click", () => {
  const order = ["system", "light", "dark"];
  theme = order[(order.indexOf(theme) + 1) % order.length];
  stored(theme);
  showTheme();
});
dark.addEventListener("change", showTheme);
document.getElementById("skip").addEventListener(
    "click", () => document.getElementById("main").focus());
document.getElementById("made-by").textContent = `halfmoon ${results.halfmoon || ""}`.trim();

showTheme();
showPage();
window.addEventListener("hashchange", () => {
  const main = showPage();
  window.scrollTo(0, 0);
  main.focus({preventScroll: true});
});
