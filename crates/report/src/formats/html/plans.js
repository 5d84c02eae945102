// Plans for a case, by the arithmetic of `coordinator advise`: crates/report/src/analysis/advice.rs and crates/stats/src/cost_model.rs.
// A test asks both the same questions and wants the same answers.
const plans = {
  MIN_MARGIN: 0.05,
  MIN_MODEL_MARGIN: 0.03,
  MAX_LENGTH_RATIO: 4,
  TOO_CLOSE: "TOO CLOSE TO CALL",

  // All plans for a question, the first to be done first; or `lacks`, what the run does not say.
  advise(terms, { bytes, compute_ns, tasks }) {
    const read = plans.read(terms, bytes);
    if (read.lacks) return read;
    const each = compute_ns + read.ns;
    const alone = tasks * each;
    const aloneMargin = Math.max(plans.near(terms.alone_residuals, each), read.margin);
    const all = [plans.plan("sequential", alone, aloneMargin, alone, read.beyond)];
    for (const way of terms.ways) {
      if (bytes === 0 && way.name.endsWith("resident")) continue;
      const handover = plans.handover(terms, way, bytes);
      if (handover.lacks) return handover;
      const serial = tasks * handover.ns;
      const total = serial + plans.sharedOut(tasks, terms) * each / terms.efficiency;
      const miss = plans.near(way.residuals, each);
      const margin = Math.max(miss, plans.MIN_MARGIN) + handover.margin * serial / Math.max(total, 1);
      const beyond = each > 10 * terms.heaviest_ns || handover.beyond || read.beyond;
      all.push(plans.plan(way.name, Math.max(total, 1), margin, alone, beyond));
    }
    all.sort((a, b) => a.predicted_ns - b.predicted_ns);
    const verdict = all[0].high_ns < all[1].low_ns ? all[0].plan : plans.TOO_CLOSE;
    return { plans: all, verdict };
  },

  plan(plan, total, margin, alone, beyond) {
    return {
      plan,
      predicted_ns: Math.round(total),
      low_ns: Math.round(total / (1 + margin)),
      high_ns: Math.round(total * (1 + margin)),
      speedup: alone / Math.max(total, 1),
      basis: beyond ? "extrapolated" : "inside",
    };
  },

  // Tasks that the busiest core does, or the busiest worker.
  sharedOut(tasks, { workers, cores }) {
    return Math.max(Math.ceil(tasks / Math.max(workers, 1)), tasks / Math.max(Math.min(workers, cores), 1));
  },

  // How far the formula misses tasks about as long, at worst; or the one nearest to them.
  near(residuals, each) {
    const apart = (ns) => Math.abs(Math.log(Math.max(ns, 1)) - Math.log(Math.max(each, 1)));
    const near = residuals.filter(([ns]) => apart(ns) <= Math.log(plans.MAX_LENGTH_RATIO));
    if (near.length) return Math.max(...near.map(([, miss]) => miss));
    const nearest = residuals.toSorted((a, b) => apart(a[0]) - apart(b[0]));
    return nearest.length ? nearest[0][1] : 0;
  },

  // Time to read a list once.
  read(terms, bytes) {
    if (bytes === 0) return { ns: 0, margin: plans.MIN_MARGIN, beyond: false };
    if (bytes in terms.reads) return { ns: terms.reads[bytes], margin: plans.MIN_MARGIN, beyond: false };
    const model = terms.models["shared resident"];
    if (!model) return plans.lacks(bytes);
    const at = plans.at(model, bytes);
    return { ns: Math.max(at.ns - model.alpha_ns, 0), margin: Math.max(at.margin, plans.MIN_MARGIN), beyond: at.beyond };
  },

  // The coordinator's time for each task.
  handover(terms, way, bytes) {
    if (bytes in way.handovers) return { ns: way.handovers[bytes], margin: 0, beyond: false };
    if (way.empty === null) return { lacks: "light tasks without a list through a pool" };
    if (bytes === 0 || way.name.endsWith("resident")) return { ns: way.empty, margin: 0, beyond: false };
    const [model, resident] = [terms.models[way.name], terms.models["shared resident"]];
    if (!model || !resident || way.carry_scale === null) return plans.lacks(bytes);
    const all = plans.at(model, bytes);
    const carried = Math.max(all.ns - plans.at(resident, bytes).ns, 0);
    return { ns: way.empty + way.carry_scale * carried, margin: all.margin, beyond: all.beyond };
  },

  lacks(bytes) { return { lacks: `what carrying lists of about ${units.size(bytes)} costs` }; },

  // A model's time for a list.
  at(model, bytes) {
    const last = model.bytes.length - 1;
    const above = model.bytes.findIndex((size) => size >= bytes);
    const error = (at) => model.errors[at];
    const inner = model.errors.slice(1, last);
    const worst = Math.max(0, ...inner);
    const outside = (end, factor) => Math.max(error(end), worst) * (1 + Math.max(Math.log2(factor), 0));
    let ns, margin, beyond = false;
    if (above >= 0 && model.bytes[above] === bytes) {
      [ns, margin] = [model.ns[above], plans.MIN_MODEL_MARGIN];
    } else if (bytes < model.bytes[0]) {
      [ns, margin, beyond] = [plans.value(model, bytes), outside(0, model.bytes[0] / Math.max(bytes, 1)), true];
    } else if (bytes > model.bytes[last]) {
      [ns, margin, beyond] = [plans.value(model, bytes), outside(last, bytes / model.bytes[last]), true];
    } else {
      const mean = inner.reduce((sum, of) => sum + of, 0) / Math.max(inner.length, 1);
      [ns, margin] = [plans.value(model, bytes), Math.max(Math.min(error(above - 1), error(above)), mean)];
    }
    return { ns, margin: Math.max(margin, plans.MIN_MODEL_MARGIN), beyond };
  },

  value(model, bytes) {
    return Math.max(1, model.form === "hinged" ? plans.hinged(model, bytes) : plans.between(model, bytes));
  },

  hinged({ alpha_ns, beta_ns_per_byte, hinges_bytes }, bytes) {
    return beta_ns_per_byte.reduce((sum, beta, piece) => {
      const from = piece === 0 ? 0 : hinges_bytes[piece - 1];
      const to = hinges_bytes[piece] ?? Infinity;
      return sum + beta * Math.max(Math.min(bytes, to) - from, 0);
    }, alpha_ns);
  },

  // A smooth curve through the measured points, on logarithmic axes: cubic pieces with the slopes given.
  between({ bytes: sizes, ns, slopes }, bytes) {
    const last = sizes.length - 1;
    if (bytes <= sizes[0]) return ns[0];
    if (bytes >= sizes[last]) return ns[last] * bytes / sizes[last];
    const above = sizes.findIndex((size) => size >= bytes);
    const [from, to] = [Math.log(sizes[above - 1]), Math.log(sizes[above])];
    const part = (Math.log(bytes) - from) / (to - from);
    const rest = 1 - part;
    const [start, end] = [slopes[above - 1] * (to - from), slopes[above] * (to - from)];
    return Math.exp(rest * rest * ((1 + 2 * part) * Math.log(ns[above - 1]) + part * start)
      + part * part * ((1 + 2 * rest) * Math.log(ns[above]) - rest * end));
  },
};
