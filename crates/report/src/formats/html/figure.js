// What all pictures have: a style for each way, a legend, zoom, a table of the numbers.
const WAYS = ["pipe", "shared place", "shared resident", "shared build", "pipe-serde", "socket", "sequential"];
const DASHES = [null, "7 4", "2 3", "9 3 2 3", "12 3", "4 2 1 2", "1 4", "6 2"];
const SYMBOLS = ["circle", "square", "triangle", "diamond", "star", "cross", "wye", "hexagon"];
const extra = [];

// How a way is drawn: told apart by colour, dash and marker, the same in every picture.
function styleOf(way) {
  let at = WAYS.indexOf(way === "shared" ? "shared place" : way);
  if (at < 0) {
    if (!extra.includes(way)) extra.push(way);
    at = WAYS.length + extra.indexOf(way);
  }
  at %= DASHES.length;
  return { color: `var(--c${at})`, dash: DASHES[at], symbol: SYMBOLS[at] };
}

const element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

// A list of [label, style]; each with its line and marker.
function legend(entries) {
  const list = element("ul", { class: "legend" });
  for (const [label, style] of entries) {
    const svg = d3.create("svg").attr("viewBox", "0 0 34 14").attr("aria-hidden", "true");
    if (style.fill) {
      svg.append("rect").attr("x", 10).attr("y", 1).attr("width", 14).attr("height", 12).attr("fill", style.fill).attr("fill-opacity", style.opacity ?? 1);
    } else {
      svg.append("line").attr("x1", 1).attr("x2", 33).attr("y1", 7).attr("y2", 7).attr("stroke", style.color)
        .attr("stroke-width", style.thin ? 1 : 2).attr("stroke-dasharray", style.dash).attr("stroke-opacity", style.opacity ?? 1);
      if (style.symbol) {
        const type = d3[`symbol${style.symbol[0].toUpperCase()}${style.symbol.slice(1)}`] ?? d3.symbolCircle;
        svg.append("path").attr("transform", "translate(17 7)").attr("d", d3.symbol(type, 34)())
          .attr("fill", style.hollow ? "var(--card)" : style.color).attr("stroke", style.color);
      }
    }
    list.append(element("li", {}, svg.node(), label));
  }
  return list;
}

// A table of rows below the names of their columns; cells are texts.
function table(columns, rows, caption) {
  const head = element("tr", {}, ...columns.map((name) => element("th", { scope: "col" }, name)));
  const body = rows.map((row) => element("tr", {}, ...row.map((cell, at) =>
    at === 0 ? element("th", { scope: "row" }, cell) : element("td", {}, cell))));
  const made = element("table", { "aria-label": caption }, element("thead", {}, head), element("tbody", {}, ...body));
  return made;
}

const figures = new Map();

// Declares a picture. `make()` gives nothing where its run has nothing to show, or:
// of: what is shown, options(width): a plot, legend: entries, table: [columns, rows],
// said: a sentence for who does not see it, zoom: which axes.
function figure(id, make) {
  figures.set(id, { make, domains: {} });
}

function draw(id) {
  const { make, domains } = figures.get(id);
  const root = document.getElementById(id);
  const shown = make();
  root.hidden = shown === null;
  if (shown === null) return;
  const plot = root.querySelector(".plot");
  root.querySelector(".of").textContent = shown.of ?? "";
  root.querySelector("details").hidden = Boolean(shown.missing);
  root.querySelector(".zoom")?.remove();
  if (shown.missing) {
    plot.replaceChildren(element("p", { class: "missing" }, shown.missing));
    return;
  }
  const width = Math.max(240, Math.round(plot.clientWidth || 520));
  const options = shown.options(width);
  for (const axis of ["x", "y"]) {
    if (domains[axis]) options[axis].domain = domains[axis];
    if (options[axis].ticksOf) ticks(options[axis], axis === "x" ? width / 62 : 7);
  }
  if (shown.zoom) {
    // What a grid is given is transformed once more.
    const raw = ({ ticks, transform }) => (transform ? ticks.map((at) => 10 ** at) : ticks);
    const faint = { stroke: "var(--grid)", strokeOpacity: 1 };
    options.marks.unshift(Plot.gridX(raw(options.x), faint), Plot.gridY(raw(options.y), faint));
  }
  const svg = Plot.plot({ marginBottom: 46, clip: Boolean(shown.zoom && Object.keys(domains).length), width, height: Math.round(Math.min(340, Math.max(250, width * 0.6))), ...options,
    style: { background: "transparent", color: "var(--ink)", fontSize: "12px" } });
  const picture = svg.tagName.toLowerCase() === "svg" ? svg : svg.querySelector("svg");
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", `${root.querySelector("h3").textContent}. ${shown.said}`);
  const remark = shown.remark ? [element("p", { class: "remark" }, shown.remark)] : [];
  plot.replaceChildren(...remark, ...(shown.legend ? [legend(shown.legend)] : []), svg);
  if (shown.zoom) zoom(id, root, picture, svg, shown.zoom);
  const [columns, rows] = shown.table;
  root.querySelector(".data").replaceChildren(table(columns, rows, root.querySelector("h3").textContent));
}

