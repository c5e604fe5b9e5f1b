// Files that are brought: looked at by the app's own rules first, and sent only when a person says so.
import { html, useEffect, useReducer } from "../vendor/preact.js";
import { quoted } from "../actions.js";
import { act } from "../api.js";
import { money, number, plural, size, visible } from "../format.js";
import { ask, button, chip, name, table, words } from "../parts.js";

const SAMPLE_BYTES = 1024 * 1024;
const SPARE_MS = 120_000; // of a link that ends
const SPEC = /(^|\/)([\s_.-]*batch[^/]*\.ya?ml|_batch\.json)$/i;

// {path, file, found: a quote, faults: of a job spec, error, state}. Stays while another screen is looked at.
let cargo = [];
let folder = "";
let redraw = () => {};

function change(one, news) {
  Object.assign(one, news);
  redraw();
}

const plain = (files) => [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));

// The files below what was dropped, those in folders as well.
async function below(entry) {
  if (entry.isFile) return [{ path: entry.fullPath.slice(1), file: await new Promise((...told) => entry.file(...told)) }];
  const reader = entry.createReader();
  const entries = [];
  let some;
  do {
    some = await new Promise((...told) => reader.readEntries(...told));
    entries.push(...some);
  } while (some.length);
  return (await Promise.all(entries.map(below))).flat();
}

const base64 = (part) => new Promise((done, failed) => {
  const reader = Object.assign(new FileReader(), { onload: () => done(reader.result.split(",")[1] ?? ""), onerror: () => failed(reader.error) });
  reader.readAsDataURL(part);
});

async function lookAt({ path, file }, specs) {
  if (SPEC.test(path)) return { faults: (await act(["job-specs"], { path, content: specs[path] })).mistakes };
  return { found: await act(["quote"], { path, size: file.size, content: await base64(file.slice(0, SAMPLE_BYTES)), specs }) };
}

const NEW = { state: "looking", found: null, faults: null, error: null };

function stateOf({ found, faults, error }) {
  if (error) return error.code === "too_large" ? "not quoted" : "refused";
  return found?.verdict ?? (faults.length ? "mistakes" : "ready");
}

async function add(files) {
  const known = new Map(cargo.map((one) => [one.path, one]));
  for (const { path, file } of files) known.set(folder + path, { path: folder + path, file });
  // Job specs first: they count for the others, in their look and on their way.
  const all = [...known.values()].sort((one, other) => SPEC.test(other.path) - SPEC.test(one.path));
  const open = all.filter((one) => one.state !== "sent");
  open.forEach((one) => Object.assign(one, NEW));
  cargo = all;
  redraw();
  const texts = open.filter((one) => SPEC.test(one.path)).map(async ({ path, file }) => [path, await file.text()]);
  const specs = Object.fromEntries(await Promise.all(texts));
  for (const one of open) {
    const told = await lookAt(one, specs).catch((error) => ({ error }));
    // Something was added or left out meanwhile, and all are looked at anew.
    if (cargo !== all) return;
    change(one, { ...told, state: stateOf(told) });
  }
}

// --- on its way, from here to the storage ---

async function put(href, body, headers, tries = 3) {
  const answer = await fetch(href, { method: "PUT", body, headers }).catch(() => null);
  if (answer?.ok) return;
  if (tries > 1 && !(answer?.status < 500)) return put(href, body, headers, tries - 1);
  throw new Error(answer ? `The storage answered ${answer.status}.` : "The storage does not answer, or does not let this page write (CORS).");
}

async function send(one) {
  const { path, file, replace } = one;
  const link = () => act(["uploads"], { path, size: file.size, replace });
  let { href, until, block_bytes: length, headers } = await link();
  if (!length) return put(href, file, headers);
  const blocks = [];
  for (let at = 0; at < file.size; at += length) {
    if (new Date(until) - Date.now() < SPARE_MS) ({ href, until } = await link());
    blocks.push(btoa(String(at).padStart(15, "0")));
    await put(`${href}&comp=block&blockid=${encodeURIComponent(blocks.at(-1))}`, file.slice(at, at + length));
    change(one, { state: `sending, ${Math.floor((100 * at) / file.size)} %` });
  }
  return put(`${href}&comp=blocklist`, `<BlockList>${blocks.map((block) => `<Latest>${block}</Latest>`).join("")}</BlockList>`, headers);
}

