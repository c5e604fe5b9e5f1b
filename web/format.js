// How figures, times and text from elsewhere are written.

const whole = new Intl.NumberFormat("en-US");
const dollars = { style: "currency", currency: "USD" };
const cents = new Intl.NumberFormat("en-US", dollars);
// Small sums are not rounded away.
const tiny = new Intl.NumberFormat("en-US", { ...dollars, maximumSignificantDigits: 2 });

export const number = (value) => whole.format(value ?? 0);
export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;
export const sum = (counts) => Object.values(counts ?? {}).reduce((all, count) => all + count, 0);
export const money = (value) => (value === 0 ? "$0" : (value < 0.995 ? tiny : cents).format(value));

const compact = new Intl.NumberFormat("en-US", { notation: "compact", style: "unit", unit: "byte", unitDisplay: "narrow" });
export const size = (bytes) => compact.format(bytes);

export function clock(moment) {
  // In Sweden times are written as in ISO 8601.
  const today = new Date().toLocaleDateString("sv");
  return new Date(moment).toLocaleString("sv").replace(`${today} `, "");
}

export const duration = (seconds) => (seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`);

// From the earliest to the latest expected end; nothing where none is expected.
export function more(ends) {
  if (!ends) return "";
  const minutes = [ends.earliest, ends.latest].map((at) => Math.max(0, (new Date(at) - Date.now()) / 60_000));
  const [length, unit] = minutes[1] > 90 ? [60, "h"] : [1, "min"];
  const [from, until] = minutes.map((all, at) => Math[at ? "ceil" : "floor"](all / length));
  return `about ${from}–${Math.max(until, 1)} ${unit} more`;
}

// snapshot-20261124T031800.000Z is the one of 2026-11-24 03:18:00 UTC.
export const snapshotName = (id) =>
  id.replace(/^\D*(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d).*$/, "$1-$2-$3 $4:$5:$6 UTC");

// What is not seen, or turns the rest around: controls, marks of direction, blanks without width. In names also line ends.
const UNSEEN = /[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
const named = (found) => `‹U+${found.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}›`;
export const visible = (text) => String(text ?? "").replace(UNSEEN, named);
export const oneLine = (text) => visible(text).replace(/[\t\n]/g, named);
