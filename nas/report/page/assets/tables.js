// A sortable, filterable table of columns. It keeps its sort, filter and length when its data are
// replaced. Cells are made with textContent alone: whatever a name or message holds stays text.

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

class DataTable {
  constructor(host, { page = 100, filters = false, open = null }) {
    Object.assign(this, { host, page, shown: page, sort: null, descending: false, words: "", chosen: {} });
    this.open = open; // shows a candidate's code, given its key
    this.selects = element("span");
    this.count = element("output");
    this.body = element("tbody");
    this.head = element("tr");
    this.more = element("button", { type: "button", className: "more" });
    this.more.onclick = () => { this.shown *= 4; this.draw(); };
    this.scroll = element("div", { className: "scroll", tabIndex: 0 },
      element("table", {}, element("thead", {}, this.head), this.body));
    this.scroll.setAttribute("role", "region");
    this.scroll.setAttribute("aria-label", "Table, scrolls");
    this.empty = element("p", { className: "empty", textContent: "Nothing yet." });
    host.append(this.tools(filters), this.scroll, this.more, this.empty);
  }

  tools(filters) {
    const made = element("div", { className: "tools" });
    if (filters) {
      const input = element("input", { type: "search", placeholder: "family, member, key …" });
      input.oninput = () => { this.words = input.value.toLowerCase(); this.shown = this.page; this.draw(); };
      made.append(element("label", {}, "Filter ", input), this.selects);
    }
    made.append(this.count);
    return made;
  }

  // Columns whose few values one may choose from are given by name.
  update(table, choices = []) {
    this.table = table;
    this.search = table.columns.filter(c => WORDS.has(c.kind)).map(c => table.values[c.name]);
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
    const names = this.table.columns.map(c => c.name).join();
    if (names === this.names) return; // the same columns: the focus stays where it is
    this.names = names;
    this.head.replaceChildren(...this.table.columns.map(column => {
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
    const { columns, rows, values } = this.table;
    for (const cell of this.head.children) {
      const mine = cell.dataset.name === this.sort;
      cell.ariaSort = mine ? (this.descending ? "descending" : "ascending") : null;
      if (!mine) cell.removeAttribute("aria-sort");
    }
    const shown = kept.slice(0, this.shown);
    const focus = document.activeElement?.dataset?.key;
    this.body.replaceChildren(...shown.map(row => element("tr", {}, ...columns.map(column =>
      this.cell(column, values[column.name][row], values.key?.[row])))));
    if (focus) this.body.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
    const of = kept.length < rows ? `${grouped.format(kept.length)} of ${grouped.format(rows)} match` : `${grouped.format(rows)} row${rows === 1 ? "" : "s"}`;
    this.count.textContent = shown.length < kept.length ? `first ${grouped.format(shown.length)}; ${of}` : of;
    this.more.hidden = shown.length === kept.length;
    this.more.textContent = `Show ${grouped.format(Math.min(4 * this.shown, kept.length))}`;
    this.scroll.hidden = !rows;
    this.empty.hidden = rows > 0;
  }

  cell(column, value, key) {
    const made = element("td", { className: WORDS.has(column.kind) ? "" : "figure" });
    made.dataset.name = column.name;
    const text = write(column.kind, value);
    if (column.kind === "number" && this.open && value !== null) {
      const button = element("button", { type: "button", textContent: text, title: "Show its code" });
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
    return made;
  }
}
