"use strict";
// Curves as SVG: values by pointer or arrow keys, zoom by dragging, logarithmic axes, several runs over each other.
// All charts of a page share what they show of the horizontal axis (`view`). Text goes in as text, never as HTML.

const data = JSON.parse(document.getElementById("data").textContent);
const view = { axis: "epoch", range: null };
const MARGIN = { left: 52, right: 12, top: 10, bottom: 24 };

function draw(name, attributes, parent) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (parent) parent.append(element);
  return element;
}

function shown(value, digits = 5) {
  if (value === null) return "not finite";
  const size = Math.abs(value);
  if (size && (size >= 1e6 || size < 1e-3)) return value.toExponential(digits - 3).replace("e+", "e");
  return Number(value.toPrecision(digits)).toLocaleString("en-US", { maximumFractionDigits: 8 });
}

// Round numbers 1, 2 or 5 times a power of ten apart, about `count` of them.
function ticks(low, high, count) {
  const rough = (high - low) / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough * 0.999);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(i * step);
  return found;
}

function logTicks(low, high, count) {
  const first = Math.floor(Math.log10(low)), last = Math.ceil(Math.log10(high));
  const every = Math.max(1, Math.ceil((last - first) / count));
  const found = [];
  for (let power = first; power <= last; power += every)
    for (const n of last - first <= 2 ? [1, 2, 5] : [1]) found.push(n * 10 ** power);
  const inside = found.filter((value) => value >= low * 0.999 && value <= high * 1.001);
  return inside.length > 1 ? inside : ticks(low, high, count).filter((value) => value > 0);
}

// The place of the entry of an ascending list that is nearest to a value.
function nearest(list, value) {
  let low = 0, high = list.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (list[middle] < value) low = middle; else high = middle;
  }
  return value - list[low] <= list[high] - value ? low : high;
}

function swatch(series) {
  const picture = draw("svg", { viewBox: "0 0 22 8", "aria-hidden": "true", class: `c${series.color % 8}` });
  draw("path", { d: "M0 4H22", class: series.dashed ? "curve dashed" : "curve" }, picture);
  return picture;
}

class Chart {
  constructor(figure, spec) {
    this.figure = figure;
    this.spec = spec;
    this.log = false;
    this.hidden = new Set();
    this.at = null; // the place on the horizontal axis whose values are shown
    this.plot = figure.querySelector(".plot");
    this.tip = document.createElement("div");
    this.tip.className = "tip";
    this.tip.setAttribute("role", "status");
    this.tip.hidden = true;
    this.svg = draw("svg", { "aria-hidden": "true" });
    this.plot.append(this.svg, this.tip);
    this.logButton = figure.querySelector(".log");
    this.logButton.disabled = !spec.series.some((s) => s.y.some((y) => y > 0));
    this.legend();
  }

  get series() {
    return this.spec.series.filter((_, i) => !this.hidden.has(i));
  }

  xs(series) {
    return data.runs[series.run][view.axis];
  }

  legend() {
    const box = this.figure.querySelector(".legend");
    if (this.spec.series.length < 2) return;
    this.spec.series.forEach((series, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-pressed", "true");
      button.append(swatch(series), series.label);
      button.addEventListener("click", () => {
        if (!this.hidden.delete(i)) this.hidden.add(i);
        button.setAttribute("aria-pressed", String(!this.hidden.has(i)));
        this.draw();
      });
      box.append(button);
    });
  }

  toggleLog() {
    if (this.logButton.disabled) return;
    this.log = !this.log;
    this.logButton.setAttribute("aria-pressed", String(this.log));
    this.draw();
  }

  // What the axes span: the zoomed range, or all of it; vertically what is seen in it.
  measure() {
    const every = this.spec.series.flatMap((s) => [this.xs(s)[0], this.xs(s).at(-1)]).filter(Number.isFinite);
    let [low, high] = view.range || [Math.min(...every), Math.max(...every)];
    if (!(high > low)) [low, high] = Number.isFinite(low) ? [low - 0.5, low + 0.5] : [0, 1];
    let bottom = Infinity, top = -Infinity;
    const take = (y) => {
      if (y === null || (this.log && y <= 0)) return;
      bottom = Math.min(bottom, y);
      top = Math.max(top, y);
    };
    for (const s of this.series) this.xs(s).forEach((x, i) => x >= low && x <= high && take(s.y[i]));
    if (this.spec.level !== null) take(this.spec.level);
    if (bottom > top) [bottom, top] = this.log ? [0.1, 1] : [0, 1];
    if (this.log) {
      const pad = top > bottom ? (top / bottom) ** 0.05 : 1.5;
      [bottom, top] = [bottom / pad, top * pad];
    } else {
      const pad = (top - bottom) * 0.06 || Math.abs(top) * 0.1 || 0.5;
      [bottom, top] = [bottom - pad, top + pad];
    }
    this.x = { low, high };
    this.y = { low: bottom, high: top };
    this.width = this.plot.clientWidth;
    this.height = this.plot.clientHeight;
  }

  left(x) {
    const inner = this.width - MARGIN.left - MARGIN.right;
    return MARGIN.left + ((x - this.x.low) / (this.x.high - this.x.low)) * inner;
  }

  value(left) {
    const inner = this.width - MARGIN.left - MARGIN.right;
    const share = Math.min(1, Math.max(0, (left - MARGIN.left) / inner));
    return this.x.low + share * (this.x.high - this.x.low);
  }

