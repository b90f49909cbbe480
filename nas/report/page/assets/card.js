// A candidate's card: metrics, members, routing, events, diagnoses, curves, then code.

function codeOf(key) {
  const [at, other] = data.codes.of[key] ?? [];
  if (at === undefined) return null;
  const rows = [...data.codes.bases[at]];
  for (const [number, line] of Object.entries(other)) rows[number] = line;
  return rows.join("\n");
}

// A command to copy.
function command(text) {
  const button = element("button", { type: "button", textContent: "Copy" });
  button.onclick = async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  };
  return element("p", { className: "command" }, element("code", { textContent: text }), button);
}

// A candidate's row in the first table that lists it: a function of a column's name.
function rowOf(key) {
  const { leaders, failures, costs, screening } = data.sections;
  for (const table of [leaders?.table, failures?.latest, costs?.table, screening?.table]) {
    const row = table?.values.key.indexOf(key) ?? -1;
    if (row >= 0) return { columns: table.columns, cell: name => table.values[name]?.[row] ?? null };
  }
  return { columns: [], cell: () => null };
}

const NAMED = new Set(["number", "families", "members", "role", "message"]); // have places of their own

function metrics({ columns, cell }) {
  return columns.filter(c => !NAMED.has(c.name) && ![null, "", false].includes(cell(c.name))).map(c =>
    element("div", { title: c.help }, element("dt", { textContent: c.title }),
      c.kind === "key" ? element("dd", {}, element("code", { textContent: cell(c.name) })) : element("dd", { textContent: write(c.kind, cell(c.name)) + (UNITS[c.kind] ?? "") })));
}

function members(key, { cell }) {
  const models = (cell("members") ?? "").split("+").filter(Boolean), families = (cell("families") ?? "").split("+");
  const inside = data.cards.members?.[key] ?? [];
  const columns = [["family", "Family", "text"], ["model", "Member", "text"], ["usage", "Gate weight", "percent"], ["inside", "Inside the mixture", "percent"], ["alone", "Trained alone", "percent"]];
  const rows = models.map((model, i) => [families[i], model, inside[i]?.[0] ?? null, inside[i]?.[1] ?? null, data.cards.alone?.[model] ?? null]);
  return tableOf(columns.map(([name, title, kind]) => ({ name, title, kind, help: "" })), rows);
}

const tableOf = (columns, rows) => ({ columns, rows: rows.length, values: Object.fromEntries(columns.map(({ name }, i) => [name, rows.map(row => row[i])])) });

function show(key) {
  const row = rowOf(key), { cell } = row, role = cell("role");
  find("#card-title").textContent = `${role && role !== "search" ? `${role} ` : ""}#${cell("number")} ${nameOf(cell("families"), cell("members"))}`;
  const ranked = data.sections.leaders?.table?.values.key.includes(key);
  find("#card-export").replaceChildren(...(ranked ? [command(`nas export ${cell("number")} -o candidate-${cell("number")} ${data.sections.best.where}`)] : []));
  optional(find("#card-message"), cell("message"));
  find("#card .metrics").replaceChildren(...metrics(row));
  find("#card-members").replaceChildren();
  const mine = members(key, row);
  find("#card-code code").textContent = codeOf(key) ?? "This page does not hold its code: `nas show` prints it.";
  find("#card").showModal();
  find("#card .body").scrollTop = 0;
  new DataTable(find("#card-members"), {}).update(mine);
  const layers = data.cards.routing?.[key];
  find("#card-routing").replaceChildren();
  find("#card-routing").parentElement.hidden = !layers;
  if (layers) new DataTable(find("#card-routing"), {}).update(tableOf(data.cards.routing_columns, layers));
  const events = data.cards.events?.[key];
  find("#card-events").replaceChildren();
  find("#card-events").parentElement.hidden = !events;
  if (events) new DataTable(find("#card-events"), {}).update(tableOf(data.cards.events_columns, events.rows));
  optional(find("#card-events + p"), events?.more && `… and ${grouped.format(events.more)} more: \`nas show ${cell("number")} --json\` has them.`);
  const found = data.cards.diagnoses?.[key], surface = data.cards.surfaces?.[key];
  find("#card-diagnoses").replaceChildren();
  find("#card-diagnoses").parentElement.hidden = !found;
  if (found) new DataTable(find("#card-diagnoses"), {}).update(tableOf(data.cards.diagnoses_columns, found));
  find("#card-surface").hidden = !surface;
  find("#card-surface details").open = false;
  find("#card").dataset.key = key;
  drawCard();
}

const LINES = { eigenvector: "along the top eigenvector", random: "along a random direction (filter-normalised)", plane: "in a plane of two random directions" };
const LOSSES = [["where", "Where", "text"], ["alpha", "α", "float"], ["beta", "β", "float"], ["train", "Training loss", "float"], ["test", "Test loss", "float"]];

// The values that the figure of a candidate's losses draws, once they are opened.
function fillSurface() {
  const details = find("#card-surface details"), { plane, ...lines } = data.cards.surfaces?.[find("#card").dataset.key] ?? {};
  all(":scope > :not(summary)", details).forEach(node => node.remove());
  if (!details.open) return;
  const rows = Object.entries(lines).flatMap(([line, [alphas, train, test]]) => alphas.map((alpha, i) => [LINES[line], alpha, null, train[i], test[i]]));
  if (plane) rows.push(...plane[0].flatMap((alpha, a) => plane[0].map((beta, b) => [LINES.plane, alpha, beta, plane[1][a][b], null])));
  const host = element("div");
  details.append(host);
  new DataTable(host, { page: 200 }).update(tableOf(LOSSES.map(([name, title, kind]) => ({ name, title, kind, help: "" })), rows));
}

async function drawCard() {
  await Promise.all([drawCurves(), drawSurface()]); // both begin at once: printing waits for neither
}

async function drawSurface() {
  const host = find("#card-surface figure"), surface = data.cards.surfaces?.[find("#card").dataset.key];
  if (surface) await plot(host, FIGURES.surface(surface, null, PALETTES[theme()], host.clientWidth), host.clientWidth);
}

async function drawCurves() {
  const host = find("#card-curves"), [epochs, val, train] = data.cards.curves?.[find("#card").dataset.key] ?? [];
  const made = epochs?.length ? FIGURES.card({ epochs, val, train }, null, PALETTES[theme()]) : "This page does not hold its curves: `nas show` prints them.";
  await plot(host, made, host.clientWidth);
}

function listenToCard() {
  find("#card-close").onclick = () => find("#card").close();
  find("#card").onclick = event => { if (event.target === event.currentTarget) find("#card").close(); };
  find("#card-surface details").ontoggle = fillSurface;
  find("#card-copy").onclick = async () => {
    await navigator.clipboard.writeText(find("#card-code code").textContent);
    find("#card-copy").textContent = "Copied";
    setTimeout(() => { find("#card-copy").textContent = "Copy code"; }, 1500);
  };
}
