// The pictures. Each is made of the runs' numbers and of what was chosen on the page.
const runs = JSON.parse(document.getElementById("data").textContent);
const chosen = { stratum: null, bytes: null, question: { bytes: 0, compute_ns: 0, tasks: 40 }, terms: null };
const several = runs.length > 1;
const letter = (run) => "ABCDEFGH"[runs.indexOf(run)] ?? "…";

// What each run measured under the chosen conditions: [run, stratum].
const here = () => runs.map((run) => [run, run.strata.find(({ title }) => title === chosen.stratum)]).filter(([, stratum]) => stratum);
const named = (run, way) => (several ? `${letter(run)}: ${way}` : way);
// Further runs are drawn thinner, with hollow markers.
const styled = (run, way) => ({ ...styleOf(way), thin: run !== runs[0], hollow: run !== runs[0], opacity: run === runs[0] ? 1 : 0.75 });
const armsOf = (stratum) => [...new Set(stratum.trials.map(({ arm }) => arm))]
  .sort((a, b) => (WAYS.indexOf(a) + 100) % 100 - (WAYS.indexOf(b) + 100) % 100);
const series = () => here().flatMap(([run, stratum]) => armsOf(stratum).map((arm) => ({
  run, arm, label: named(run, arm), style: styled(run, arm),
  trials: stratum.trials.filter((trial) => trial.arm === arm && trial.count > 0),
}))).filter(({ trials }) => trials.length > 0);
const entries = (all) => all.map(({ label, style }) => [label, style]);
// From where on sharing wins, in each run's words.
const crossings = () => here().flatMap(([run, stratum]) => stratum.crossings.map(({ sentence }) => named(run, sentence)));
const times = (row) => [units.time(row.p50), units.time(row.p90), units.time(row.p99), units.time(row.p999), units.time(row.max)];

const line = (data, style, options) => Plot.line(data, { stroke: style.color, strokeDasharray: style.dash,
  strokeWidth: style.thin ? 1.2 : 2, strokeOpacity: style.opacity, ...options });
const dot = (data, style, options) => Plot.dot(data, { stroke: style.color, fill: style.hollow ? "var(--card)" : style.color,
  symbol: style.symbol, r: 3.5, ...options });
const timeAxis = (label, values) => logAxis(label, values, units.timeTick);
const sizeAxis = (values) => logAxis("list size", values, units.sizeTick, 2);
const ratioAxis = (label, values) => logAxis(label, values, (value) => `${+value.toPrecision(3)}×`);
const missing = (text) => ({ missing: text });

figure("percentiles", () => {
  const all = series().flatMap((of) => of.trials.filter(({ bytes, curve }) => bytes === chosen.bytes && curve.length).map((trial) => ({ ...of, trial })));
  if (!here().length) return missing("This run has no trial of a transport: no round trips to show.");
  if (!all.length) return missing(`Nothing was measured for a list of ${units.size(chosen.bytes)} under these conditions.`);
  const points = all.flatMap(({ label, style, trial }) => trial.curve.map((ns, at) => ({
    label, style, ns, x: at === trial.curve.length - 1 ? Math.log10(trial.count) : at / 10,
  })));
  const rare = (x) => `${(100 * (1 - 10 ** -x)).toFixed(Math.max(0, Math.ceil(x) - 1)).replace(/\.?0+$/, (zeros) => (zeros.includes(".") ? "" : zeros))} %`;
  const most = Math.max(...points.map(({ x }) => x));
  return {
    of: `${units.size(chosen.bytes)}, ${chosen.stratum}`,
    legend: entries(all),
    zoom: ["x", "y"],
    said: all.map(({ label, trial }) => `${label}: median ${units.time(trial.p50)}, 99th percentile ${units.time(trial.p99)}, largest ${units.time(trial.max)}`).join("; "),
    table: [["way", "samples", "p50", "p90", "p99", "p99.9", "largest"], all.map(({ label, trial }) => [label, trial.count, ...times(trial)])],
    options: () => ({
      marginLeft: 58,
      x: { label: "percentile", labelOffset: 40, domain: [0, most], ticks: d3.range(0, Math.floor(most) + 1), tickFormat: (x) => (Number.isInteger(x) ? (x === 0 ? "0 %" : x === 1 ? "90 %" : `99${x > 2 ? `.${"9".repeat(x - 2)}` : ""} %`) : rare(x)) },
      y: timeAxis("round trip", points.map(({ ns }) => ns)),
      marks: [
        ...all.map(({ label, style }) => line(points.filter((p) => p.label === label), style, { x: "x", y: "ns", curve: "step-after" })),
        ...all.map(({ label, style }) => dot(points.filter((p) => p.label === label && [3, 10, 20, 30, 40].includes(Math.round(p.x * 10))), style, { x: "x", y: "ns", r: 3 })),
        Plot.tip(points, Plot.pointer({ x: "x", y: "ns", title: (p) => `${p.label}\n${rare(p.x)} of round trips take at most\n${units.time(p.ns)}` })),
      ],
    }),
  };
});

