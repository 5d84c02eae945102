// Numbers as people read them: as crates/report/src/units.rs writes them.
const units = {
  digits(value) { return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0); },
  scale(ns) { return ns < 999500 ? [1e3, "µs"] : ns < 999500000 ? [1e6, "ms"] : [1e9, "s"]; },
  time(ns) { const [by, unit] = units.scale(ns); return `${units.digits(ns / by)} ${unit}`; },
  // What was asked for, not measured: round.
  computing(ns) { return ns === 0 ? "none" : units.timeTick(ns); },
  size(bytes) {
    if (bytes === 0) return "no list";
    if (bytes < 1000) return `${bytes} B`;
    if (bytes % 1024 && bytes % 1000 === 0) return `${bytes / 1000} kB`;
    let value = bytes, at = 0;
    while (value >= 1024 && at < 4) { value /= 1024; at += 1; }
    return `${Number.isInteger(value) ? value : value.toFixed(1)} ${["B", "KiB", "MiB", "GiB", "TiB"][at]}`;
  },
  ratio(value) { return `${units.digits(value)}×`; },
  range(middle, low, high) { return `${units.ratio(middle)} (${units.digits(low)}–${units.digits(high)})`; },
  // Ticks of axes: 1, 10, 100 with the unit that leaves the fewest digits.
  timeTick(ns) {
    const [by, unit] = ns < 1e3 ? [1, "ns"] : ns < 1e6 ? [1e3, "µs"] : ns < 1e9 ? [1e6, "ms"] : [1e9, "s"];
    return `${+(ns / by).toPrecision(3)} ${unit}`;
  },
  sizeTick(bytes) { return units.size(Math.round(bytes)).replace(" ", "\u00a0"); },
};