  top(y) {
    const f = this.log ? Math.log : (v) => v;
    const share = (f(y) - f(this.y.low)) / (f(this.y.high) - f(this.y.low));
    return this.height - MARGIN.bottom - share * (this.height - MARGIN.top - MARGIN.bottom);
  }

  draw() {
    this.measure();
    this.svg.replaceChildren();
    if (!this.width) return;
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.axes();
    const id = `clip-${this.spec.index}`, clip = draw("clipPath", { id }, this.svg);
    const box = { x: MARGIN.left - 3, y: 0, width: Math.max(0, this.width - MARGIN.left - MARGIN.right + 6) };
    draw("rect", { ...box, height: this.height - MARGIN.bottom + 3 }, clip);
    const inside = draw("g", { "clip-path": `url(#${id})` }, this.svg);
    for (const s of this.series) this.curve(s, inside);
    this.marks = draw("g", {}, this.svg);
    this.figure.querySelector(".reset").hidden = view.range === null;
    this.show(this.at);
  }

  axes() {
    const vertical = (this.log ? logTicks : ticks)(this.y.low, this.y.high, 5);
    for (const y of vertical) {
      const place = this.top(y);
      draw("line", { x1: MARGIN.left, x2: this.width - MARGIN.right, y1: place, y2: place, class: "grid" }, this.svg);
      const text = draw("text", { x: MARGIN.left - 6, y: place + 4, "text-anchor": "end" }, this.svg);
      text.textContent = shown(y, 4);
    }
    const whole = view.axis !== "seconds";
    for (const x of ticks(this.x.low, this.x.high, this.width / 80).filter((x) => !whole || Number.isInteger(x))) {
      const text = draw("text", { x: this.left(x), y: this.height - 6, "text-anchor": "middle" }, this.svg);
      text.textContent = shown(x, 6);
    }
    if (this.spec.level === null || (this.log && this.spec.level <= 0)) return;
    const place = this.top(this.spec.level);
    draw("line", { x1: MARGIN.left, x2: this.width - MARGIN.right, y1: place, y2: place, class: "level" }, this.svg);
    const text = draw("text", { x: this.width - MARGIN.right, y: place - 4, "text-anchor": "end" }, this.svg);
    text.textContent = `equilibrium ${shown(this.spec.level, 3)}`;
  }

  curve(series, parent) {
    const xs = this.xs(series), color = `c${series.color % 8}`;
    let path = "", pen = "M", points = 0;
    const dots = [];
    xs.forEach((x, i) => {
      const y = series.y[i];
      if (x === null || y === null || y === undefined || (this.log && y <= 0)) {
        pen = "M";
        return;
      }
      path += `${pen}${this.left(x).toFixed(1)} ${this.top(y).toFixed(1)}`;
      pen = "L";
      points += x >= this.x.low && x <= this.x.high;
      dots.push([x, y]);
    });
    if (path) draw("path", { d: path, class: `curve ${color}${series.dashed ? " dashed" : ""}` }, parent);
    if (points > 40 && dots.length > 1) return;
    for (const [x, y] of dots) draw("circle", { cx: this.left(x), cy: this.top(y), r: 2.2, class: `point ${color}` }, parent);
  }

  // The values nearest to a place on the horizontal axis, of every run that has come so far; null hides them.
  show(x) {
    this.at = x;
    this.marks.replaceChildren();
    const rows = x === null || x < this.x.low || x > this.x.high ? [] : this.rowsAt(x);
    this.tip.hidden = !rows.length;
    if (!rows.length) return;
    const place = this.left(rows[0].x);
    draw("line", { x1: place, x2: place, y1: MARGIN.top, y2: this.height - MARGIN.bottom, class: "cross" }, this.marks);
    const title = document.createElement("b");
    title.textContent = `${view.axis} ${shown(rows[0].x, 7)}`;
    this.tip.replaceChildren(title);
    for (const { series, x: at, y } of rows) {
      const row = document.createElement("div"), name = document.createElement("span"), value = document.createElement("span");
      name.textContent = series.label;
      value.textContent = shown(y);
      row.append(swatch(series), name, value);
      this.tip.append(row);
      const spot = { cx: this.left(at), cy: y === null || (this.log && y <= 0) ? -9 : this.top(y), r: 4 };
      draw("circle", { ...spot, class: `point now c${series.color % 8}` }, this.marks);
    }
    const beyond = place > this.width / 2;
    const heights = rows.filter(({ y }) => y !== null && !(this.log && y <= 0)).map(({ y }) => this.top(y));
    const high = heights.reduce((sum, top) => sum + top, 0) / heights.length < this.height / 2;
    this.tip.style.top = high ? "auto" : `${MARGIN.top - 4}px`;
    this.tip.style.bottom = high ? `${MARGIN.bottom + 6}px` : "auto";
    this.tip.style.left = beyond ? "auto" : `${place + 12}px`;
    this.tip.style.right = beyond ? `${this.width - place + 12}px` : "auto";
  }

  rowsAt(x) {
    const rows = [];
    for (const series of this.series) {
      const xs = this.xs(series);
      if (!xs.length) continue;
      const i = nearest(xs, x);
      const room = xs.length > 1 ? (xs.at(-1) - xs[0]) / (xs.length - 1) : 0.5;
      if (xs[i] !== null && Math.abs(xs[i] - x) <= Math.max(room, 1e-9)) rows.push({ series, x: xs[i], y: series.y[i] ?? null });
    }
    return rows.sort((a, b) => Math.abs(a.x - x) - Math.abs(b.x - x) || a.series.run - b.series.run);
  }
}
