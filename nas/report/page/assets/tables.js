// A sortable, filterable table of columns. It keeps its sort, filter and length when its data are
// replaced. Where its columns do not fit, each row becomes a block of labelled values: nothing is
// cut and nothing scrolls inside the page. Columns without a value are left out. Cells are made
// with textContent alone: whatever a name or message holds stays text.

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// The two ends of an interval become one column.
function paired(columns) {
  const names = new Map(columns.map(column => [column.name, column]));
  const other = (name, end, replaced) => (name.endsWith(end) ? names.get(name.slice(0, -end.length) + replaced) : undefined);
  return columns.filter(column => !other(column.name, "high", "low")).map(column => {
    const high = other(column.name, "low", "high");
    return high ? { ...column, title: INTERVALS[column.title] ?? "95 % interval", high: high.name } : column;
  });
}
const INTERVALS = { "10 %": "80 % interval" };

class DataTable {
  constructor(host, { page = 100, filters = false, open = null }) {
    Object.assign(this, { host, page, filters, shown: page, sort: null, descending: false, words: "", chosen: {} });
    this.open = open; // shows a candidate's card, given its key
    this.selects = element("span");
    this.count = element("output");
    this.body = element("tbody");
    this.head = element("tr");
    this.more = element("button", { type: "button", className: "more" });
    this.more.onclick = () => { this.shown *= 4; this.draw(); };
    this.node = element("table", {}, element("thead", {}, this.head), this.body);
    this.frame = element("div", { className: "frame" }, this.node);
    this.empty = element("p", { className: "empty", textContent: "No rows yet." });
    host.append(this.tools(filters), this.frame, this.more, this.empty);
  }

  tools(filters) {
    const made = this.bar = element("div", { className: "tools" });
    if (filters) {
      const input = element("input", { type: "search", placeholder: "family, member, key …" });
      input.oninput = () => { this.words = input.value.toLowerCase(); this.shown = this.page; this.draw(); };
      made.append(this.filter = element("label", {}, "Filter ", input), this.selects);
    }
    made.append(this.count);
    return made;
  }

  // `choices`: columns with few values, to filter by. `hidden`: columns to search in but not show.
  update(table, choices = [], hidden = []) {
    this.table = table;
    this.columns = paired(table.columns.filter(c => !hidden.includes(c.name) && table.values[c.name].some(v => v !== null && v !== "" && v !== false)));
    this.search = table.columns.filter(c => WORDS.has(c.kind)).map(c => table.values[c.name]);
    if (this.filter) this.filter.hidden = !this.search.length;
    this.choices(choices);
    this.headers();
    this.draw();
  }

  choices(names) {
    const focus = document.activeElement?.name;
    this.selects.replaceChildren(...names.map(name => {
      const column = this.table.columns.find(c => c.name === name);
      const values = [...new Set(this.table.values[name])].filter(v => v !== null).sort();
      const select = element("select", { name }, element("option", { value: "", textContent: "all" }),
        ...values.map(value => element("option", { value, textContent: value })));
      select.value = this.chosen[name] ?? "";
      select.onchange = () => { this.chosen[name] = select.value; this.shown = this.page; this.draw(); };
      return element("label", {}, ` ${column.title} `, select);
    }));
    if (names.includes(focus)) this.selects.querySelector(`[name="${CSS.escape(focus)}"]`).focus();
  }

  headers() {
    const names = this.columns.map(c => c.name).join();
    if (names === this.names) return; // the same columns: the focus stays where it is
    this.names = names;
    this.head.replaceChildren(...this.columns.map(column => {
      const button = element("button", { type: "button", textContent: heading(column), title: column.help });
      button.onclick = () => this.by(column);
      const cell = element("th", { scope: "col", className: WORDS.has(column.kind) ? "" : "figure" }, button);
      cell.dataset.name = column.name;
      return cell;
    }));
  }

