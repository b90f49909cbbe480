// A candidate's card: metrics, members, routing, curves, then code.

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
  find("#card-curves").dataset.key = key;
  drawCurves();
}

async function drawCurves() {
  const host = find("#card-curves"), [epochs, val, train] = data.cards.curves?.[host.dataset.key] ?? [];
  const made = epochs?.length ? FIGURES.card({ epochs, val, train }, null, PALETTES[theme()]) : "This page does not hold its curves: `nas show` prints them.";
  await plot(host, made, host.clientWidth);
}

function listenToCard() {
  find("#card-close").onclick = () => find("#card").close();
  find("#card").onclick = event => { if (event.target === event.currentTarget) find("#card").close(); };
  find("#card-copy").onclick = async () => {
    await navigator.clipboard.writeText(find("#card-code code").textContent);
    find("#card-copy").textContent = "Copied";
    setTimeout(() => { find("#card-copy").textContent = "Copy code"; }, 1500);
  };
}
