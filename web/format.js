// How figures, times and text from elsewhere are written.

const writer = (options) => new Intl.NumberFormat("en-US", options).format;
const dollars = { style: "currency", currency: "USD" };
const whole = writer();
const cents = writer(dollars);
// Small sums are not rounded away.
const tiny = writer({ ...dollars, maximumSignificantDigits: 2 });

export const number = (value) => whole(value ?? 0);
export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;
export const sum = (counts) => Object.values(counts ?? {}).reduce((all, count) => all + count, 0);
export const money = (value) => (value ? (value < 0.995 ? tiny : cents)(value) : value === 0 && "$0");
export const size = writer({ notation: "compact", style: "unit", unit: "byte", unitDisplay: "narrow" });

// In Sweden times are written as in ISO 8601.
export const clock = (moment) => new Date(moment).toLocaleString("sv").replace(`${new Date().toLocaleDateString("sv")} `, "");

export function more(ends) {
  if (!ends) return "";
  const minutes = [ends.earliest, ends.latest].map((at) => Math.max(0, (new Date(at) - Date.now()) / 60_000));
  const [length, unit] = minutes[1] > 90 ? [60, "h"] : [1, "min"];
  return `about ${Math.floor(minutes[0] / length)}–${Math.max(Math.ceil(minutes[1] / length), 1)} ${unit} more`;
}

// snapshot-20261124T031800.000Z is the one of 2026-11-24 03:18:00 UTC.
export const snapshotName = (id) => id.replace(/^\D*(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d).*$/, "$1-$2-$3 $4:$5:$6 UTC");

// What is not seen, or turns the rest around; in names also line ends.
const UNSEEN = /(?![\t\n\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const named = (found) => `‹U+${found.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}›`;
export const visible = (text) => String(text ?? "").replace(UNSEEN, named);
export const oneLine = (text) => visible(text).replace(/[\t\n]/g, named);
