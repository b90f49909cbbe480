// How values are written. Shares become percent, large counts get a unit, times are UTC.

const MISSING = "–";
const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

function seconds(value) {
  const whole = Math.max(0, Math.round(value)), two = n => String(n).padStart(2, "0");
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)}h${two(Math.floor(whole % 3600 / 60))}m`;
  return `${Math.floor(whole / 86400)}d${two(Math.floor(whole % 86400 / 3600))}h`;
}

function scaled(value, base, units, gap) {
  let power = 0;
  while (power < units.length - 1 && Math.abs(value) >= 999.5 * base ** power) power++;
  const text = power ? (value / base ** power).toPrecision(3) : grouped.format(value);
  return text + (units[power] ? gap + units[power] : "");
}

const WRITERS = {
  text: value => String(value),
  flag: value => (value ? "yes" : ""),
  joined: value => value.replaceAll("+", " "),
  key: value => String(value).slice(0, 8),
  number: value => `#${value}`,
  int: value => grouped.format(value),
  percent: value => (100 * value).toFixed(2),
  points: value => (value < -5e-5 ? "−" : "+") + Math.abs(100 * value).toFixed(2),
  spread: value => (100 * value).toFixed(2),
  change: value => (value < 0 ? "−" : "+") + WRITERS.float(Math.abs(value)),
  float: value => (Math.abs(value) >= 1000 ? grouped.format(value) : value.toPrecision(3)),
  probability: value => (value < 0.001 ? "< 0.001" : value.toFixed(3)),
  count: value => scaled(value, 1000, ["", "k", "M", "G", "T"], " "),
  seconds,
  hours: value => seconds(3600 * value),
  time: value => new Date(1000 * value).toISOString().slice(0, 16).replace("T", " "),
};
const UNITS = { percent: " %", points: " pt", spread: " pt" };
const WORDS = new Set(["text", "flag", "joined", "key"]);

// A text whose numbers keep to their units.
const unbroken = text => text.replace(/(\d) %/g, "$1 %").replaceAll("± ", "± ");

// A mixture by its families, a single expert by its member too.
const nameOf = (families, members) => (!families || families.includes("+") || !members ? write("joined", families) : `${families} (${members})`);
const write = (kind, value) => (value === null || value === undefined ? MISSING : WRITERS[kind](value));
const heading = column => unbroken(column.title) + (UNITS[column.kind] ?? "");
