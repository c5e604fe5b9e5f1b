// What the screens are made of.
import { html, useEffect, useRef, useState } from "./vendor/preact.js";
import { withQuery } from "./api.js";
import { clock, number, sum, visible, oneLine } from "./format.js";

// --- where one is: all of it behind the #, so a link shows what its sender saw ---

export function place() {
  const [path, given] = location.hash.slice(1).split("?");
  return { parts: path.split("/").filter(Boolean), given: Object.fromEntries(new URLSearchParams(given)) };
}

export const to = (parts, given) => withQuery(`#/${parts.map(encodeURIComponent).join("/")}`, given);
// The same screen with other filters, from its first page on.
export const here = (changes) => to(place().parts, { ...place().given, after: "", from: "", ...changes });
export const toFile = (file, ...more) => to(["files", file.key, ...more], { snapshot: file.snapshot });

// --- markup ---

export function name(text) {
  const shown = oneLine(text);
  const at = shown.lastIndexOf("/") + 1;
  return html`<bdi><span class=soft>${shown.slice(0, at)}</span>${shown.slice(at)}</bdi>`;
}

export const time = (at) => at && html`<time datetime=${at} title=${at}>${clock(at)}</time>`;
export const code = (text) => text && html`<code>${oneLine(text)}</code>`;

// Sentences of the app, with `code` in them. Of links the text stays.
export const words = (text) => html`<span class=lines>${text.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").split("`")
  .map((part, at) => (at % 2 ? code(part) : visible(part)))}</span>`;

const TONES = { ok: "done completed ok ready sent", bad: "rejected refused mistakes failed fail terminated stray", warn: "held expired exists warn cancelling cancelled", wait: "waiting waits pending gone" };
export function chip(state) {
  const text = state.toLowerCase();
  return html`<span class="chip ${Object.keys(TONES).find((tone) => TONES[tone].split(" ").includes(text)) ?? ""}">${text.replace("_", " ")}</span>`;
}

export const verdict = (isGood, text) => html`<p class="verdict ${isGood ? "ok" : "bad"}"><b aria-hidden="true">${isGood ? "✓" : "✗"}</b><span>${text}</span></p>`;

export const added = (outcomes, sign) =>
  Object.entries(outcomes).map(([outcome, count]) => `${number(count)} ${outcome.replace("_", " ")}`).join(sign);
const SHADES = { ok: "ok", failed: "bad", missing: "bad" };

// Delivered requests by outcome, then those that are answered and not delivered yet, then the rest.
export function bar(outcomes, done, total) {
  const delivered = sum(outcomes);
  const parts = Object.entries(outcomes).map(([outcome, count]) => [SHADES[outcome] ?? "warn", count]);
  parts.push(["run", done - delivered], ["rest", total - Math.max(done, delivered)]);
  const text = `${number(Math.max(done, delivered))} of ${number(total)} requests; ${added(outcomes, ", ")}`;
  return html`<div class=bar role=img aria-label=${text}>${parts.map(([shade, count]) => count > 0 && html`<i class=${shade} style=${{ flexGrow: count }}></i>`)}</div>`;
}

export const requests = (outcomes, done, total) => (total ? html`${number(done)} of ${number(total)}
  ${sum(outcomes) === total && html`<b class=tick title="Every request has its outcome">✓</b>`}${bar(outcomes, done, total)}` : "");

export const button = (text, go, about) => html`<button class=small aria-label=${about && `${text}: ${about}`} onClick=${go}>${text}</button>`;

export const trouble = (error) => html`<p class="waits bad" role=alert>${visible(error.message)} ${code(error.code)}</p>`;

// What a look has told so far, and why not more.
export const told = ({ body, error }, show) => [error && trouble(error), body ? show(body) : !error && html`<p class=soft>Looking …</p>`];

// Columns are [title, cell of a row, class]; that of the buttons has no title.
export const table = (about, rows, columns, none) => rows.length
  ? html`<table><caption class=unseen>${about}</caption>
    <thead><tr>${columns.map(([title, , kind]) => html`<th scope=col class=${kind}>${title || html`<span class=unseen>Actions</span>`}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${row.key ?? row.id ?? row.check}>${columns.map(([title, cell, kind]) => html`<td data-label=${title} class=${kind}><div>${cell(row)}</div></td>`)}</tr>`)}</tbody></table>`
  : html`<p class="card soft">${none || "Nothing is here."}</p>`;

export function pager(page, all) {
  const from = Number(place().given.from) || 1;
  const count = page.items.length;
  const link = (changes, text) => html`<a class=button href=${here(changes)}>${text}</a>`;
  return html`<nav class="row pager" aria-label="Pages">${from > 1 && link({}, "« First")}
    ${count > 0 && `${number(from)}–${number(from + count - 1)}${all ? ` of ${number(all)}` : ""}`}
    ${page.next && link({ after: page.next, from: from + count }, "Next ›")}</nav>`;
}

export function select(label, values) {
  const chosen = place().given[label] ?? "";
  const all = [...new Set(["", ...values, chosen])];
  return html`<label>${label} <select onChange=${(event) => { location.hash = here({ [label]: event.target.value }); }}>
    ${all.map((value) => html`<option value=${value} selected=${value === chosen}>${{ "": "all", "*": "any" }[value] ?? value}</option>`)}</select></label>`;
}

// Searches here, or, from the overview, all files.
export function Search({ label }) {
  const { parts, given } = place();
  const go = (event) => {
    event.preventDefault();
    const path = event.target.elements[0].value.trim();
    location.hash = parts[1] || parts[0] === "files" ? here({ path }) : to(["files"], { path });
  };
  return html`<form role=search onSubmit=${go}><label>${label} <input type=search placeholder="part of its path"
    key=${given.path} defaultValue=${given.path} /></label></form>`;
}

// --- a question before what cannot be taken back ---

let open, say;
export const ask = (question) => open(question);
export const notice = (text, kind) => say({ text, kind });
export const complain = (error) => notice(error.message, "bad");

// {title, about: a path, lines, yes, isDangerous, go}
export function Asking() {
  const [question, setQuestion] = useState(null);
  const [error, setError] = useState(null);
  const dialog = useRef();
  open = setQuestion;
  useEffect(() => {
    setError(null);
    if (question) dialog.current.showModal();
  }, [question]);
  if (!question) return null;
  const close = () => dialog.current.close();
  const go = ({ target }) => {
    target.disabled = true;
    question.go().then(close, (found) => { target.disabled = false; setError(found); });
  };
  return html`<dialog ref=${dialog} aria-labelledby="asked" onClose=${() => setQuestion(null)}><h2 id=asked>${question.title}</h2>
    ${question.about && html`<p>${name(question.about)}</p>`}${question.lines.map((line) => html`<p class=lines>${visible(line)}</p>`)}${error && trouble(error)}
    <div class="row end"><button onClick=${close}>${question.yes ? "No" : "Close"}</button>${question.yes && html`<button class=${question.isDangerous ? "bad" : "main"} onClick=${go}>${question.yes}</button>`}</div></dialog>`;
}

export function Notices() {
  const [news, setNews] = useState({});
  say = setNews;
  useEffect(() => {
    const timer = setTimeout(() => setNews({}), 9000);
    return () => clearTimeout(timer);
  }, [news]);
  return html`<div class=notices role=status>${news.text && html`<p class=${news.kind}>${visible(news.text)}</p>`}</div>`;
}
