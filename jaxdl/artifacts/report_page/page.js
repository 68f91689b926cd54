// What a reader does with the page: point, drag, press keys, choose an axis, dark or light, enlarge a picture.

const charts = [...document.querySelectorAll(".chart")].map((figure) => new Chart(figure, data.charts[figure.dataset.chart]));
const redraw = () => charts.forEach((chart) => chart.draw());

function zoom(low, high) {
  view.range = high > low ? [low, high] : null;
  redraw();
}

function listen(chart) {
  const plot = chart.plot;
  let start = null, choice = null;
  const place = (event) => event.clientX - plot.getBoundingClientRect().left;
  const endDrag = () => {
    if (choice) choice.remove();
    start = choice = null;
  };
  plot.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    start = place(event);
    plot.setPointerCapture(event.pointerId);
  });
  plot.addEventListener("pointermove", (event) => {
    chart.show(chart.value(place(event)));
    if (start === null || Math.abs(place(event) - start) < 4) return;
    choice = choice || draw("rect", { y: MARGIN.top, height: chart.height - MARGIN.top - MARGIN.bottom, class: "choice" }, chart.svg);
    const [a, b] = [start, place(event)].map((left) => chart.left(chart.value(left))).sort((x, y) => x - y);
    choice.setAttribute("x", a);
    choice.setAttribute("width", b - a);
  });
  plot.addEventListener("pointerup", (event) => {
    const [a, b] = [start ?? 0, place(event)].sort((x, y) => x - y);
    const chosen = start !== null && b - a > 8;
    endDrag();
    if (chosen) zoom(chart.value(a), chart.value(b));
    else chart.show(chart.value(place(event)));
  });
  plot.addEventListener("pointercancel", endDrag);
  plot.addEventListener("pointerleave", () => start === null && chart.show(null));
  plot.addEventListener("dblclick", () => zoom(0, 0));
  plot.addEventListener("blur", () => chart.show(null));
  plot.addEventListener("keydown", (event) => press(chart, event));
  chart.figure.querySelector(".reset").addEventListener("click", () => zoom(0, 0));
  chart.logButton.addEventListener("click", () => chart.toggleLog());
}

function press(chart, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { low, high } = chart.x;
  const places = [...new Set(chart.series.flatMap((s) => chart.xs(s)))].filter((x) => x >= low && x <= high).sort((a, b) => a - b);
  const now = chart.at === null || !places.length ? -1 : nearest(places, chart.at);
  const middle = chart.at ?? (low + high) / 2, quarter = (high - low) / 4;
  const keys = {
    ArrowRight: () => chart.show(places[Math.min(now + 1, places.length - 1)] ?? null),
    ArrowLeft: () => chart.show(places[now < 0 ? places.length - 1 : Math.max(now - 1, 0)] ?? null),
    Home: () => chart.show(places[0] ?? null),
    End: () => chart.show(places.at(-1) ?? null),
    "+": () => zoom(middle - quarter, middle + quarter),
    "=": () => zoom(middle - quarter, middle + quarter),
    "-": () => (view.range ? zoom(middle - 4 * quarter, middle + 4 * quarter) : null),
    0: () => zoom(0, 0),
    Escape: () => (chart.at === null ? zoom(0, 0) : chart.show(null)),
    l: () => chart.toggleLog(),
  };
  if (!keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
}

const axes = document.querySelectorAll("[data-axis]");
for (const button of axes) {
  button.disabled = data.runs.some((run) => run[button.dataset.axis] === null);
  button.addEventListener("click", () => {
    view.axis = button.dataset.axis;
    view.range = null;
    for (const other of axes) other.setAttribute("aria-pressed", String(other === button));
    for (const chart of charts) chart.at = null;
    redraw();
  });
}

const root = document.documentElement, theme = document.getElementById("theme");
const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
const remember = (name) => {
  try {
    localStorage.setItem("jaxdl-report-theme", name);
  } catch {} // a page without storage forgets it
};
try {
  const kept = localStorage.getItem("jaxdl-report-theme");
  if (kept === "dark" || kept === "light") root.dataset.theme = kept;
} catch {}
const label = () => theme.setAttribute("aria-label", isDark() ? "light colors" : "dark colors");
theme.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  remember(root.dataset.theme);
  label();
});
label();

const large = document.getElementById("large");
for (const button of document.querySelectorAll(".picture"))
  button.addEventListener("click", () => {
    large.querySelector(".scroll").replaceChildren(button.firstElementChild.cloneNode());
    large.showModal();
  });

charts.forEach(listen);
new ResizeObserver(redraw).observe(document.getElementById("main"));
redraw();
