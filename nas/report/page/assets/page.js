// Reads the data out of the page, fills the sections, and redraws them when there is newer data.

const find = (selector, under = document) => under.querySelector(selector);
const all = (selector, under = document) => [...under.querySelectorAll(selector)];
const root = document.documentElement;
const EVERY = 4000; // ms between questions to a dashboard

async function inflate(id) {
  const bytes = Uint8Array.from(atob(find(`#${id}`).textContent), c => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

// ---- state

let data = null; // as nas.report.page.page_data gives it
let printing = false;
const tables = new Map();

function theme() {
  if (printing) return "light";
  return root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

// ---- text

function facts(list, pairs) {
  list.replaceChildren(...pairs.flatMap(([name, text]) => [element("dt", { textContent: name }), element("dd", { textContent: text })]));
}

function optional(node, text) {
  node.hidden = !text;
  node.textContent = text ?? "";
}

const VERDICTS = { fair: "Fair draw", biased: "Biased draw", adaptive: "Adaptive draw", none: "Nothing to judge" };
const TIMES = "Time in training is measured in the trial’s own worker, forward and backward, median over its epochs: it depends on the device and on what else ran there, and is no inference latency. Time at pre-flight is one training step of each member alone, added up.";

function heading_(data) {
  document.title = data.campaign ? `${data.campaign} · nas report` : "nas report";
  find("#made").textContent = `${WRITERS.time(data.made_at)} UTC`;
  find("#campaign").textContent = data.campaign ?? "Nothing yet";
  optional(find("#headline"), data.empty ?? data.headline);
  find("#nas").textContent = `nas ${data.nas}`;
  const { verdict } = data;
  find("#verdict").hidden = !verdict;
  if (!verdict) return;
  find("#verdict").dataset.verdict = verdict.verdict ?? "none";
  find("#verdict strong").textContent = VERDICTS[verdict.verdict] ?? "No verdict";
  find("#verdict span").textContent = verdict.problem ?? (verdict.verdict === "biased"
    ? `certain at draw ${verdict.flagged_at} of ${grouped.format(verdict.draws)}: ${verdict.why}`
    : verdict.draws ? `${verdict.why} (${grouped.format(verdict.draws)} draws)` : verdict.line);
  optional(find("#failing"), verdict.failing?.length && `${verdict.failing.join("; ")}.`);
  find("#notes").hidden = !data.notes.length;
  find("#notes").replaceChildren(...data.notes.map(textContent => element("li", { textContent })));
  for (const list of all("[data-facts]")) facts(list, data.about[list.dataset.facts]);
  const shaded = data.sections.costs.rest ? "The shading counts all candidates, the dots are the best. " : "";
  find('[data-say="costs"]').textContent = shaded + TIMES;
  const note = data.sections.families.note;
  find('[data-say="families"]').textContent = note ? `Here: ${note}.` : "";
  find('[data-say="screening"]').textContent = data.sections.screening?.note ? `Here: ${data.sections.screening.note}.` : "";
}

// ---- tables

// Sections' tables that are not given as such.
const DERIVED = {
  gates: section => section.groups[find("[name=gates]").value] ?? section.groups.all,
  curves: (section, name) => (name === "lines" ? long(section.lines) : section[name]),
};

function long(lines) {
  const columns = [["number", "Draw", "number"], ["families", "Families", "joined"], ["epoch", "Epoch", "int"], ["val_acc", "Val", "percent"],
    ["train_acc", "Train", "percent"], ["val_loss", "Val loss", "float"], ["train_loss", "Train loss", "float"]];
  const values = Object.fromEntries(columns.map(([name]) => [name, lines.flatMap(line =>
    Array.isArray(line[name]) ? line[name] : line.epoch.map(() => line[name]))]));
  return { columns: columns.map(([name, title, kind]) => ({ name, title, kind, help: "" })), rows: values.epoch.length, values };
}

function fill(host) {
  const section = data.sections[host.closest("section").id];
  if (!section || section.problem) return;
  if (host.tagName === "DETAILS" && !host.open) return; // when it is opened
  const name = host.dataset.table, id = host.closest("section").id;
  const table = DERIVED[id]?.(section, name) ?? section[name];
  if (!tables.has(host)) {
    tables.set(host, new DataTable(host, { page: Number(host.dataset.page ?? 100), filters: "open" in host.dataset || table.rows > 20,
      open: "code" in host.dataset ? show : null }));
  }
  tables.get(host).update(table, id === "leaders" ? section.gates : []);
}

// ---- figures

async function draw(figure) {
  const section = figure.closest("section");
  const found = data.sections[section.id];
  if (!found) return;
  const choice = find("input[data-switch]:checked, [data-switch] :checked, select[data-switch]", section)?.value;
  const room = printing ? 680 : figure.clientWidth;
  const made = found.problem ?? FIGURES[section.id](found, choice, PALETTES[theme()], room);
  let plot = find(".plot", figure);
  if (typeof made === "string") {
    if (plot) Plotly.purge(plot);
    figure.replaceChildren(element("p", { className: found.problem ? "problem" : "empty", textContent: made }));
    return;
  }
  if (!plot) figure.replaceChildren(plot = element("div", { className: "plot" }));
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", `${made.label}. The table below holds its data.`);
  const width = made.width ?? Math.max(room, made.minWidth ?? 0);
  const below = made.layout.xaxis.title;
  if (below.text) below.text = wrapped(below.text, width);
  const coarse = matchMedia("(pointer: coarse)").matches;
  await Plotly.react(plot, made.traces, { ...made.layout, width, height: made.height, dragmode: coarse ? false : "zoom" },
    { displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"], displayModeBar: coarse ? false : "hover" });
}

const pause = () => new Promise(done => setTimeout(done));

async function drawAll() {
  for (const figure of all("figure")) {
    await draw(figure);
    await pause(); // the page answers meanwhile
  }
}

// ---- code

function code(key) {
  const [at, other] = data.codes.of[key] ?? [];
  if (at === undefined) return null;
  const lines = [...data.codes.bases[at]];
  for (const [number, line] of Object.entries(other)) lines[number] = line;
  return lines.join("\n");
}

function show(key) {
  for (const table of [data.sections.leaders.table, data.sections.failures.latest]) {
    const row = table?.values.key.indexOf(key) ?? -1;
    if (row < 0) continue;
    const cell = name => table.values[name]?.[row];
    find("#code-title").textContent = `#${cell("number")} ${write("joined", cell("families"))}`;
    find("#code-facts").textContent = [key, cell("members")?.replaceAll("+", ", "), cell("val_acc") && `${write("percent", cell("val_acc"))} % on validation`, cell("message")].filter(Boolean).join(" · ");
    break;
  }
  find("#code code").textContent = code(key) ?? "Its code is not in this page: `nas show` prints it.";
  find("#code").showModal();
  find("#code pre").scrollTop = 0;
}

// ---- choosing, theme, print

function gateChoices(groups) {
  const select = find("[name=gates]"), names = Object.keys(groups ?? { all: 0 });
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
  try { localStorage.setItem("nas-theme", value); } catch { /* a file may have no storage: it is asked anew */ }
}

function remembered() {
  try { return localStorage.getItem("nas-theme"); } catch { return null; }
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
  matchMedia("print").onchange = event => { printing = event.matches; drawAll(); };
  find("#code-close").onclick = () => find("#code").close();
  find("#code").onclick = event => { if (event.target === event.currentTarget) find("#code").close(); };
  find("#code-copy").onclick = async () => {
    await navigator.clipboard.writeText(find("#code code").textContent);
    find("#code-copy").textContent = "Copied";
    setTimeout(() => { find("#code-copy").textContent = "Copy"; }, 1500);
  };
}

// ---- all of it

async function update(newer) {
  data = newer;
  heading_(data);
  find("main").hidden = find("nav").hidden = Boolean(data.empty);
  if (data.empty) return;
  gateChoices(data.sections.gates.groups);
  unmeasured(data.sections.costs);
  for (const section of all("main > section")) {
    const found = data.sections[section.id];
    section.hidden = find(`nav [href="#${section.id}"]`).hidden = found === null;
    const said = find(":scope > .problem", section);
    said?.remove();
    if (found?.problem && !find("figure", section)) find("h2", section).after(element("p", { className: "problem", textContent: found.problem }));
  }
  all("[data-table]").forEach(fill);
  await drawAll();
}

async function follow(address) {
  const say = text => { find("#live").hidden = false; if (find("#live").textContent !== text) find("#live").textContent = text; };
  let tag = null;
  say("Live: this page follows the campaign.");
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
      say("Live: this page follows the campaign.");
    } catch {
      say("The dashboard does not answer; this is what it said last. Trying again.");
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
  const { live, data: first } = JSON.parse(await inflate("data"));
  document.head.append(element("script", { textContent: await inflate("plotly") })); // its hash is allowed, no other
  find("#theme").hidden = false;
  themeButton();
  listen();
  await update(first);
  root.dataset.ready = "yes";
  if (live) await follow(live);
}

await main();
