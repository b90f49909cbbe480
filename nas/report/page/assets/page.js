// Reads the data out of the page, fills the sections, and redraws them when there is newer data.

const find = (selector, under = document) => under.querySelector(selector);
const all = (selector, under = document) => [...under.querySelectorAll(selector)];
const root = document.documentElement;
const EVERY = 4000; // ms between requests to a dashboard

async function inflate(id) {
  const bytes = Uint8Array.from(atob(find(`#${id}`).textContent), c => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

// ---- state

let data = null; // as nas.report.page.page_data gives it
let live = null; // the address of newer data, on a dashboard
let printing = false;
const tables = new Map();

function theme() {
  if (printing) return "light";
  return root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

// ---- text

function facts(list, pairs) {
  list.replaceChildren(...pairs.flatMap(([name, text]) => [element("dt", { textContent: name }), marked(element("dd"), text)]));
}

// A text in which backticks mark code.
function marked(node, text) {
  node.replaceChildren(...unbroken(text).split("`").map((part, i) => (i % 2 ? element("code", { textContent: part }) : part)));
  return node;
}

function optional(node, text) {
  node.hidden = !text;
  marked(node, text || "");
}

const VERDICTS = { fair: "Fair draws", biased: "Biased draws", adaptive: "Adaptive draws", none: "Nothing to audit" };
const ARM = { family: "arm", families: "arms", "a family": "an arm", Family: "Arm", Families: "Arms" };
const TIMES = "Training time is the median over epochs, forward and backward, measured in the trial’s worker. It depends on the device and on what else ran there, and is not inference latency. Pre-flight time is one training step of each member alone, summed.";

function heading_(data) {
  document.title = `${data.campaign ? `${data.campaign} · ` : ""}nas ${live ? "dashboard" : "report"}`;
  find("#product").textContent = live ? "nas dashboard" : "nas report";
  find("#made").textContent = `read ${WRITERS.time(data.made_at)} UTC`;
  find("#campaign").textContent = data.campaign ?? "No campaign yet";
  optional(find("#setup"), data.setup);
  optional(find("#headline"), data.empty ?? data.headline);
  find("#nas").textContent = `nas ${data.nas}`;
  if (data.empty) return;
  const { verdict, sections } = data, bank = data.kind === "bank";
  find("#verdict").hidden = bank;
  find("#verdict").dataset.verdict = verdict.verdict ?? "none";
  find("#verdict strong").textContent = `${VERDICTS[verdict.verdict] ?? "No audit"}:`;
  find("#verdict span").textContent = verdict.problem ?? (verdict.verdict === "biased"
    ? `detected at draw ${verdict.flagged_at} of ${grouped.format(verdict.draws)}: ${verdict.why}`
    : verdict.draws ? verdict.why : verdict.line).replace(/(?<!\.)$/, ".");
  optional(find("#failing"), verdict.failing?.length && `${verdict.failing.join("; ")}.`);
  find("#notes").hidden = !data.notes.length;
  find("#notes").replaceChildren(...data.notes.map(text => marked(element("li"), text)));
  for (const list of all("[data-facts]")) facts(list, data.about[list.dataset.facts]);
  const texts = {
    "pairs-answer": sections.together?.pairs, "families-answer": sections.together?.families, caution: sections.together?.caution,
    "arms-answer": sections.arms?.answer, "settings-answer": sections.arm_effects?.answer, "routing-answer": sections.routing?.answer,
    "growth-answer": sections.growth?.answer, "domains-answer": sections.domains?.answer, "added-answer": sections.hot_plug?.answer,
    growth: here(sections.growth), domains: here(sections.domains), added: here(sections.hot_plug),
    "growth-more": sections.growth?.left_out && `${grouped.format(sections.growth.left_out)} more runs have no line.`,
    settings: here(sections.arm_effects),
    costs: (sections.costs.rest ? "The shading counts all candidates, the dots are the best. " : "") + TIMES,
    families: here(sections.families),
    screening: here(sections.screening),
  };
  for (const node of all("[data-group]")) node.textContent = sections.arms ? ARM[node.dataset.group] : node.dataset.group;
  for (const node of all("[data-text]")) optional(node, texts[node.dataset.text]);
  find("#lifts").hidden = bank;
  find("#best-title").textContent = bank ? "The best experts" : "The best candidates";
}

const here = section => section?.note && `Here: ${section.note}.`;

// The best candidates, each with its interval and the command that exports it.
function bestOnes({ table, sure, problem }) {
  const list = find("#best ol");
  list.hidden = !table?.rows;
  find("#best .empty").hidden = Boolean(table?.rows || problem);
  find("#best ul").replaceChildren(...(sure ?? []).map(text => marked(element("li"), text)));
  find("#sure").hidden = !sure?.length && data.kind === "bank";
  const v = table?.values;
  list.replaceChildren(...indices(table?.rows ?? 0).map(i => {
    const card = element("button", { type: "button", textContent: `#${v.number[i]}`, title: "Open its card" });
    card.onclick = () => show(v.key[i]);
    const range = v.low[i] === null ? "" : `95 % interval ${write("percent", v.low[i])} to ${write("percent", v.high[i])} %`;
    return element("li", {}, element("p", {}, element("strong", { textContent: `${write("percent", v.val_acc[i])} %` }), " ", element("span", { className: "range", textContent: range })),
      element("p", {}, card, ` ${nameOf(v.families[i], v.members[i])}`, element("span", { className: "range", textContent: v.settings[i] && ` ${v.settings[i]}` })), command(v.command[i]));
  }));
}

// ---- tables

const RATES = new Set(["draws", "ok", "success_rate", "success_low", "success_high", "collapse_rate", "collapse_low", "collapse_high",
  "pruned", "failed", "open", "device_hours_per_success"]);

// Sections' tables that are not given as such.
const DERIVED = {
  gates: section => section.groups[find("[name=gates]").value] ?? section.groups.all,
  routing: (section, name) => (name === "use" ? (section.use[find("[name=routing]").value] ?? Object.values(section.use)[0])?.table ?? null : section[name]),
  families: ({ table, lift }, name) => (name === "lift" ? lift : { ...table, columns: table.columns.filter(c => c.name === "family" || RATES.has(c.name) === (name === "rates")) }),
  curves: (section, name) => (name === "lines" ? long(section.lines, CURVES) : section[name]),
  growth: (section, name) => (name === "lines" ? long(section.lines, GROWTH) : section[name]),
};
const CURVES = [["number", "No.", "number"], ["families", "Families", "joined"], ["epoch", "Epoch", "int"], ["val_acc", "Val", "percent"],
  ["train_acc", "Train", "percent"], ["val_loss", "Val loss", "float"], ["train_loss", "Train loss", "float"]];
const GROWTH = [["name", "Variant", "text"], ["run", "Run", "text"], ["epoch", "Epoch", "int"], ["experts", "Experts", "int"], ["val_acc", "Val", "percent"], ["grew", "Grew after it", "flag"]];

function long(lines, columns) {
  const values = Object.fromEntries(columns.map(([name]) => [name, lines.flatMap(line =>
    Array.isArray(line[name]) ? line[name] : line.epoch.map(() => line[name]))]));
  return { columns: columns.map(([name, title, kind]) => ({ name, title, kind, help: "" })), rows: values.epoch.length, values };
}

function fill(host) {
  const section = data.sections[host.closest("section").id];
  if (!section || section.problem) return;
  const name = host.dataset.table, id = host.closest("section").id;
  const table = DERIVED[id]?.(section, name) ?? section[name];
  host.hidden = table === null;
  if (host.hidden || (host.tagName === "DETAILS" && !host.open)) return; // filled when it is opened
  if (!tables.has(host)) {
    tables.set(host, new DataTable(host, { page: Number(host.dataset.page ?? 100), filters: "open" in host.dataset || table.rows > 20, open: show }));
  }
  tables.get(host).update(table, id === "leaders" ? section.gates : [], id === "leaders" ? section.card_only : []);
}

// ---- figures

async function draw(figure) {
  const section = figure.closest("section");
  const found = data.sections[section.id];
  if (!found) return;
  const choice = find("input[data-switch]:checked, [data-switch] :checked, select[data-switch]", section)?.value;
  const room = printing ? 680 : figure.clientWidth;
  const made = found.problem ?? FIGURES[figure.dataset.figure](found, choice, PALETTES[theme()], room);
  await plot(figure, made, room, found.problem ? "problem" : "empty");
}

// Draws what a figure's function gave, or writes its sentence, into a host of a given width.
async function plot(host, made, room, className = "empty") {
  let plot = find(".plot", host);
  if (typeof made === "string") {
    if (plot) Plotly.purge(plot);
    host.replaceChildren(element("p", { className, textContent: made }));
    return;
  }
  if (!plot) host.replaceChildren(plot = element("div", { className: "plot" }));
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", `${made.label}. The table below holds its data.`);
  const width = made.width ?? Math.max(room, made.minWidth ?? 0);
  const below = made.layout.xaxis.title;
  if (below.text) below.text = wrapped(below.text, width - Math.max(60, made.layout.margin.l) - made.layout.margin.r);
  const coarse = matchMedia("(pointer: coarse)").matches;
  await Plotly.react(plot, made.traces, { ...made.layout, width, height: made.height, dragmode: coarse ? false : "zoom" },
    { displaylogo: false, showSendToCloud: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"], displayModeBar: coarse ? false : "hover" });
}

const pause = () => new Promise(done => setTimeout(done));

async function drawAll() {
  for (const table of tables.values()) table.fit();
  for (const figure of all("main figure")) {
    await draw(figure);
    await pause(); // the page reacts meanwhile
  }
  if (find("#card").open) await drawCard();
}

// ---- choosing, theme, print

// Fills a selection; there is nothing to choose from one.
function choices(name, names) {
  const select = find(`select[name=${name}]`);
  select.closest("label").hidden = names.length < 2;
  if (names.join() === [...select.options].map(option => option.value).join()) return;
  const before = select.value;
  select.replaceChildren(...names.map(value => element("option", { value, textContent: value })));
  select.value = names.includes(before) ? before : names[0];
}

function unmeasured({ table } = {}) {
  for (const input of all("[name=costs]")) input.disabled = Boolean(table?.rows) && table.values[input.value].every(v => v === null);
}

function themeButton() {
  find("#theme").textContent = theme() === "dark" ? "Light" : "Dark";
  find("#theme").ariaLabel = `Switch to ${theme() === "dark" ? "light" : "dark"} colours`;
}

function remember(value) {
  try { localStorage.setItem("nas-theme", value); } catch { /* a file may have no storage */ }
}

function remembered() {
  try { return localStorage.getItem("nas-theme"); } catch { return null; }
}

// Draws every figure at once, dark on white and as wide as paper: a browser prints what is there when this returns.
function print(now) {
  if (printing === now) return;
  printing = now;
  for (const table of tables.values()) table.fit();
  all("main figure").forEach(draw);
  if (find("#card").open) drawCard();
}

function listen() {
  find("#theme").onclick = () => {
    root.dataset.theme = theme() === "dark" ? "light" : "dark";
    remember(root.dataset.theme);
    themeButton();
    drawAll();
  };
  matchMedia("(prefers-color-scheme: dark)").onchange = () => { themeButton(); drawAll(); };
  for (const control of all("[data-switch]")) {
    control.onchange = () => {
      const section = control.closest("section");
      draw(find("figure", section));
      if (section.id in DERIVED) all("[data-table]", section).forEach(fill);
    };
  }
  for (const host of all("details[data-table]")) host.ontoggle = () => fill(host);
  let width = innerWidth, waiting;
  addEventListener("resize", () => {
    if (innerWidth === width || printing) return; // a phone's bars change the height alone
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(drawAll, 150);
  });
  matchMedia("print").onchange = event => print(event.matches);
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));
  listenToCard();
}

// ---- all of it

async function update(newer) {
  data = newer;
  heading_(data);
  find("main").hidden = find("nav").hidden = Boolean(data.empty);
  if (data.empty) return;
  choices("gates", Object.keys(data.sections.gates?.groups ?? { all: 0 }));
  choices("routing", Object.keys(data.sections.routing?.use ?? {}));
  unmeasured(data.sections.costs);
  for (const section of all("main > section")) {
    const found = data.sections[section.id];
    section.hidden = find(`nav [href="#${section.id}"]`).hidden = found === null;
    find(":scope > .problem", section)?.remove();
    if (found?.problem && !find("figure", section)) find("h2", section).after(element("p", { className: "problem", textContent: found.problem }));
  }
  bestOnes(data.sections.best);
  all("[data-table]").forEach(fill);
  await drawAll();
}

async function follow(address) {
  const state = find("#live");
  const say = (text, lost) => { state.hidden = false; state.classList.toggle("lost", lost); if (state.textContent !== text) state.textContent = text; };
  const good = `Live: updates every ${EVERY / 1000} seconds`;
  let tag = null;
  say(good, false);
  for (;;) {
    await new Promise(done => setTimeout(done, EVERY));
    if (document.hidden) continue;
    try {
      const answer = await fetch(address, { cache: "no-store", headers: tag ? { "If-None-Match": tag } : {} });
      if (answer.status !== 304) {
        if (!answer.ok) throw new Error(answer.statusText);
        tag = answer.headers.get("ETag");
        await update(await answer.json());
      }
      say(good, false);
    } catch {
      say("Not live: the dashboard does not respond. This is its last state; retrying.", true);
    }
  }
}

async function main() {
  if (remembered()) root.dataset.theme = remembered();
  if (!("DecompressionStream" in window)) {
    find("#campaign").textContent = "This browser is too old for this page";
    optional(find("#headline"), "It lacks DecompressionStream: Firefox 113, Chrome 80 or Safari 16.4 have it. `nas report NAME` prints the same tables.");
    return;
  }
  const packed = JSON.parse(await inflate("data"));
  live = packed.live;
  document.head.append(element("script", { textContent: await inflate("plotly") })); // its hash is allowed, no other
  find("#theme").hidden = false;
  themeButton();
  listen();
  await update(packed.data);
  root.dataset.ready = "yes";
  if (live) await follow(live);
}

await main();
