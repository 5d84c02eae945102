// The page's controls: conditions, sliders, light and dark.
const byId = (id) => document.getElementById(id);
// All are there before the first is drawn: their widths depend on each other.
const drawAll = () => {
  for (const id of figures.keys()) byId(id).hidden = figures.get(id).make() === null;
  for (const id of figures.keys()) draw(id);
};

// What sliders stand for: steps of twos, and for lists none at the left end.
const STEPS = {
  bytes: (at) => (at === 0 ? 0 : 64 * 2 ** (at - 1)),
  compute: (at) => (at === 0 ? 0 : [1, 2, 5][(at - 1) % 3] * 1000 * 10 ** Math.floor((at - 1) / 3)),
  tasks: (at) => [1, 2, 4, 8, 16, 40, 100, 200, 400, 1000, 2000, 4000, 10000, 20000, 50000, 100000][at],
};
const SAID = { bytes: units.size, compute: units.computing, tasks: (count) => count.toLocaleString("en") };

function ask() {
  const value = (id) => STEPS[id](Number(byId(id).value));
  for (const id of ["bytes", "compute", "tasks"]) {
    byId(`${id}-said`).textContent = SAID[id](value(id));
    byId(id).setAttribute("aria-valuetext", SAID[id](value(id)));
  }
  chosen.question = { bytes: value("bytes"), compute_ns: value("compute"), tasks: value("tasks") };
  const { terms, question } = chosen;
  if (!terms) return;
  const advice = plans.advise(terms, question);
  say(advice, terms);
  draw("map");
}

// The advice in the words of `coordinator advise`.
function say(advice, terms) {
  if (advice.lacks) {
    byId("advice").textContent = `This run does not say ${advice.lacks}.`;
    byId("plans").replaceChildren();
    return;
  }
  const [first, second] = advice.plans;
  const close = advice.plans.filter((plan) => plan !== first && plan.low_ns <= first.high_ns);
  const how = first.plan === "sequential" ? "one after another" : `a pool by ${first.plan}`;
  const strong = element("strong", {}, close.length ? "too close to call" : how);
  const rest = close.length
    ? ` between ${[first, ...close].map(({ plan }) => plan).join(", ")}: about ${units.time(first.predicted_ns)} for all tasks.`
    : `: about ${units.time(first.predicted_ns)} for all tasks; next best ${second.plan}, ${units.time(second.predicted_ns)} (${units.ratio(second.predicted_ns / Math.max(first.predicted_ns, 1))}).`;
  byId("advice").replaceChildren("→ ", strong, rest);
  const longest = Math.max(...advice.plans.map(({ high_ns }) => high_ns));
  const bar = ({ plan, predicted_ns, low_ns, high_ns }) => {
    const x = (ns) => 100 * ns / longest;
    const svg = d3.create("svg").attr("viewBox", "0 0 100 16").attr("preserveAspectRatio", "none").attr("aria-hidden", "true");
    svg.append("rect").attr("y", 3).attr("height", 10).attr("width", x(predicted_ns)).attr("fill", styleOf(plan).color).attr("fill-opacity", 0.75);
    svg.append("rect").attr("x", x(low_ns)).attr("y", 7).attr("height", 2).attr("width", Math.max(0.5, x(high_ns) - x(low_ns))).attr("fill", "var(--ink)");
    return svg.node();
  };
  const made = table(["plan", "all tasks", "interval", "speedup", "basis", ""], advice.plans.map((plan) => [
    plan.plan, units.time(plan.predicted_ns), `${units.time(plan.low_ns)} – ${units.time(plan.high_ns)}`, units.ratio(plan.speedup), plan.basis, bar(plan)]), "plans");
  made.querySelectorAll("td:last-child").forEach((cell) => cell.classList.add("bar"));
  made.querySelector("tbody tr").classList.add("best");
  byId("plans").replaceChildren(element("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "plans" }, made));
  const most = Math.min(terms.workers, terms.cores);
  byId("advice-note").textContent = `Predicted from this run: ${terms.workers} workers on ${terms.cores} cores, ${terms.placement}, ${terms.wait}; no pool can be more than ${most}× as fast.`;
}

function choices(select, all, said) {
  select.replaceChildren(...all.map((value) => element("option", { value }, said(value))));
}

// The sizes that were measured under the chosen conditions, and the one that was chosen if it is among them.
function sizes() {
  const all = [...new Set(here().flatMap(([, stratum]) => stratum.trials.map(({ bytes }) => bytes)))].sort((a, b) => a - b);
  choices(byId("size"), all, (bytes) => units.size(Number(bytes)));
  if (!all.includes(chosen.bytes)) chosen.bytes = [262144, 400000, 65536].find((bytes) => all.includes(bytes)) ?? all[all.length >> 1] ?? 0;
  byId("size").value = chosen.bytes;
}

function theme() {
  const root = document.documentElement, button = byId("theme");
  const dark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const show = () => { button.setAttribute("aria-pressed", dark()); button.textContent = dark() ? "light" : "dark"; };
  button.hidden = false;
  button.setAttribute("aria-label", "dark colours");
  button.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; show(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  // Paper is white, whatever the screen was.
  let before;
  addEventListener("beforeprint", () => { before = root.dataset.theme; root.dataset.theme = "light"; });
  addEventListener("afterprint", () => { if (before) root.dataset.theme = before; else delete root.dataset.theme; });
  show();
}

function begin() {
  theme();
  const titles = [...new Set(runs.flatMap((run) => run.strata.map(({ title }) => title)))];
  chosen.stratum = titles[0] ?? null;
  choices(byId("stratum"), titles, (title) => title);
  byId("choice").hidden = titles.length === 0;
  sizes();
  byId("stratum").addEventListener("change", ({ target }) => { chosen.stratum = target.value; sizes(); forget(); drawAll(); });
  byId("size").addEventListener("change", ({ target }) => { chosen.bytes = Number(target.value); forget(); draw("percentiles"); draw("phases"); });
  const terms = runs[0]?.terms ?? [];
  chosen.terms = terms[0] ?? null;
  if (chosen.terms) {
    byId("question").hidden = false;
    choices(byId("workers"), terms.map(({ workers }) => workers), (workers) => workers);
    byId("workers-row").hidden = terms.length < 2;
    byId("workers").addEventListener("change", ({ target }) => { chosen.terms = terms.find(({ workers }) => workers === Number(target.value)); ask(); });
    for (const id of ["bytes", "compute", "tasks"]) byId(id).addEventListener("input", ask);
  } else {
    byId("advice").textContent = "This run has no tasks through a pool of workers, so it cannot say. `coordinator quick` measures them.";
  }
  drawAll();
  ask();
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; drawAll(); } });
}

// Pictures begin whole again.
function forget() { for (const of of figures.values()) for (const axis of Object.keys(of.domains)) delete of.domains[axis]; }

begin();