  by(column) {
    const words = WORDS.has(column.kind);
    this.descending = this.sort === column.name ? !this.descending : !words;
    this.sort = column.name;
    this.draw();
  }

  rows() {
    const { values, rows } = this.table;
    const wanted = this.words.split(/\s+/).filter(Boolean);
    const chosen = Object.entries(this.chosen).filter(([name, value]) => value && values[name]);
    let kept = Array.from({ length: rows }, (_, row) => row).filter(row =>
      chosen.every(([name, value]) => values[name][row] === value) &&
      wanted.every(word => this.search.some(column => String(column[row] ?? "").toLowerCase().includes(word))));
    const by = values[this.sort];
    if (by) {
      const sign = this.descending ? -1 : 1;
      kept.sort((a, b) => {
        const x = by[a], y = by[b];
        if (x === null || y === null) return (x === null) - (y === null); // missing ones last
        return sign * (x < y ? -1 : x > y ? 1 : 0) || a - b;
      });
    }
    return kept;
  }

  draw() {
    const kept = this.rows();
    const { rows, values } = this.table;
    for (const cell of this.head.children) {
      const mine = cell.dataset.name === this.sort;
      cell.ariaSort = mine ? (this.descending ? "descending" : "ascending") : null;
      if (!mine) cell.removeAttribute("aria-sort");
    }
    const shown = kept.slice(0, this.shown);
    const focus = document.activeElement?.dataset?.key;
    this.body.replaceChildren(...shown.map(row => this.row(row)));
    if (focus) this.body.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
    const some = kept.length < rows, cut = shown.length < kept.length;
    const count = grouped.format(kept.length), of = some && !cut ? `${count} of ${grouped.format(rows)} match` : `${count} ${some ? "that match" : rows === 1 ? "row" : "rows"}`;
    this.count.hidden = !this.filters && shown.length === kept.length; // one sees them all
    this.count.textContent = cut ? `first ${grouped.format(shown.length)} of ${of}` : of;
    this.bar.hidden = !rows || (this.count.hidden && !this.filters);
    this.more.hidden = shown.length === kept.length;
    this.more.textContent = `Show ${grouped.format(Math.min(4 * this.shown, kept.length))}`;
    this.frame.hidden = !rows;
    this.empty.hidden = rows > 0;
    this.fit();
  }

  fit() {
    if (!this.table) return;
    this.host.classList.remove("stacked");
    this.host.classList.toggle("stacked", this.node.offsetWidth > this.frame.clientWidth + 1);
  }

  row(row) {
    const { values } = this.table, key = values.key?.[row];
    const made = element("tr", {}, ...this.columns.map(column => this.cell(column, values[column.name][row], key, column.high && values[column.high][row])));
    if (this.open && key) {
      made.className = "opens";
      made.onclick = event => { // selecting text opens nothing
        if (!event.target.closest("button") && !String(getSelection())) this.open(key);
      };
    }
    return made;
  }

  cell(column, value, key, high) {
    const made = element("td", { className: WORDS.has(column.kind) ? "" : "figure" });
    made.dataset.name = column.name;
    made.dataset.title = column.title;
    const text = column.high && value !== null ? `${write(column.kind, value)} to ${write(column.kind, high)}` : write(column.kind, value);
    made.dataset.unit = text === MISSING ? "" : UNITS[column.kind] ?? "";
    if (column.kind === "number" && this.open && key && value !== null) {
      const button = element("button", { type: "button", textContent: text, title: "Open its card" });
      button.dataset.key = key;
      button.onclick = () => this.open(key);
      made.append(button);
    } else if (column.kind === "key") {
      made.append(element("code", { textContent: text, title: value ?? "" }));
    } else {
      made.textContent = text;
      if (column.kind === "text" && text.length > 28) made.className = "long";
      if (column.kind === "joined") made.className = "joined";
    }
    if (text === MISSING || text === "") made.classList.add("missing");
    return made;
  }
}