figure("latency", () => {
  const all = series();
  if (!all.length) return missing("This run has no trial of a transport: no round trips to show.");
  const points = all.flatMap(({ label, trials }) => trials.map((trial) => ({ ...trial, label })));
  const sizes = points.map(({ bytes }) => bytes);
  const [smallest, largest] = d3.extent(sizes);
  const [[first, stratum]] = here();
  const bands = stratum.crossings.filter(({ bytes }) => bytes);
  const saying = crossings();
  const limits = first.limits.filter(({ placement }) => placement === stratum.placement);
  const flat = limits.filter(({ what }) => what.endsWith("_round_trip"));
  const copies = limits.filter(({ what, bytes }) => what.startsWith("copy_") && bytes > 0 && bytes >= smallest && bytes <= largest).filter(({ p50 }) => p50 >= 0.7 * Math.min(...points.map((point) => point.p50)));
  // Their lines may lie close together, so they are named in the legend, the lowest first.
  const least = d3.sort(flat, ({ p50 }) => p50).map(({ name, p50 }) => `${name.replace(/ round trip/, "")} ${units.time(p50)}`);
  return {
    of: stratum.title,
    legend: [
      ...entries(all),
      ...(bands.length ? [["sharing begins to win", { fill: "var(--band)", opacity: 0.25 }]] : []),
      ...(flat.length ? [[`limits of a round trip: ${least.join(" · ")}`, { color: "var(--faint)", dash: "1 3" }]] : []),
      ...(copies.length ? [["limit: copying alone", { color: "var(--faint)", opacity: 0, symbol: "times" }]] : []),
    ],
    zoom: ["x", "y"],
    remark: saying.join("\n"),
    said: [`Median round trips from ${units.size(smallest)} to ${units.size(largest)}`, ...saying].join("; "),
    table: [["way", "list", "samples", "p50", "p90", "p99", "p99.9", "largest", "steady"],
      points.map((row) => [row.label, units.size(row.bytes), row.count, ...times(row), row.steady ? "yes" : "no"])
        .concat(limits.map((limit) => [`limit: ${limit.name}`, limit.bytes ? units.size(limit.bytes) : "", "", units.time(limit.p50), "", "", "", "", ""]))],
    options: () => ({
      marginLeft: 58,
      x: sizeAxis(sizes),
      y: timeAxis("round trip", points.flatMap(({ p50, p99 }) => [p50, p99]).concat(flat.concat(copies).map(({ p50 }) => p50))),
      marks: [
        Plot.rectX(bands, { x1: ({ bytes }) => bytes[0], x2: ({ bytes }) => Math.max(bytes[1], bytes[0] * 1.05), fill: "var(--band)", fillOpacity: 0.2 }),
        Plot.ruleY(flat, { y: "p50", stroke: "var(--faint)", strokeDasharray: "1 3" }),
        Plot.dot(copies, { x: "bytes", y: "p50", symbol: "times", stroke: "var(--faint)" }),
        ...all.map(({ trials, style }) => line(trials, style, { x: "bytes", y: "p99", strokeWidth: 0.8, strokeOpacity: 0.6 })),
        ...all.map(({ trials, style }) => line(trials, style, { x: "bytes", y: "p50" })),
        ...all.map(({ trials, style }) => dot(trials, style, { x: "bytes", y: "p50" })),
        Plot.tip(points, Plot.pointer({ x: "bytes", y: "p50", title: (p) => `${p.label}, ${units.size(p.bytes)}\nmedian ${units.time(p.p50)}\np99 ${units.time(p.p99)}${p.steady ? "" : "\nunsteady"}` })),
      ],
    }),
  };
});