async function sendAll(files) {
  for (const one of files) {
    change(one, { state: "sending", error: null });
    const news = await send(one).then(() => ({ state: "sent" }), (error) => ({ error, state: error.code === "exists" ? "exists" : "failed" }));
    change(one, news);
    // What it is for would be sent without it.
    if (news.error && one.faults) return;
  }
}

// --- the screen ---

const BAD = ["rejected", "waits", "refused", "mistakes", "exists"];
const total = (quotes, field) => quotes.reduce((all, found) => all + found[field], 0);

function told(left) {
  const quotes = left.map((one) => one.found).filter(Boolean);
  const isPriced = quotes.length === left.filter((one) => !one.faults).length && quotes.every((found) => found.cost !== null);
  return `${plural(left.length, "file")}, ${plural(total(quotes, "requests"), "request")}, ${isPriced ? `about ${money(total(quotes, "cost"))}` : "a price that is not known"}`;
}

const about = ({ path, file, found, faults, error }) => html`${name(path)} <span class=soft>${size(file.size)}</span>
  ${error && html`<p>${visible(error.message)}</p>`}${faults?.map(({ where, message }) => html`<pre>${visible([where, message].filter(Boolean).join(": "))}</pre>`)}
  ${found?.reason && html`<p class=soft>${words(found.reason)}</p>`}${found && html`<details><summary>What it would take</summary>${quoted(found).map((line) => html`<pre>${visible(line)}</pre>`)}</details>`}`;

const choices = (one) => html`<span class="row do">${one.state === "exists" && button("Replace", () => change(one, { replace: true, state: "ready", error: null }), one.path)}
  ${!/sen[dt]/.test(one.state) && button("Leave out", () => { cargo = cargo.filter((other) => other !== one); add([]); }, one.path)}</span>`;

async function dropped(event) {
  event.preventDefault();
  if (event.type !== "drop") return;
  const { items, files } = event.dataTransfer;
  const entries = [...items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  add(entries.length ? (await Promise.all(entries.map(below))).flat() : plain(files));
}

export function Upload({ can }) {
  const [, draw] = useReducer((count) => count + 1, 0);
  useEffect(() => {
    redraw = draw;
    ["dragover", "drop"].forEach((kind) => addEventListener(kind, dropped));
    return () => {
      redraw = () => {};
      ["dragover", "drop"].forEach((kind) => removeEventListener(kind, dropped));
    };
  }, []);
  if (!can) return html`<p>This page is read only.</p>`;
  const left = cargo.filter((one) => one.state !== "sent");
  const bad = left.filter((one) => BAD.includes(one.state)).length;
  const isBusy = left.some((one) => /looking|sending/.test(one.state));
  const pick = ({ target }) => add(plain(target.files));
  const move = ({ target }) => { folder = target.value.replace(/^[\s/]+|[\s/]+$/g, "").replace(/.$/, "$&/"); };
  const confirm = () => ask({
    title: `Send ${plural(left.length, "file")}?`, yes: "Send", lines: [`They are taken as they come, and paid: ${told(left)}.`],
    go: async () => { sendAll(left); },
  });
  return html`<div class=card><p>Drop files and folders here, with their job specs. Nothing is sent before you say so.</p>
      <div class=row><label>Folder <input defaultValue=${folder} placeholder="of the input container" onChange=${move} /></label>
      <label>Files <input type=file multiple onChange=${pick} /></label><label>All of a folder <input type=file webkitdirectory onChange=${pick} /></label></div></div>
    ${cargo.length > 0 && html`<div class="row top"><p role=status>${left.length ? told(left) : "All were sent; a snapshot takes them."}${bad > 0 && `; ${number(bad)} cannot go as they are`}</p>
      ${left.length > 0 && html`<button class=main disabled=${isBusy || bad > 0} onClick=${confirm}>Send</button>`}</div>
    ${table("Files to send", cargo, [
      ["File", about],
      ["State", (one) => chip(one.state)],
      ["Requests", ({ found }) => found && number(found.requests), "num"],
      ["Cost", ({ found }) => found && (found.cost === null ? "?" : `~ ${money(found.cost)}`), "num"],
      ["", choices],
    ])}`}`;
}
