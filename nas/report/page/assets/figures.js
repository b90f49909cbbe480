// Each figure is a function of its section's data, the reader's choice and the palette, and gives
// { traces, layout, height, label }, or a sentence where there is nothing to draw. Lengths in px.

const PALETTES = { // Okabe–Ito, darkened or lightened to stand out from the paper
  light: { ink: "#1c1f23", muted: "#5a6169", grid: "#e4e7ea", paper: "#ffffff", accent: "#0067a5", soft: "#a9c9de",
    warm: "#c75400", hues: ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a8f94"] },
  dark: { ink: "#e6e8ea", muted: "#a3abb3", grid: "#2e353c", paper: "#15181c", accent: "#6cb8ec", soft: "#2f5873",
    warm: "#f0a35e", hues: ["#56b4e9", "#f0813a", "#2fc89a", "#e09cc2", "#f0c05a", "#3a8fd0", "#8a9198"] },
};
const ROW = 21; // pixels a row of a figure with names at its side
const NARROW = 560;

// plotly renders some HTML in its texts: names and messages must stay text.
const plain = text => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const fitting = (text, other, width) => (text && 6 * text.length <= width ? plain(text) : other);
const short = name => plain(name.length > 24 ? `${name.slice(0, 23)}…` : name); // the rest on hover
const room = names => 14 + 7 * Math.min(24, Math.max(...names.map(name => name.length))); // px of the longest
// A variant's name on lines of its own: its arm, then each setting.
const folded = name => name.replace(/\((.*)\)$/, (_, settings) => `\n${settings.replaceAll(", ", "\n")}`);
const linesOf = names => Math.max(...names.map(name => name.split("\n").length));
const lines = (...parts) => parts.filter(Boolean).map(plain).join("<br>");
const percent = values => values.map(v => (v === null ? null : 100 * v));
const pick = (values, rows) => rows.map(row => values[row]);
const indices = (n, test = () => true) => Array.from({ length: n }, (_, i) => i).filter(test);

function base(palette, more = {}) {
  const axis = { gridcolor: palette.grid, zeroline: false, linecolor: palette.grid, automargin: true, ticks: "", title: { standoff: 8 } };
  const { xaxis = {}, yaxis = {}, ...rest } = more;
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 12.5, color: palette.ink },
    margin: { l: 10, r: 16, t: 10, b: 10 }, hovermode: "closest", showlegend: false,
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, traceorder: "normal" },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: palette.muted, activecolor: palette.accent },
    hoverlabel: { bgcolor: palette.paper, bordercolor: palette.muted, font: { color: palette.ink } , align: "left" },
    xaxis: { ...axis, automargin: "height", ...xaxis }, yaxis: { ...axis, ...yaxis }, ...rest,
  };
}

// An axis of names, the first on top, and the margin that it needs. Measuring whether each name runs
// over the edge would take longer than all the rest.
const named = names => ({
  tickvals: names.map((_, i) => i), ticktext: names.map(short), range: [names.length - 0.4, -0.6],
  showgrid: false, tickangle: 0, tickfont: { size: 12 }, fixedrange: true, automargin: false, ticklabeloverflow: "allow",
});
const leftOf = names => ({ margin: { l: room(names), r: 16, t: 10, b: 10 } });
const title = text => ({ title: { text } });
const whole = most => (most <= 5 ? { dtick: 1 } : {}); // ticks of counts
// How many ticks keep plotly from the series 1, 2, 3 … 9 of a logarithmic axis, whose labels stand at two heights.
const logTicks = values => {
  const known = values.filter(value => value > 0), span = Math.log10(Math.max(...known) / Math.min(...known)) || 2;
  return span > 0.9 ? Math.min(9, Math.max(3, Math.floor(span / 0.31))) : 6;
};

// A long title of an axis in lines that a phone has room for.
function wrapped(text, width) {
  const fits = Math.max(16, Math.floor(width / 7));
  let length = 0;
  return text.split(" ").map(word => {
    const breaks = length > 0 && length + word.length > fits;
    length = (breaks ? 0 : length) + word.length + 1;
    return (breaks ? "<br>" : "") + word;
  }).join(" ").replaceAll(" <br>", "<br>");
}

const COSTS = { params: "parameters", macs: "MACs of one image, forward", latency_ms: "ms an image, forward, its experts one after another",
  train_ms: "ms an image while training, forward and backward", step_ms: "ms an image at pre-flight, its members’ training steps added up" };

// Accuracies of the known rows over a cost, their Pareto front, and as shades the rows that are not listed.
function againstCost({ table: { values: v }, front, rest }, known, accuracy, heading, hover, choice, palette, width) {
  const best = front[choice], on = new Set(best), others = known.filter(i => !on.has(i));
  const dots = (some, marker, extra) => ({ type: "scatter", mode: "markers", x: pick(v[choice], some), y: percent(pick(accuracy, some)),
    hoverinfo: "text", hovertext: some.map(hover), marker, ...extra });
  const traces = [];
  if (rest?.[choice]) traces.push({ type: "heatmap", x: rest[choice].x, y: percent(rest[choice].y), showscale: false, hoverinfo: "skip",
    z: rest[choice].counts.map(row => row.map(n => n ? Math.log(n) : null)), colorscale: [[0, palette.grid], [1, palette.muted]] });
  if (others.length) traces.push(dots(others, { size: 5, color: palette.accent, opacity: others.length > 500 ? 0.35 : 0.6 }, { name: "trained" }));
  traces.push(dots(best, { size: 9, color: palette.warm, symbol: "diamond" }, { name: "Pareto front", mode: "lines+markers", line: { shape: "hv", color: palette.warm, width: 1.5 } }));
  return { traces, height: 440,
    layout: base(palette, { showlegend: true, xaxis: { ...title(COSTS[choice]), type: "log", tickformat: choice.endsWith("_ms") ? "" : "~s", nticks: Math.min(width < NARROW ? 4 : 9, logTicks(v[choice])) },
      yaxis: title(heading) }) };
}