figure("ratio", () => {
  const all = here().flatMap(([run, stratum]) => [...new Set(stratum.ratios.map(({ arm }) => arm))].map((arm) => ({
    label: named(run, arm), style: styled(run, arm), ratios: stratum.ratios.filter((ratio) => ratio.arm === arm),
  })));
  if (!here().length) return null;
  if (!all.length) return missing("No copying way was set against a sharing one here: there is nothing to divide.");
  const points = all.flatMap(({ label, style, ratios }) => ratios.map((ratio) => ({ ...ratio, label, style })));
  const sizes = points.map(({ bytes }) => bytes);
  const { threshold } = points[0];
  return {
    of: `${points[0].base} ÷ share, ${chosen.stratum}`,
    legend: entries(all),
    zoom: ["x", "y"],
    said: crossings().join("; "),
    table: [["way", "list", "copy ÷ share (interval)", "generations", "verdict"],
      points.map((p) => [p.label, units.size(p.bytes), units.range(p.ratio, p.low, p.high), p.generations, p.verdict])],
    options: () => ({
      marginLeft: 52,
      x: sizeAxis(sizes),
      y: ratioAxis("copy ÷ share", [1 / threshold, threshold, ...points.flatMap(({ low, high }) => [low, high])]),
      marks: [
        Plot.rectY([0], { y1: 1 / threshold, y2: threshold, fill: "var(--faint)", fillOpacity: 0.22 }),
        Plot.ruleY([1], { stroke: "var(--faint)" }),
        ...all.map(({ ratios, style }) => line(ratios, style, { x: "bytes", y: "ratio" })),
        Plot.ruleX(points, { x: "bytes", y1: "low", y2: "high", stroke: (p) => p.style.color, strokeWidth: 1.5 }),
        ...all.map(({ ratios, style }) => dot(ratios, style, { x: "bytes", y: "ratio", r: 4,
          fill: (p) => (style.hollow || p.verdict === plans.TOO_CLOSE ? "var(--card)" : style.color) })),
        Plot.tip(points, Plot.pointer({ x: "bytes", y: "ratio", title: (p) => `${p.label}, ${units.size(p.bytes)}\n${units.range(p.ratio, p.low, p.high)}\n${p.verdict}` })),
      ],
    }),
  };
});

const PHASES = ["fill", "encode", "send", "deliver", "decode", "compute", "reply", "collect"];

figure("phases", () => {
  const all = series().flatMap((of) => of.trials.filter(({ bytes, phases }) => bytes === chosen.bytes && phases.length).map((trial) => ({ ...of, trial })));
  if (!here().length) return null;
  if (!all.length) return missing(`No task with a list of ${units.size(chosen.bytes)} had its phases stamped here.`);
  const bars = all.flatMap(({ label, trial }) => trial.phases.map(([phase, ns]) => ({ label, phase, ns })));
  const lasting = PHASES.filter((phase) => bars.some((bar) => bar.phase === phase && bar.ns > 0));
  const total = Math.max(...all.map(({ trial }) => d3.sum(trial.phases, ([, ns]) => ns)), 1);
  const [by, unit] = units.scale(total);
  const color = (phase) => `var(--p${PHASES.indexOf(phase)})`;
  return {
    of: `${units.size(chosen.bytes)}, ${chosen.stratum}${all.some(({ trial }) => trial.overlap) ? " (writing and reading overlap)" : ""}`,
    legend: lasting.map((phase) => [phase, { fill: color(phase) }]),
    said: all.map(({ label, trial }) => `${label}: ${trial.phases.filter(([, ns]) => ns > 0).map(([phase, ns]) => `${phase} ${units.time(ns)}`).join(", ")}`).join("; "),
    table: [["way", ...PHASES], all.map(({ label, trial }) => [label, ...PHASES.map((phase) => units.time((trial.phases.find(([name]) => name === phase) ?? ["", 0])[1]))])],
    options: () => ({
      marginLeft: 116,
      height: 80 + 46 * all.length,
      x: { label: `since the task began, ${unit}`, labelOffset: 40, transform: (ns) => ns / by, grid: true },
      y: { label: null, domain: all.map(({ label }) => label) },
      marks: [
        Plot.barX(bars, Plot.stackX({ y: "label", x: "ns", order: PHASES, z: "phase", fill: (bar) => color(bar.phase), insetTop: 5, insetBottom: 5, insetRight: 0.6 })),
        Plot.text(bars.filter(({ ns }) => ns > total * 0.08), Plot.stackX({ y: "label", x: "ns", z: "phase", order: PHASES, text: "phase", fill: "#10161c", fontSize: 11 })),
        Plot.tip(bars, Plot.pointerX(Plot.stackX({ y: "label", x: "ns", z: "phase", order: PHASES, title: (bar) => `${bar.label}\n${bar.phase} ${units.time(bar.ns)}` }))),
        Plot.ruleX([0], { stroke: "var(--faint)" }),
      ],
    }),
  };
});

