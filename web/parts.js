// What the screens are made of.
import { html as template, nothing } from "./vendor/lit-html.js";
import { withQuery } from "./api.js";
import { clock, number, oneLine, snapshotName, sum, visible } from "./format.js";
import { redraw } from "./live.js";

export * from "./format.js";
export { seen } from "./live.js";

// What is false leaves nothing.
const shown = (value) => (Array.isArray(value) ? value.map(shown) : value === false ? nothing : value ?? nothing);
export const html = (strings, ...values) => template(strings, ...values.map(shown));

// Where one is: all of it behind the #, so a link shows what its sender saw.
export function place() {
  const [path, given] = location.hash.slice(1).split("?");
  return { parts: path.split("/").filter(Boolean), given: Object.fromEntries(new URLSearchParams(given)) };
}

export const to = (parts, given) => withQuery(`#/${parts.map(encodeURIComponent).join("/")}`, given);
// The same screen with other filters, from its first page on.
export const here = (changes) => to(place().parts, { ...place().given, after: "", from: "", ...changes });

export const link = (text, parts, given) => html`<a href=${to(parts, given)}>${text}</a>`;
export const fileLink = ({ key, path, snapshot }) => link(name(path ?? key), ["files", key], { snapshot });
export const snapshotLink = (id) => link(snapshotName(id), ["snapshots", id]);

export function name(text) {
  const line = oneLine(text);
  const at = line.lastIndexOf("/") + 1;
  return html`<bdi><span class=soft>${line.slice(0, at)}</span>${line.slice(at)}</bdi>`;
}

export const time = (at) => at && html`<time title=${at}>${clock(at)}</time>`;
export const code = (text) => text && html`<code>${oneLine(text)}</code>`;

// Sentences of the app, with `code` in them. Of links the text stays.
export const words = (text) => html`<span class=lines>${text.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").split("`")
  .map((part, at) => (at % 2 ? code(part) : visible(part)))}</span>`;
export const reason = (text) => text && html`<p class=soft>${words(text)}</p>`;

const TONES = { ok: "done completed ok ready sent", bad: "rejected refused mistakes failed fail terminated stray", warn: "held expired exists warn cancelling cancelled", wait: "waiting waits pending gone" };
export function chip(state) {
  const text = state.toLowerCase();
  return html`<span class="chip ${Object.keys(TONES).find((tone) => TONES[tone].split(" ").includes(text)) ?? ""}">${text.replace("_", " ")}</span>`;
}

export const verdict = (isGood, text) => html`<p class="verdict ${isGood ? "ok" : "bad"}"><b aria-hidden=true>${isGood ? "✓" : "✗"}</b><span>${text}</span></p>`;

export const figure = (count, of) => html`<p class=figure>${count} <small>${of}</small></p>`;
export const added = (counts, sign = ", ") => Object.entries(counts).map(([what, count]) => `${number(count)} ${what.replace("_", " ")}`).join(sign);
const SHADES = { ok: "ok", failed: "bad", missing: "bad" };

// Delivered requests by outcome, then those that are answered and not delivered yet.
export function bar(outcomes, done, total) {
  const delivered = sum(outcomes);
  const parts = Object.entries(outcomes).map(([outcome, count]) => [SHADES[outcome] ?? "warn", count]);
  const known = Math.max(done, delivered);
  parts.push(["run", known - delivered]);
  const text = `${number(known)} of ${number(total)} requests; ${added(outcomes)}`;
  return html`<div class=bar role=img aria-label=${text}>${parts.map(([shade, count]) => count > 0 && html`<i class=${shade} .style=${`width: ${(100 * count) / total}%`}></i>`)}</div>`;
}

export const requests = ({ outcomes, done, requests: total }) => (total ? html`${number(done)} of ${number(total)}
  ${sum(outcomes) === total && html`<b class=ok title="Every request has its outcome">✓</b>`}${bar(outcomes, done, total)}` : "");

export const button = (text, go, about) => html`<button class=small aria-label=${about && `${text}: ${about}`} @click=${go}>${text}</button>`;
export const trouble = (error) => html`<p class="waits bad" role=alert>${visible(error.message)} ${code(error.code)}</p>`;

// What a look has told so far, and why not more.
export const told = ({ body, error }, show) => [error && trouble(error), body ? show(body) : !error && html`<p class=soft>Looking …</p>`];

// Columns are [title, cell of a row, class]; that of the buttons has no title.
export const table = (about, rows, columns, none = "Nothing is here.") => rows.length
  ? html`<table><caption class=unseen>${about}</caption>
    <thead><tr>${columns.map(([title, , kind]) => html`<th scope=col class=${kind}>${title || html`<span class=unseen>Actions</span>`}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr>${columns.map(([title, cell, kind]) => html`<td data-label=${title} class=${kind}><div>${cell(row)}</div></td>`)}</tr>`)}</tbody></table>`
  : html`<p class="card soft">${none}</p>`;

export function pager({ items, next }, all) {
  const from = Number(place().given.from) || 1;
  const turn = (text, changes) => html`<a class=button href=${here(changes)}>${text}</a>`;
  return html`<nav class=pager aria-label=Pages>${from > 1 && turn("« First")}
    ${items.length > 0 && `${number(from)}–${number(from + items.length - 1)}${all ? ` of ${number(all)}` : ""}`}
    ${next && turn("Next ›", { after: next, from: from + items.length })}</nav>`;
}

export function select(label, values) {
  const chosen = place().given[label] ?? "";
  const choose = ({ target }) => { location.hash = here({ [label]: target.value }); };
  return html`<label>${label} <select @change=${choose}>${[...new Set(["", ...values, chosen])].map((value) =>
    html`<option value=${value} .selected=${value === chosen}>${{ "": "all", "*": "any" }[value] ?? value}</option>`)}</select></label>`;
}

export function search(label, address) {
  const go = (event) => {
    event.preventDefault();
    location.hash = address({ path: event.target.elements[0].value.trim() });
  };
  return html`<form role=search @submit=${go}><label>${label} <input type=search placeholder="part of its path" .value=${place().given.path ?? ""} /></label></form>`;
}

// --- a question before what cannot be taken back ---

let asked = null;
let news = {};

// {title, about: a path, lines, yes, isDangerous, go}
export function ask(question) {
  asked = question;
  redraw();
}

export function question() {
  if (!asked) return "";
  const { title, about, lines, yes, isDangerous, go, error } = asked;
  const close = ({ target }) => target.closest("dialog").close();
  const agree = async (event) => {
    event.target.disabled = true;
    await go().then(() => close(event), (found) => asked && ask({ ...asked, error: found }));
    event.target.disabled = false;
  };
  return html`<dialog aria-labelledby=asked @close=${() => ask(null)}><h2 id=asked>${title}</h2>
    ${about && html`<p>${name(about)}</p>`}${lines.map((line) => html`<p class=lines>${visible(line)}</p>`)}${error && trouble(error)}
    <div class=end><button @click=${close}>${yes ? "No" : "Close"}</button>${yes && html`<button class=${isDangerous ? "bad" : "main"} @click=${agree}>${yes}</button>`}</div></dialog>`;
}

const NOTICED_MS = 9000;

export function notice(text, kind) {
  const told = { text, kind };
  news = told;
  redraw();
  setTimeout(() => {
    if (news === told) notice();
  }, NOTICED_MS);
}

export const complain = (error) => notice(error.message, "bad");
export const notices = () => html`<div class=notices role=status>${news.text && html`<p class=${news.kind}>${visible(news.text)}</p>`}</div>`;