function intervals(rows, palette, { x, low, high, color, symbol, hover }) {
  return {
    type: "scatter", mode: "markers", x, y: rows, hoverinfo: "text", hovertext: hover,
    marker: { size: 8, color, symbol, line: { width: 1.5, color } },
    error_x: { type: "data", symmetric: false, thickness: 1.5, width: 0, color: palette.muted,
      array: high.map((h, i) => h - x[i]), arrayminus: low.map((l, i) => x[i] - l) },
  };
}
const rule = (x, palette, dash = "solid", layer = "below") => ({ type: "line", x0: x, x1: x, yref: "paper", y0: 0, y1: 1, layer,
  line: { color: palette.muted, width: 1.5, dash } });

// How an interval lies to zero: a colour and a symbol.
const against = (low, high, palette) => (low > 0 ? [palette.accent, "circle"] : high < 0 ? [palette.warm, "square"] : [palette.muted, "diamond-open"]);

// Names of rows that may have several lines.
const multiline = names => ({ ...named(names), ticktext: names.map(name => name.split("\n").map(short).join("<br>")) });
const leftOfLines = names => leftOf(names.flatMap(name => name.split("\n")));

// Rows of estimates with their intervals against zero, each marked as `styles` says.
function forest(names, v, stem, styles, axis, hover, palette, row, scale = percent) {
  const x = scale(v[stem]), low = scale(v[`${stem}_low`]), high = scale(v[`${stem}_high`]), every = indices(names.length);
  return {
    traces: [intervals(every, palette, { x, low, high, color: styles.map(([color]) => color), symbol: styles.map(([, symbol]) => symbol), hover: every.map(hover) })],
    layout: base(palette, { xaxis: { ...title(axis), nticks: 6 }, yaxis: multiline(names),
      ...leftOfLines(names), shapes: [rule(0, palette)] }),
    height: Math.max(150, row * names.length + 80), // of one row too, a title of two lines has room
  };
}
const interval = (v, stem, i, kind = "points") =>
  `${write(kind, v[stem][i])}${UNITS[kind] ?? ""}, 95 % from ${write(kind, v[`${stem}_low`][i])} to ${write(kind, v[`${stem}_high`][i])}`;

// Small multiples: a panel for each name beside and below each other, their axes and titles. `every`: each has its own ticks.
function panels(names, width, palette, yaxis, xaxis, { least = 0, panel = width < NARROW ? 110 : 130, every = false, between = every ? 0.08 : 0.06 } = {}) {
  const columns = Math.min(names.length, Math.max(1, Math.floor(width / Math.max(least, width < NARROW ? 150 : 240)))), deep = Math.ceil(names.length / columns);
  const titles = names.map(name => folded(name).split("\n")), heading = 16 * linesOf(titles.map(parts => parts.join("\n"))) + 8;
  const gap = every ? 36 : 14, left = 30 + (yaxis.title ? 14 : 0), row = heading + panel + gap, height = deep * row - gap, axis = base(palette), axes = {};
  names.forEach((_, i) => {
    const id = i ? i + 1 : "", column = i % columns, above = Math.floor(i / columns) * row + heading, last = every || i + columns >= names.length, first = column === 0;
    const { title: below, ...x } = xaxis, { title: beside, ...y } = yaxis;
    axes[`xaxis${id}`] = { ...axis.xaxis, ...(last ? { title: below } : {}), showticklabels: last, anchor: `y${id}`, automargin: false, showgrid: false, showline: !every,
      domain: [(column + (column ? between : 0)) / columns, (column + 1) / columns], ...x };
    axes[`yaxis${id}`] = { ...axis.yaxis, ...(first && beside ? { title: beside } : {}), anchor: `x${id}`, domain: [1 - (above + panel) / height, 1 - above / height], showticklabels: first, automargin: false, ...y };
  });
  const annotations = titles.map((parts, i) => ({ xref: `x${i ? i + 1 : ""} domain`, yref: `y${i ? i + 1 : ""} domain`, x: 0, y: 1, xanchor: "left", yanchor: "bottom", showarrow: false, align: "left",
    text: parts.map(short).join("<br>"), font: { size: 12 } }));
  const at = i => ({ xaxis: `x${i ? i + 1 : ""}`, yaxis: `y${i ? i + 1 : ""}` });
  return { at, height: height + 50, panel, width: (1 - between) * (width - left - 10) / columns, layout: { margin: { l: left, r: 10, t: 10, b: 40 }, ...axes, annotations } };
}
const byEpoch = epochs => ({ title: { text: "epoch", standoff: 4 }, ...(new Set(epochs).size <= 10 ? { dtick: 1 } : { nticks: 5 }),
  range: [Math.min(...epochs) - 0.5, Math.max(...epochs) + 0.5] });
const PANELS = 24; // at most, of matrices