const SHORT = { sequential: "alone", pipe: "pipe", "shared place": "place", "shared resident": "resid." };

figure("map", () => {
  const { terms, question } = chosen;
  if (!terms) return null;
  const sizes = [0, ...d3.range(11).map((at) => 64 * 4 ** at)];
  const computes = [0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];
  const cells = computes.flatMap((compute_ns) => sizes.map((bytes) => {
    const advice = plans.advise(terms, { ...question, bytes, compute_ns });
    if (advice.lacks || bytes + compute_ns === 0) return { bytes, compute_ns, way: null };
    const [best, second] = advice.plans;
    return { bytes, compute_ns, way: best.plan, best, second, close: advice.verdict === plans.TOO_CLOSE, beyond: best.basis === "extrapolated" };
  }));
  const known = cells.filter(({ way }) => way);
  if (!known.length) return missing("This run lacks what plans are computed from.");
  const clear = known.filter(({ close }) => !close);
  const ways = Object.keys(SHORT).filter((way) => known.some((cell) => cell.way === way));
  const near = { bytes: d3.least(sizes, (bytes) => Math.abs(Math.log2(bytes + 1) - Math.log2(question.bytes + 1))),
    compute_ns: d3.least(computes, (ns) => Math.abs(Math.log2(ns + 500) - Math.log2(question.compute_ns + 500))) };
  const where = { x: ({ bytes }) => units.sizeTick(bytes), y: ({ compute_ns }) => units.computing(compute_ns) };
  return {
    of: `${question.tasks} tasks, ${terms.workers} workers, predicted`,
    legend: ways.map((way) => [SHORT[way] === way ? way : `${way} (${SHORT[way]})`, { fill: styleOf(way).color, opacity: 0.85 }]),
    said: ways.map((way) => `${way} in ${known.filter((cell) => cell.way === way && !cell.close).length} cells`).join(", ") + `; too close to call in ${known.filter(({ close }) => close).length} of ${known.length}`,
    table: [["list", "compute", "fastest", "all tasks", "speedup", "next best", "verdict", "basis"],
      known.map((cell) => [units.size(cell.bytes), units.computing(cell.compute_ns), cell.way, units.time(cell.best.predicted_ns), units.ratio(cell.best.speedup),
        `${cell.second.plan} ${units.time(cell.second.predicted_ns)}`, cell.close ? plans.TOO_CLOSE : cell.way, cell.best.basis])],
    options: (width) => ({
      marginLeft: 80, marginBottom: 62, padding: 0,
      height: 390,
      x: { label: "list size", domain: sizes.map(units.sizeTick), tickRotate: -50 },
      y: { label: "compute a task", domain: computes.map(units.computing).reverse() },
      marks: [
        Plot.cell(known, { ...where, fill: ({ way }) => styleOf(way).color, fillOpacity: ({ close }) => (close ? 0.3 : 0.85), inset: 0.8, rx: 2,
          stroke: ({ beyond }) => (beyond ? "var(--ink)" : "none"), strokeDasharray: "2 2" }),
        Plot.text(known.filter(({ close }) => close), { ...where, text: () => "~", fill: "var(--ink)", fontSize: 12 }),
        width > 420
          ? Plot.text(clear, { ...where, text: (cell) => (cell.way === "sequential" ? SHORT[cell.way] : `${units.digits(cell.best.speedup)}\n${SHORT[cell.way] ?? cell.way}`), fill: "var(--on)", fontSize: 9.5 })
          : Plot.text(clear, { ...where, text: ({ way }) => (SHORT[way] ?? way)[0], fill: "var(--on)", fontSize: 10.5 }),
        Plot.cell([near], { ...where, fill: "none", stroke: "var(--ink)", strokeWidth: 2.5, rx: 2 }),
        Plot.tip(known, Plot.pointer({ ...where, title: (cell) => `${units.size(cell.bytes)}, ${units.computing(cell.compute_ns)} a task\n${cell.close ? "too close to call: " : ""}${cell.way} ${units.time(cell.best.predicted_ns)}, ${units.ratio(cell.best.speedup)}\nthen ${cell.second.plan} ${units.time(cell.second.predicted_ns)}${cell.beyond ? "\nextrapolated" : ""}` })),
      ],
    }),
  };
});