// A logarithmic axis from a smallest to a largest value. Plot's own leaves labels away that are no
// powers of ten, and sizes are powers of two; so values are drawn by their logarithm.
function logAxis(label, values, format, base = 10) {
  let [from, to] = d3.extent(values.filter((value) => value > 0 && Number.isFinite(value)).map(Math.log10));
  if (from === undefined) [from, to] = [0, 1];
  const room = to - from < 0.1 ? 0.15 : 0.02 * (to - from);
  [from, to] = [from - room, to + room];
  return { labelOffset: 40,  label, transform: (value) => Math.log10(Math.max(value, Number.MIN_VALUE)), domain: [from, to], ticksOf: { format, base } };
}

// Round values inside the axis, at most so many.
function ticks(axis, most) {
  const [from, to] = axis.domain, { format, base } = axis.ticksOf;
  const within = (values) => values.filter((at) => at >= from - 1e-9 && at <= to + 1e-9);
  const powers = (step, leads = [1]) => within(d3.range(Math.floor(from / Math.log10(base)), Math.ceil(to / Math.log10(base)) + 1)
    .filter((power) => power % step === 0).flatMap((power) => leads.map((lead) => power * Math.log10(base) + Math.log10(lead))));
  const sets = base === 10 ? [powers(1, [1, 2, 5]), powers(1, [1, 3]), powers(1), powers(2), powers(3)] : [powers(1), powers(2), powers(4), powers(6), powers(8)];
  let best = sets.find((set) => set.length <= most) ?? sets[sets.length - 1];
  if (best.length < 2) best = within(d3.ticks(10 ** from, 10 ** to, Math.min(most, 5)).filter((value) => value > 0).map(Math.log10));
  axis.ticks = best;
  axis.tickFormat = (at) => format(+(10 ** at).toPrecision(12));
  delete axis.ticksOf;
}

// Drag to zoom, double-click to go back, and buttons for readers without a mouse.
function zoom(id, root, picture, plot, axes) {
  const { domains } = figures.get(id);
  const scales = Object.fromEntries(axes.map((axis) => [axis, plot.scale(axis)]));
  const reset = () => { for (const axis of axes) delete domains[axis]; draw(id); };
  const to = (axis, from, until) => {
    const [a, b] = [scales[axis].invert(from), scales[axis].invert(until)];
    domains[axis] = a < b ? [a, b] : [b, a];
  };
  const span = (axis) => { const [a, b] = scales[axis].range; return a < b ? [a, b] : [b, a]; };
  const [x0, x1] = span("x");
  const [y0, y1] = axes.includes("y") ? span("y") : [0, picture.viewBox.baseVal.height];
  const brush = d3.brush().extent([[x0, y0], [x1, y1]]).touchable(false).on("end", ({ selection, sourceEvent }) => {
    if (!selection || !sourceEvent) return;
    const [[left, top], [right, bottom]] = selection;
    if (right - left < 6) return;
    to("x", left, right);
    if (axes.includes("y") && bottom - top > 6) to("y", bottom, top);
    draw(id);
  });
  d3.select(picture).append("g").call(brush).on("dblclick", reset);
  const buttons = element("div", { class: "zoom", role: "group", "aria-label": "zoom" });
  root.querySelector("figcaption").append(buttons);
  const by = (factor) => () => {
    const middle = (x0 + x1) / 2, half = (x1 - x0) / 2 * factor;
    to("x", middle - half, middle + half);
    draw(id);
  };
  const button = (text, label, act) => {
    const made = element("button", { type: "button", "aria-label": label, title: label }, text);
    made.addEventListener("click", () => { act(); root.querySelector(`.zoom [aria-label="${label}"]`)?.focus(); });
    return made;
  };
  buttons.replaceChildren(button("+", "zoom in", by(0.5)), button("−", "zoom out", by(2)), button("↺", "whole picture", reset));
}