const FIGURES = {
  effects({ effects: { values: v, rows }, left_out }, _, palette) {
    if (!rows) return "No family’s effect can be estimated yet.";
    const styles = indices(rows).map(i => against(v.effect_low[i], v.effect_high[i], palette));
    const axis = `effect on validation accuracy, percentage points${left_out ? `; ${left_out} middle families are left out` : ""}`;
    return { ...forest(v.family, v, "effect", styles, axis, i => lines(v.family[i], interval(v, "effect", i), `${v.draws[i]} draws`), palette, ROW),
      label: `Effects of ${rows} families with 95 % intervals` };
  },

  arms({ effects: { values: v, rows }, reference }, _, palette) {
    if (!rows) return "An interval needs two runs of each variant, and three of an arm with one; the table has the differences.";
    const styles = indices(rows).map(i => against(v.effect_low[i], v.effect_high[i], palette));
    return { ...forest(v.family, v, "effect", styles, `against ${reference}, percentage points`, i => lines(v.family[i], interval(v, "effect", i), `${v.draws[i]} runs`), palette, ROW),
      label: `Differences of ${rows} arms from ${reference} with 95 % intervals` };
  },

  arm_effects({ table: { values, rows } }, choice, palette) {
    const stem = `change_${choice}`, kind = choice === "val_acc" ? "points" : "change";
    const known = indices(rows, i => values[`${stem}_low`][i] !== null);
    if (!known.length) return values[stem].some(value => value !== null) ? "No effect has an interval: it needs two runs of each value, and no early stopping." : "No effect can be estimated yet, or this was not measured.";
    const v = Object.fromEntries(Object.entries(values).map(([name, column]) => [name, pick(column, known)]));
    const names = indices(known.length).map(i => `${v.arm[i]}: ${v.setting[i].replace(/^recipe\.(losses\.)?/, "")}\n${v.step[i]}`);
    const styles = indices(known.length).map(i => against(v[`${stem}_low`][i], v[`${stem}_high`][i], palette));
    const axis = { val_acc: "change of validation accuracy, percentage points", loss_gap: "change of validation − training cross-entropy, nats",
      imbalance: "change of imbalance, max q / min q", spec_entropy: "change of router entropy, H(p) / ln E" }[choice];
    const hover = i => lines(`${v.arm[i]}: ${v.setting[i]} ${v.step[i]}`, interval(v, stem, i, kind), `${v.runs[i]} runs`);
    return { ...forest(names, v, stem, styles, axis, hover, palette, 38, kind === "points" ? percent : x => x),
      label: `Effects of ${known.length} settings with 95 % intervals: ${axis}` };
  },

  use({ use, names: called }, choice, palette) {
    const group = use[choice] ?? Object.values(use)[0];
    if (!group) return "This was not measured.";
    const { table: { values: v, rows }, shares } = group;
    const names = v.name.map(name => folded(called[name])), some = indices(rows), busy = i => share => share > 2 / v.experts[i];
    const dead = some.filter(i => v.dead[i] > 0), edge = Math.max(...v.experts) > 16 ? 0.5 : 1;
    const bar = rank => {
      const mine = some.filter(i => rank < v.experts[i]);
      return { type: "bar", orientation: "h", y: mine, x: percent(mine.map(i => shares[i][rank])), hoverinfo: "text",
        hovertext: mine.map(i => lines(v.name[i], `expert ${rank + 1} of ${v.experts[i]}, the busiest first: ${write("percent", shares[i][rank])} %`, `an even share is ${write("percent", v.even[i])} %`)),
        marker: { color: mine.map(i => (busy(i)(shares[i][rank]) ? palette.warm : palette.accent)), line: { width: edge, color: palette.paper } } };
    };
    const side = leftOfLines(names);
    return {
      traces: indices(Math.max(...v.experts)).map(bar), height: (8 + 16 * linesOf(names)) * rows + 80,
      layout: base(palette, { barmode: "stack", bargap: 0.25, xaxis: { ...title("share of the kept tokens, %, from the busiest expert to the least used"), range: [0, 100], showgrid: false },
        yaxis: multiline(names), margin: { ...side.margin, r: dead.length ? 70 : 16 },
        annotations: dead.map(i => ({ x: 1, xref: "paper", xanchor: "left", xshift: 6, y: i, showarrow: false, text: `${Number(v.dead[i].toFixed(1))} dead`, font: { size: 11.5, color: palette.warm } })) }),
      label: `Shares of the experts of ${rows} variants that route`,
    };
  },

  routing_epochs({ epochs: { values: v }, names: called }, _, palette, width) {
    const names = [...new Set(v.name)], traces = [];
    if (!names.length) return "This was not measured.";
    const series = [["entropy_norm_val", "load entropy, validation", palette.accent, "solid"], ["entropy_norm_train", "training", palette.accent, "dot"],
      ["spec_entropy_val", "router entropy, validation", palette.warm, "solid"], ["spec_entropy_train", "training", palette.warm, "dot"]];
    const made = panels(names.map(name => called[name] ?? name), width, palette, { range: [-0.03, 1.03], tickvals: [0, 0.5, 1] }, byEpoch(v.epoch));
    names.forEach((name, i) => {
      const mine = indices(v.name.length, row => v.name[row] === name), x = pick(v.epoch, mine);
      for (const [stem, label, color, dash] of series) {
        const y = pick(v[stem], mine);
        if (y.every(value => value === null)) continue;
        traces.push({ type: "scatter", mode: x.length > 1 ? "lines" : "markers", x, y, ...made.at(i), name: label, legendgroup: stem, showlegend: !traces.some(t => t.legendgroup === stem),
          line: { width: 2, color, dash }, marker: { color }, hoverinfo: "text", hovertext: x.map((epoch, j) => lines(name, `epoch ${epoch}: ${label.includes(",") ? label : `${stem.startsWith("entropy") ? "load" : "router"} entropy, training`} ${write("float", y[j])}`)) });
      }
    });
    const above = width < NARROW ? 50 : 30;
    return { traces, height: made.height + above - 10, label: `Entropies of use and of the router by epoch, for ${names.length} variants`,
      layout: base(palette, { showlegend: true, ...made.layout, margin: { ...made.layout.margin, t: above } }) };
  },

  growth({ lines: runs, names: called, left_out }, choice, palette, width) {
    const known = runs.filter(run => run[choice].some(value => value !== null));
    if (!known.length) return runs.length ? "This was not measured." : "No network that can grow is trained yet.";
    const names = [...new Set(known.map(run => run.name))], share = choice === "val_acc", scale = share ? percent : values => values;
    const every = known.flatMap(run => scale(run[choice])).filter(value => value !== null), most = Math.max(...every), least = share ? Math.min(...every) : 0;
    const edge = 0.06 * (most - least) || 1;
    const made = panels(names.map(name => called[name] ?? name), width, palette, { range: [Math.max(0, least - (share ? edge : 0)), most + edge], ...(share ? { nticks: 4 } : most <= 5 ? { dtick: 1 } : { nticks: 5 }) }, byEpoch(known.flatMap(run => run.epoch)));
    const hover = (run, j) => lines(run.name, run.run, `epoch ${run.epoch[j]}: ${write("int", run.experts[j])} experts, ${write("percent", run.val_acc[j])} % on validation`, run.grew[j] && "grew after it");
    const traces = known.flatMap(run => {
      const at = made.at(names.indexOf(run.name)), y = scale(run[choice]), grew = indices(y.length, j => run.grew[j]);
      const trace = (some, more) => ({ type: "scatter", x: pick(run.epoch, some), y: pick(y, some), ...at, hoverinfo: "text", hovertext: some.map(j => hover(run, j)), ...more });
      return [trace(indices(y.length), { mode: y.length > 1 ? "lines" : "markers", opacity: 0.7, line: { width: 1.5, color: palette.accent, shape: share ? "linear" : "hv" }, marker: { color: palette.accent } }),
        trace(grew, { mode: "markers", marker: { size: 5, color: palette.warm, symbol: "diamond" } })];
    });
    const what = share ? "Validation accuracy, %," : "Number of experts";
    return { traces, height: made.height, layout: base(palette, made.layout),
      label: `${what} by epoch of ${known.length} runs of ${names.length} variants${left_out ? `; ${left_out} more runs have no line` : ""}, with their growths` };
  },

  domains({ matrix: { values: v, rows }, names: called }, _, palette, width) {
    if (!rows) return "No phase has ended yet.";
    const every = [...new Set(v.variant)], names = every.slice(0, PANELS), edge = column => 1 + Math.max(...v[column]);
    const tall = edge("domain"), wide = edge("expert"), ticks = n => ({ dtick: Math.ceil(n / 12), tick0: 0, range: [-0.5, n - 0.5], showgrid: false, zeroline: false });
    const axis = ticks(tall), made = panels(names.map(name => called[name] ?? name), width, palette, { ...axis, range: [tall - 0.5, -0.5], title: { text: "domain", standoff: 2 } }, { ...ticks(wide), title: { text: "expert", standoff: 4 } },
      { least: 26 * wide + 40, panel: Math.min(320, Math.max(90, 26 * tall)), every: true });
    const cell = made.width / wide, shapes = [], written = cell >= 24 && made.panel / tall >= 14;
    const traces = names.map((name, i) => {
      const grid = () => Array.from({ length: tall }, () => Array(wide).fill(null)), z = grid(), text = grid(), hovertext = grid(), { xaxis, yaxis } = made.at(i);
      for (const row of indices(rows, row => v.variant[row] === name)) {
        const d = v.domain[row], e = v.expert[row], share = v.sent_share[row];
        z[d][e] = share === null ? null : 100 * share;
        text[d][e] = share === null ? "" : String(Math.round(100 * share));
        hovertext[d][e] = lines(name, `domain ${d} to expert ${e}: ${write("percent", share)} % of ${grouped.format(v.images[row])} images`, `the expert’s accuracy on all of them: ${write("percent", v.expert_acc[row])} %`);
        if (d === e) shapes.push({ type: "rect", xref: xaxis, yref: yaxis, x0: e - 0.5, x1: e + 0.5, y0: d - 0.5, y1: d + 0.5, line: { color: palette.warm, width: 1.5 } });
      }
      return { type: "heatmap", z, text, ...(written ? { texttemplate: "%{text}", textfont: { size: 11 } } : {}), hoverinfo: "text", hovertext, xaxis, yaxis, xgap: 1, ygap: 1, zmin: 0, zmax: 100,
        colorscale: [[0, palette.grid], [1, palette.accent]], showscale: !written && i === 0, colorbar: { thickness: 10, outlinewidth: 0, title: { text: "%", side: "top" } } };
    });
    return { traces, height: made.height, layout: base(palette, { ...made.layout, shapes, ...(written ? {} : { margin: { ...made.layout.margin, r: 60 } }) }),
      label: `Share of each domain’s images that goes to each expert, %, for ${names.length} variants${every.length > names.length ? ` of ${every.length}` : ""}` };
  },

  synergies({ synergies: { values: v, rows } }, _, palette) {
    if (!rows) return "No synergy can be estimated yet.";
    const names = indices(rows).map(i => `${v.family_a[i]}\n+ ${v.family_b[i]}`);
    const found = i => v.q_value[i] !== null && v.q_value[i] <= 0.05;
    const styles = indices(rows).map(i => (found(i) ? against(v.synergy[i], v.synergy[i], palette) : [palette.muted, "diamond-open"]));
    const hover = i => lines(`${v.family_a[i]} with ${v.family_b[i]}`, interval(v, "synergy", i), `q ${write("probability", v.q_value[i])}, ${v.together[i]} candidates with both`);
    return { ...forest(names, v, "synergy", styles, "synergy, percentage points; filled: q ≤ 0.05", hover, palette, 36),
      label: `The ${rows} strongest synergies with 95 % intervals, ${indices(rows, found).length} of them with q up to 0.05` };
  },

  card({ epochs, val, train }, _, palette) {
    const line = (name, y, color, dash) => ({ type: "scatter", mode: epochs.length > 1 ? "lines" : "markers", name, x: epochs, y: percent(y), line: { width: 2, color, dash }, marker: { color },
      hoverinfo: "text", hovertext: epochs.map((epoch, i) => `epoch ${epoch}: ${name} ${write("percent", y[i])} %`) });
    return { traces: [line("validation", val, palette.accent, "solid"), line("training", train, palette.muted, "dot")], height: 240, label: "Accuracy by epoch",
      layout: base(palette, { showlegend: true, xaxis: { ...title("epoch"), ...(epochs.length <= 10 ? { dtick: 1 } : { nticks: 8 }) }, yaxis: title("accuracy, %") }) };
  },

  surface({ eigenvector, random, plane }, _, palette, width) {
    const known = [["along the top\neigenvector", eigenvector], ["along a random direction\nfilter-normalised", random]].filter(([, found]) => found);
    const names = [...known.map(([name]) => name), ...(plane ? ["in a random plane\ntraining loss, nats"] : [])], n = names.length;
    const made = panels(names, width, palette, { title: { text: "loss, nats", standoff: 2 }, nticks: 5, showticklabels: true }, { title: { text: "α", standoff: 4 }, nticks: 5 },
      { least: 200, panel: 170, every: true, between: 0.18 });
    const traces = known.flatMap(([name, [x, train, test]], i) => [["test", test, palette.accent, "solid"], ["training", train, palette.muted, "dot"]].map(([split, y, color, dash]) => (
      { type: "scatter", mode: "lines", x, y, ...made.at(i), name: split, legendgroup: split, showlegend: i === 0, line: { width: 2, color, dash },
        hoverinfo: "text", hovertext: x.map((alpha, j) => lines(name.replace("\n", " "), `α ${write("float", alpha)}: ${split} loss ${write("float", y[j])} nats`)) })));
    let margin = made.layout.margin;
    if (plane) {
      const [sides, losses] = plane, id = n > 1 ? n : "", { domain } = made.layout[`yaxis${id}`];
      Object.assign(made.layout[`yaxis${id}`], { title: { text: "β", standoff: 2 }, showgrid: false });
      traces.push({ type: "heatmap", x: sides, y: sides, z: sides.map((_, b) => losses.map(row => row[b])), ...made.at(n - 1), showlegend: false, hoverinfo: "text",
        hovertext: sides.map((beta, b) => sides.map((alpha, a) => lines(`α ${write("float", alpha)}, β ${write("float", beta)}: training loss ${write("float", losses[a][b])} nats`))),
        colorscale: [[0, palette.grid], [1, palette.accent]], colorbar: { thickness: 10, outlinewidth: 0, nticks: 5, y: (domain[0] + domain[1]) / 2, len: domain[1] - domain[0] } });
      margin = { ...margin, r: 60 };
    }
    return { traces, height: made.height + 30, layout: base(palette, { showlegend: true, ...made.layout, margin: { ...margin, t: 34 } }),
      label: `Loss in nats over α ${known.map(([name]) => name.replace("\n", " ")).join(" and ")}${plane ? `${known.length ? ", and " : ""}in a plane` : ""}` };
  },

  coverage({ draws: { values, rows }, mean }, _, palette, width) {
    if (!rows) return "This space has no families.";
    if (!values.draws.some(Boolean)) return "Nothing has been drawn yet.";
    const few = rows <= 30, lying = 13 * rows > width; // names have no room beside each other
    const bars = { type: "bar", marker: { color: palette.accent }, hoverinfo: "text",
      hovertext: indices(rows).map(i => lines(values.family[i], `${values.draws[i]} draws, ${values.ok[i]} trained`)) };
    const counts = { ...title("draws"), rangemode: "tozero", ...whole(Math.max(...values.draws)) };
    const label = `Bars: draws of ${rows} families, from ${Math.min(...values.draws)} to ${Math.max(...values.draws)}`;
    if (lying) {
      return { traces: [{ ...bars, orientation: "h", y: indices(rows), x: values.draws }], label, height: 17 * rows + 80,
        layout: base(palette, { bargap: 0.25, xaxis: counts, yaxis: named(values.family), ...leftOf(values.family), shapes: mean === null ? [] : [rule(mean, { muted: palette.ink }, "dot", "above")] }) };
    }
    return {
      traces: [{ ...bars, x: indices(rows), y: values.draws }], label, height: 230 + room(values.family),
      layout: base(palette, { bargap: few ? 0.25 : 0.15,
        xaxis: { tickvals: indices(rows), ticktext: values.family.map(short), tickangle: -90, showgrid: false, automargin: false, ticklabeloverflow: "allow", tickfont: { size: few ? 12 : 10 } },
        margin: { l: 50, r: 16, t: 10, b: room(values.family) }, yaxis: counts,
        shapes: mean === null ? [] : [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: mean, y1: mean, line: { color: palette.ink, width: 1.5, dash: "dot" } }] }),
    };
  },

  families({ table, lift, collapsed }, choice, palette, width) {
    const learned = collapsed ? ", of runs that learned" : "";
    const [of, name, unit, axis] = {
      effect: [table, "effect", "points", `adjusted effect on validation accuracy${learned}, percentage points`],
      success: [table, "success_rate", "percent", "candidates that did not fail, of those that ended, %"],
      collapse: [table, "collapse_rate", "percent", "runs not clearly better than always answering the most frequent class, %"],
      alone: [lift, "lift_over_alone", "points", "test accuracy over its best expert trained alone, percentage points"],
      uniform: [lift, "lift_over_uniform", "points", "test accuracy over the plain mean of its experts, percentage points"],
    }[choice];
    const v = of.values, stem = name.replace("_rate", ""), effect = choice === "effect";
    const x = percent(v[name]), low = percent(v[`${stem}_low`]), high = percent(v[`${stem}_high`]);
    const known = indices(of.rows, i => v[name][i] !== null);
    if (!known.length) return effect ? "No family’s effect can be estimated yet; the table gives the reason." : "This is not measured yet.";
    const order = indices(of.rows);
    order.sort((a, b) => (v.family[b] === "all") - (v.family[a] === "all") || (x[b] ?? -Infinity) - (x[a] ?? -Infinity));
    const place = new Map(order.map((row, i) => [row, i]));
    const how = { keep: [palette.accent, "circle"], drop: [palette.warm, "square"], undecided: [palette.muted, "diamond-open"] };
    const group = i => (!effect ? "keep" : v.advice[i] in how ? v.advice[i] : "undecided");
    return {
      traces: Object.keys(how).map(kind => [kind, known.filter(i => group(i) === kind)]).filter(([, some]) => some.length).map(([kind, some]) => ({
        name: kind, ...intervals(some.map(i => place.get(i)), palette, { x: pick(x, some), low: pick(low, some), high: pick(high, some), color: how[kind][0], symbol: how[kind][1],
          hover: some.map(i => lines(v.family[i], `${write(unit, v[name][i])}, 95 % from ${write(unit, v[`${stem}_low`][i])} to ${write(unit, v[`${stem}_high`][i])}`,
            of === table ? `${v.draws[i]} draws, ${v.ok[i]} trained` : `${v[`n_${choice}`][i]} candidates`, effect && `${v.advice[i]}: ${v.reason[i]}`)) }) })),
      layout: base(palette, { showlegend: effect, xaxis: title(axis), yaxis: named(pick(v.family, order)), ...leftOf(v.family), shapes: unit === "points" ? [rule(0, palette)] : [],
        annotations: !effect ? [] : order.filter(i => v[name][i] === null).map(i => ({ x: 0, xref: "paper", xanchor: "left", y: place.get(i), showarrow: false,
          text: fitting(v.not_estimable[i], "no effect: see the table", width - room(v.family) - 16), font: { size: 11, color: palette.muted } })) }),
      height: ROW * of.rows + 90, label: `${known.length} rows with 95 % intervals: ${axis}`,
    };
  },

  pairs({ table: { values: v, rows }, families: names }, choice, palette, width) {
    if (!rows) return "There are no pairs.";
    const place = new Map(names.map((name, i) => [name, i])), n = names.length;
    const grid = fill => names.map(() => names.map(() => fill));
    const z = grid(null), text = grid("");
    const marks = { x: [], y: [] };
    const scale = choice === "draws" ? 1 : 100;
    for (let i = 0; i < rows; i++) {
      const a = place.get(v.family_a[i]), b = place.get(v.family_b[i]);
      const value = v[choice][i];
      const text_ = lines(`${v.family_a[i]} with ${v.family_b[i]}`, `${v.draws[i]} draws, ${v.ok[i]} trained`,
        v.mean_val_acc[i] !== null && `mean ${write("percent", v.mean_val_acc[i])} %`,
        v.synergy[i] !== null && `synergy ${write("points", v.synergy[i])} pt, 95 % from ${write("points", v.synergy_low[i])} to ${write("points", v.synergy_high[i])}, q ${write("probability", v.q_value[i])}`);
      for (const [row, column] of [[a, b], [b, a]]) {
        z[row][column] = value === null ? null : scale * value;
        text[row][column] = text_;
        if (choice === "synergy" && v.q_value[i] !== null && v.q_value[i] <= 0.05) { marks.x.push(column); marks.y.push(row); }
      }
    }
    const found = z.flat().filter(value => value !== null);
    if (!found.length) return choice === "synergy" ? "No pair’s synergy can be estimated yet: it needs five candidates with both families." : "No pair has a trained candidate yet.";
    const extent = Math.max(...found.map(Math.abs)) || 1;
    const diverging = choice === "synergy";
    let side = room(names), cell = Math.min(n > 20 ? 26 : 34, (width - side - 80) / n);
    const nameless = cell < 9; // on a phone; a tap gives the names
    if (nameless) { side = 10; cell = (width - side - 80) / n; }
    const axis = { ...named(names), tickfont: { size: cell < 14 ? 9 : 11 }, showticklabels: !nameless };
    return {
      traces: [{ type: "heatmap", z, hoverinfo: "text", hovertext: text, xgap: nameless ? 0 : 1, ygap: nameless ? 0 : 1,
        colorscale: { synergy: [[0, palette.warm], [0.5, palette.paper], [1, palette.accent]], mean_val_acc: "Viridis", draws: [[0, palette.paper], [1, palette.muted]] }[choice],
        ...(diverging ? { zmin: -extent, zmax: extent } : {}),
        colorbar: { thickness: 10, ...(choice === "draws" ? { dtick: Math.ceil((extent - Math.min(...found)) / 6) || 1 } : {}), outlinewidth: 0, len: Math.min(1, 260 / (cell * n)), y: 1, yanchor: "top",
          title: { text: { draws: "draws", mean_val_acc: "mean %", synergy: "pt" }[choice], side: "top" } } },
      { type: "scatter", mode: "markers", ...marks, hoverinfo: "skip", marker: { size: nameless ? 3 : 5, color: palette.ink } }],
      layout: base(palette, { margin: { l: side, b: nameless ? 46 : side, t: 10, r: 80 },
        xaxis: { ...axis, ...(nameless ? title("families in alphabetical order; a tap on a cell names them") : {}), range: [-0.5, n - 0.5], tickangle: -90 }, yaxis: { ...axis, range: [n - 0.5, -0.5] } }),
      height: Math.max(220, cell * n + (nameless ? 46 : side) + 10), width: cell * n + side + 80,
      label: `Matrix of ${n} by ${n} families: ${{ draws: "draws together", mean_val_acc: "mean validation accuracy", synergy: "synergy" }[choice]}`,
    };
  },

  screening({ table: { values: v, rows }, ranks: { values: r } }, choice, palette) {
    const known = indices(rows, i => v[choice][i] !== null);
    if (!known.length) return rows ? "The screen gave no candidate this score." : "No candidate is trained yet.";
    const arms = [["control", palette.muted, "circle-open"], ["chosen", palette.warm, "diamond"]];
    const at = r.predictor.findIndex((name, i) => name === choice && r.sample[i] === "control");
    const tau = r.kendall[at] ?? null;
    const summary = tau === null ? "too few controls for a rank correlation"
      : `controls: τ ${write("float", tau)}, 95 % from ${write("float", r.kendall_low[at])} to ${write("float", r.kendall_high[at])}`;
    return {
      traces: arms.map(([arm, color, symbol]) => [known.filter(i => v.arm[i] === arm), arm, color, symbol]).filter(([some]) => some.length).map(([some, name, color, symbol]) => ({
        type: "scatter", mode: "markers", name, x: percent(pick(v[choice], some)), y: percent(pick(v.val_acc, some)), marker: { size: 8, color, symbol }, hoverinfo: "text",
        hovertext: some.map(i => lines(`#${v.number[i]} ${v.families[i].replaceAll("+", " ")}`, `${name}: predicted ${write("percent", v[choice][i])} %, trained ${write("percent", v.val_acc[i])} %`)) })),
      layout: base(palette, { showlegend: true, yaxis: title("validation accuracy after training, %"),
        xaxis: title(`${{ probe: "linear probe", uniform: "plain average", gate: "fitted gate", oracle: "oracle", best_member: "best member" }[choice]} of the screen, % of validation`),
        annotations: [{ x: 1, y: 0, xref: "paper", yref: "paper", xanchor: "right", yanchor: "bottom", showarrow: false, text: plain(summary), font: { size: 11.5, color: palette.muted } }] }),
      height: 420, label: `${known.length} candidates, predicted against trained; ${summary}`,
    };
  },

  screened(section, choice, palette, width) {
    const { table: { values: v }, front, total } = section;
    if (!front[choice].length) return "This cost was not measured.";
    const hover = i => lines(v.families[i].replaceAll("+", " "), `average ${write("percent", v.uniform[i])} %, oracle ${write("percent", v.oracle[i])} %`,
      `${write("count", v.params[i])} parameters, ${write("float", v.latency_ms[i])} ms`);
    return { ...againstCost(section, front[choice], v.uniform, "validation accuracy of the average, %", hover, choice, palette, width),
      label: `${grouped.format(total)} mixtures, ${front[choice].length} of them on the Pareto front` };
  },

  costs(section, choice, palette, width) {
    const { table: { values: v, rows }, total } = section;
    const known = indices(rows, i => v[choice][i] !== null);
    if (!known.length) return total ? "This was not measured." : "No candidate is trained yet.";
    const hover = i => lines(`#${v.number[i]} ${v.families[i].replaceAll("+", " ")}`, `${write("percent", v.val_acc[i])} %`,
      `${write("count", v.params[i])} parameters, ${write("count", v.macs[i])} MACs`,
      v.train_ms[i] !== null && `${write("float", v.train_ms[i])} ms an image in training`);
    return { ...againstCost(section, known, v.val_acc, "validation accuracy, %", hover, choice, palette, width),
      label: `${known.length} candidates, ${section.front[choice].length} of them on the Pareto front` };
  },

  curves({ lines: best, spread }, choice, palette) {
    const drawn = best.filter(line => line.epoch.length);
    const share = choice.endsWith("acc"), scale = share ? percent : values => values;
    const traces = [];
    const band = spread.values;
    if (choice === "val_acc" && spread.rows) {
      const edge = { type: "scatter", mode: "lines", x: band.epoch, hoverinfo: "skip", line: { width: 0 }, showlegend: false };
      traces.push({ ...edge, y: percent(band.low) },
        { ...edge, y: percent(band.high), fill: "tonexty", fillcolor: palette.soft + "59", showlegend: true, name: "middle 80 % of all" },
        { ...edge, y: percent(band.median), line: { width: 1.5, color: palette.muted, dash: "dot" }, showlegend: true, name: "median of all" });
    }
    drawn.map((line, i) => [line, i]).reverse().forEach(([line, i]) => traces.push({
      type: "scatter", mode: line.epoch.length > 1 ? "lines" : "markers", x: line.epoch, y: scale(line[choice]), hoverinfo: "text",
      hovertext: line.epoch.map((epoch, j) => lines(`#${line.number} ${line.families.replaceAll("+", " ")}`, `epoch ${epoch}: ${share ? write("percent", line[choice][j]) + " %" : write("float", line[choice][j])}`)),
      line: { width: i < 3 ? 2.5 : 1, color: i < 3 ? palette.hues[i] : palette.muted, dash: ["solid", "dash", "dashdot"][i] ?? "solid" },
      marker: { color: i < 3 ? palette.hues[i] : palette.muted }, opacity: i < 3 ? 1 : 0.5, showlegend: i < 3, name: `#${line.number}`, legendrank: i + 1 }));
    if (!traces.length) return "No epoch has been recorded yet.";
    return { traces, height: 420, label: `Learning curves of the best ${drawn.length} candidates`,
      layout: base(palette, { showlegend: true, xaxis: { ...title("epoch"), ...(Math.max(...traces.map(t => t.x.length)) <= 10 ? { dtick: 1 } : { nticks: 10 }) },
        yaxis: title({ val_acc: "validation accuracy, %", train_acc: "training accuracy, %", val_loss: "validation loss, nats", train_loss: "training loss, nats" }[choice]) }) };
  },

  failures({ by_type, by_family, ended, failed }, choice, palette) {
    if (!failed) return ended ? `No attempt failed; ${grouped.format(ended)} ended.` : "No attempt has ended yet.";
    if (choice === "family") {
      const { values: v, rows } = by_family, all = indices(rows);
      return {
        traces: [intervals(all, palette, { x: percent(v.share), low: percent(v.low), high: percent(v.high), color: palette.warm, symbol: "square",
          hover: all.map(i => lines(v.family[i], `${v.failed[i]} of ${v.ended[i]} attempts failed: ${write("percent", v.share[i])} %`, `${seconds(v.seconds[i])} of worker time`)) })],
        layout: base(palette, { xaxis: { ...title("of its ended attempts, % failed; dotted: of all attempts"), rangemode: "tozero" }, yaxis: named(v.family), ...leftOf(v.family),
          shapes: [rule(100 * failed / ended, palette, "dot")] }),
        height: ROW * rows + 80, label: `Share of failed attempts of ${rows} families`,
      };
    }
    const { values: v, rows } = by_type;
    const names = [...new Set(v.outcome)], stages = [...new Set(v.stage)];
    const total = name => v.outcome.reduce((sum, outcome, i) => sum + (outcome === name ? v.attempts[i] : 0), 0);
    names.sort((a, b) => total(b) - total(a));
    return {
      traces: stages.map((stage, s) => {
        const mine = indices(rows, i => v.stage[i] === stage);
        return { type: "bar", orientation: "h", name: plain(stage || "no stage"), x: pick(v.attempts, mine), y: mine.map(i => names.indexOf(v.outcome[i])),
          marker: { color: palette.hues[s % palette.hues.length] }, hoverinfo: "text",
          hovertext: mine.map(i => lines(`${v.outcome[i]} in ${v.stage[i] || "no stage"}: ${v.attempts[i]} attempts`, `${seconds(v.seconds[i])} of worker time`, v.message[i].slice(0, 120))) };
      }),
      layout: base(palette, { barmode: "stack", showlegend: true, bargap: 0.35, xaxis: { ...title("failed attempts, by the stage they failed in"), ...whole(Math.max(...names.map(total))) }, yaxis: named(names), ...leftOf(names) }),
      height: 34 * names.length + 150, label: `${failed} of ${ended} ended attempts failed`,
    };
  },

  timeline({ table: { values: v, rows, columns }, events }, _, palette, width) {
    if (!rows) return "No attempt has ended yet.";
    const when = v.at.map(at => new Date(1000 * at));
    const kinds = columns.slice(1, -1).filter(c => v[c.name][rows - 1] > 0);
    const unit = Math.max(...kinds.map(c => v[c.name][rows - 1])) > 2 * 3600 ? ["hours", 3600] : ["minutes", 60];
    const color = { trained: 0, failed: 1, "controls and confirmations": 2, pruned: 3, interrupted: 6 };
    const traces = kinds.map(c => ({ type: "scatter", mode: "lines", stackgroup: "one", name: plain(c.title), x: when, y: v[c.name].map(s => s / unit[1]),
      line: { width: 0.5, color: palette.hues[color[c.name]] }, hoverinfo: "text", hovertext: v[c.name].map(s => lines(`${c.title}: ${seconds(s)}`)) }));
    const known = v.best.filter(best => best !== null).length;
    traces.push({ type: "scatter", mode: known > 1 ? "lines" : "markers", marker: { color: palette.accent }, x: when, y: percent(v.best), yaxis: "y2", showlegend: false, line: { shape: "hv", color: palette.accent, width: 2 },
      hoverinfo: "text", hovertext: v.best.map(b => b !== null && `best so far ${write("percent", b)} %`) });
    const found = known > 0, marks = indices(events.at.length);
    if (!found) traces.pop();
    return { traces, height: found ? 480 : 320, label: `Cumulative worker time and best accuracy over ${rows} moments`,
      layout: base(palette, { showlegend: true, xaxis: { type: "date", tickangle: 0, nticks: width < NARROW ? 4 : 0, anchor: found ? "y2" : "y" }, yaxis: { ...title(`worker ${unit[0]}, cumulative`), domain: [found ? 0.4 : 0, 1], rangemode: "tozero" },
        ...(found && { yaxis2: { ...base(palette).yaxis, ...title("best, %"), domain: [0, 0.32] } }),
        shapes: marks.map(i => ({ ...rule(new Date(1000 * events.at[i]), palette, "dot") })),
        annotations: marks.slice(0, 12).map(i => ({ x: new Date(1000 * events.at[i]), y: 1, yref: "paper", textangle: -90, xanchor: "right", yanchor: "top", showarrow: false,
          text: `${plain({ benched: "excluded" }[events.kind[i]] ?? events.kind[i])} ${short(events.family[i] ?? "")}`, font: { size: 11, color: palette.muted } })) }) };
  },

  gates({ groups, even, mixtures }, choice, palette) {
    const { values: v, rows } = groups[choice] ?? groups.all;
    if (!mixtures || !rows) return "No mixture is trained yet.";
    return {
      traces: [{ type: "box", orientation: "h", y: indices(rows), q1: percent(v.q1), median: percent(v.median), q3: percent(v.q3), lowerfence: percent(v.p5), upperfence: percent(v.p95),
        line: { color: palette.accent, width: 1.5 }, fillcolor: palette.soft, width: 0.6, whiskerwidth: 0, hoverinfo: "x" }],
      layout: base(palette, { xaxis: { ...title("mean gate weight, %"), rangemode: "tozero" }, yaxis: named(v.family), ...leftOf(v.family), shapes: even ? [rule(100 * even, { muted: palette.ink }, "dot", "above")] : [] }),
      height: ROW * rows + 80, label: `Gate weights of ${rows} families’ experts in ${mixtures} mixtures`,
    };
  },
};