// Where a sweep computed too, for how long: who won, as far as it was measured.
figure("measured", () => {
  const first = here()[0]?.[1];
  const alike = first ? runs[0].strata.filter((stratum) => stratum.same_except_compute === first.same_except_compute && stratum.ratios.length) : [];
  if (alike.length < 2) return null;
  const arm = first.ratios[0]?.arm ?? alike[0].ratios[0].arm;
  const cells = alike.flatMap(({ compute_ns, ratios }) => ratios.filter((ratio) => ratio.arm === arm).map((ratio) => ({ ...ratio, compute_ns, close: ratio.verdict === plans.TOO_CLOSE })));
  const sizes = [...new Set(cells.map(({ bytes }) => bytes))].sort((a, b) => a - b);
  const computes = [...new Set(cells.map(({ compute_ns }) => compute_ns))].sort((a, b) => b - a);
  const fills = { SHARE: styleOf(arm).color, COPY: styleOf("pipe").color, SAME: "var(--faint)" };
  const fill = ({ verdict }) => fills[verdict] ?? "var(--faint)";
  const where = { x: ({ bytes }) => units.sizeTick(bytes), y: ({ compute_ns }) => units.computing(compute_ns) };
  return {
    of: `${cells[0].base} ÷ ${arm}, ${first.placement}`,
    legend: Object.entries(fills).map(([word, color]) => [word, { fill: color, opacity: 0.85 }]),
    said: cells.map((cell) => `${units.size(cell.bytes)}, ${units.computing(cell.compute_ns)}: ${cell.verdict}`).join("; "),
    table: [["list", "compute", "copy ÷ share (interval)", "generations", "verdict"],
      cells.map((cell) => [units.size(cell.bytes), units.computing(cell.compute_ns), units.range(cell.ratio, cell.low, cell.high), cell.generations, cell.verdict])],
    options: () => ({
      marginLeft: 80, marginBottom: 62, padding: 0, height: 120 + 36 * computes.length,
      x: { label: "list size", domain: sizes.map(units.sizeTick), tickRotate: -50 },
      y: { label: "compute a task", domain: computes.map(units.computing) },
      marks: [
        Plot.cell(cells, { ...where, fill, fillOpacity: ({ close }) => (close ? 0.25 : 0.85), inset: 0.8, rx: 2 }),
        Plot.text(cells, { ...where, text: ({ ratio, close }) => (close ? `~\n${units.digits(ratio)}` : units.digits(ratio)), fill: ({ close }) => (close ? "var(--ink)" : "var(--on)"), fontSize: 10.5 }),
        Plot.tip(cells, Plot.pointer({ ...where, title: (cell) => `${units.size(cell.bytes)}, ${units.computing(cell.compute_ns)} a task\n${units.range(cell.ratio, cell.low, cell.high)}\n${cell.verdict}` })),
      ],
    }),
  };
});

const speedups = (of) => runs.flatMap((run) => run.speedups.filter(of).map((speedup) => ({ ...speedup, run, label: named(run, speedup.way), style: styled(run, speedup.way) })));
const distinct = (points) => [...new Map(points.map((point) => [point.label, point])).values()];
const speedupTable = (points) => [["case", "way", "alone", "pool", "speedup (interval)", "verdict"],
  points.map((p) => [p.case, p.label, units.time(p.alone_ns), p.pool_ns ? units.time(p.pool_ns) : "", units.range(p.ratio, p.low, p.high), p.verdict])];

figure("speedup", () => {
  const points = speedups(({ compute_ns }) => compute_ns === 0);
  if (!points.length) return null;
  const cases = [...new Set(points.map((point) => point.case))];
  const ways = distinct(points);
  const limit = points[0].threshold;
  return {
    of: "alone ÷ pool, all tasks of a case",
    legend: entries(ways),
    said: points.map((p) => `${p.case} by ${p.label}: ${units.range(p.ratio, p.low, p.high)}, ${p.verdict}`).join("; "),
    table: speedupTable(points),
    options: (width) => {
      const narrow = width < 420;
      return {
        marginLeft: narrow ? 12 : 160, marginRight: 20, marginTop: 26,
        height: 80 + cases.length * (14 + 12 * ways.length + (narrow ? 14 : 0)),
        marginBottom: 46,
        x: ratioAxis("speedup", [1, limit * 1.1, ...points.flatMap(({ low, high }) => [low * 0.85, high * 1.1])]),
        y: { axis: null, domain: ways.map(({ label }) => label) },
        fy: { label: null, axis: null, domain: cases, padding: narrow ? 0.42 : 0.25 },
        marks: [
          Plot.ruleX([1], { stroke: "var(--faint)" }),
          Plot.ruleX([limit], { stroke: "var(--faint)", strokeDasharray: "4 3" }),
          Plot.text(cases.map((name) => ({ name })), { fy: "name", text: "name", frameAnchor: narrow ? "top-left" : "left", textAnchor: narrow ? "start" : "end", dx: narrow ? 0 : -10, dy: narrow ? -13 : 0, lineWidth: narrow ? 40 : 12, lineHeight: 1.2, fontSize: 12 }),
          Plot.ruleY(points, { fy: "case", y: "label", x1: "low", x2: "high", stroke: (p) => p.style.color, strokeWidth: 2 }),
          ...ways.map((way) => dot(points.filter((p) => p.label === way.label), way.style, { fy: "case", y: "label", x: "ratio", r: 4.5,
            fill: (p) => (p.style.hollow || p.verdict === plans.TOO_CLOSE ? "var(--card)" : p.style.color) })),
          Plot.tip(points, Plot.pointer({ fy: "case", y: "label", x: "ratio", title: (p) => `${p.case}\n${p.label} ${units.range(p.ratio, p.low, p.high)}\n${p.verdict}` })),
        ],
      };
    },
  };
});

figure("crossover", () => {
  const points = speedups(({ compute_ns }) => compute_ns > 0).map((p) => ({ ...p, label: p.bytes ? `${p.label}, ${units.size(p.bytes)}` : p.label }));
  if (!points.length) return null;
  const ways = distinct(points).map((way) => ({ ...way, points: points.filter((p) => p.label === way.label).sort((a, b) => a.task_ns - b.task_ns) }));
  const found = runs.flatMap((run) => run.crossovers.filter(({ at }) => at !== null).map((of) => ({ ...of, style: styled(run, of.way), label: named(run, of.way) })));
  const limit = points[0].threshold;
  return {
    of: `alone ÷ pool; wins from ${limit}× on`,
    legend: entries(ways),
    zoom: ["x", "y"],
    said: found.length ? found.map((of) => `${of.label}: parallel wins above ${units.time(of.at)} a task, ${units.time(of.low)} to ${units.time(of.high)}`).join("; ") : "no crossover was found",
    table: speedupTable(points),
    options: () => ({
      marginLeft: 52,
      x: timeAxis("one task alone", points.map(({ task_ns }) => task_ns)),
      y: ratioAxis("speedup", [1, limit, ...points.flatMap(({ low, high }) => [low, high])]),
      marks: [
        Plot.rectX(found, { x1: ({ low }) => low, x2: ({ low, high }) => Math.max(high, low * 1.03), fill: ({ style }) => style.color, fillOpacity: 0.25 }),
        Plot.ruleX(found, { x: "at", stroke: ({ style }) => style.color, strokeDasharray: "1 2" }),
        Plot.text(found, { x: "at", text: ({ at }) => units.time(at), frameAnchor: "bottom", dy: -6, dx: 4, textAnchor: "start", fill: ({ style }) => style.color, stroke: "var(--card)", fontSize: 11 }),
        Plot.ruleY([1], { stroke: "var(--faint)" }),
        Plot.ruleY([limit], { stroke: "var(--faint)", strokeDasharray: "4 3" }),
        ...ways.map((way) => line(way.points, way.style, { x: "task_ns", y: "ratio" })),
        Plot.ruleX(points, { x: "task_ns", y1: "low", y2: "high", stroke: (p) => p.style.color }),
        ...ways.map((way) => dot(way.points, way.style, { x: "task_ns", y: "ratio", fill: (p) => (way.style.hollow || p.verdict === plans.TOO_CLOSE ? "var(--card)" : way.style.color) })),
        Plot.tip(points, Plot.pointer({ x: "task_ns", y: "ratio", title: (p) => `${p.case}, ${p.label}\n${units.time(p.task_ns)} alone\n${units.range(p.ratio, p.low, p.high)}\n${p.verdict}` })),
      ],
    }),
  };
});
