// Files that are brought: looked at by the app's own rules first, and sent only when a person says so.
import { quoted } from "../actions.js";
import { act } from "../api.js";
import { redraw } from "../live.js";
import { ask, button, chip, html, money, name, number, plural, reason, size, sum, table, visible } from "../parts.js";

const SAMPLE_BYTES = 1024 * 1024;
const SPARE_MS = 120_000; // of a link that ends
const SPEC = /(^|\/)([\s_.-]*batch[^/]*\.ya?ml|_batch\.json)$/i;

// {path, file, found: a quote, faults: of a job spec, error, state}. Stays while another screen is looked at.
let cargo = [];
let folder = "";

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

async function lookAt({ path, file }, specs) {
  if (SPEC.test(path)) {
    const { mistakes } = await act(["job-specs"], { path, content: specs[path] });
    return { faults: mistakes, state: mistakes.length ? "mistakes" : "ready" };
  }
  const content = new Uint8Array(await file.slice(0, SAMPLE_BYTES).arrayBuffer()).toBase64();
  const found = await act(["quote"], { path, size: file.size, content, specs });
  return { found, state: found.verdict };
}

const refused = (error) => ({ error, state: error.code === "too_large" ? "not quoted" : "refused" });

// What was looked at is looked at anew when a job spec has changed.
async function add(files, isAnew = files.some(({ path }) => SPEC.test(path))) {
  const known = new Map(cargo.map((one) => [one.path, one]));
  for (const { path, file } of files) known.set(folder + path, { path: folder + path, file });
  // Job specs first: they count for the others, in their look and on their way.
  const all = [...known.values()].map((one) => (one.state && (!isAnew || /^sen/.test(one.state)) ? one : { path: one.path, file: one.file, state: "looking" }))
    .sort((one, other) => SPEC.test(other.path) - SPEC.test(one.path));
  cargo = all;
  redraw();
  const texts = all.filter((one) => SPEC.test(one.path)).map(async ({ path, file }) => [path, await file.text()]);
  const specs = Object.fromEntries(await Promise.all(texts));
  for (const one of all.filter(({ state }) => state === "looking")) {
    const news = await lookAt(one, specs).catch(refused);
    // Something was added or left out meanwhile.
    if (cargo !== all) return;
    change(one, news);
  }
}

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

const BAD = ["rejected", "waits", "refused", "mistakes", "exists"];

function told(left) {
  const requests = sum(left.map(({ found }) => found?.requests ?? 0));
  const cost = sum(left.map(({ faults, found }) => (faults ? 0 : found?.cost ?? NaN)));
  return `${plural(left.length, "file")}, ${plural(requests, "request")}, ${cost >= 0 ? `about ${money(cost)}` : "a price that is not known"}`;
}

const lines = (all) => all.map((line) => html`<pre>${visible(line)}</pre>`);
const about = ({ path, file, found, faults, error }) => html`${name(path)} <span class=soft>${size(file.size)}</span>
  ${error && html`<p>${visible(error.message)}</p>`}${faults && lines(faults.map(({ where, message }) => [where, message].filter(Boolean).join(": ")))}
  ${found && html`${reason(found.reason)}<details><summary>What it would take</summary>${lines(quoted(found))}</details>`}`;

const choices = (one) => html`<span class=do>${one.state === "exists" && button("Replace", () => change(one, { replace: true, state: "ready", error: null }), one.path)}
  ${!/sen[dt]/.test(one.state) && button("Leave out", () => { cargo = cargo.filter((other) => other !== one); add([], SPEC.test(one.path)); }, one.path)}</span>`;

addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", async (event) => {
  event.preventDefault();
  location.hash = "#/upload";
  const { items, files } = event.dataTransfer;
  const entries = [...items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  add(entries.length ? (await Promise.all(entries.map(below))).flat() : plain(files));
});

const pick = ({ target }) => add(plain(target.files));
const move = ({ target }) => { folder = target.value.replace(/^[\s/]+|[\s/]+$/g, "").replace(/.$/, "$&/"); };

function brought() {
  const left = cargo.filter((one) => one.state !== "sent");
  const bad = left.filter((one) => BAD.includes(one.state)).length;
  const isBusy = left.some((one) => /looking|sending/.test(one.state));
  const confirm = () => ask({
    title: `Send ${plural(left.length, "file")}?`, yes: "Send", lines: [`They are taken as they come, and paid: ${told(left)}.`],
    go: async () => { sendAll(left); },
  });
  return html`<div class=top><p role=status>${left.length ? told(left) : "All were sent; a snapshot takes them."}${bad > 0 && `; ${number(bad)} cannot go as they are`}</p>
    ${left.length > 0 && html`<button class=main ?disabled=${isBusy || bad} @click=${confirm}>Send</button>`}</div>
    ${table("Files to send", cargo, [
      ["File", about],
      ["State", (one) => chip(one.state)],
      ["Requests", ({ found }) => found && number(found.requests), "num"],
      ["Cost", ({ found }) => found && (found.cost === null ? "?" : `~ ${money(found.cost)}`), "num"],
      ["", choices],
    ])}`;
}

export const Upload = ({ can }) => html`<h1>Upload</h1>${can ? html`<div class=card><p>Drop files and folders here, with their job specs. Nothing is sent before you say so.</p>
  <div class=row><label>Folder <input .value=${folder} placeholder="of the input container" @change=${move} /></label>
    <label>Files <input type=file multiple @change=${pick} /></label><label>All of a folder <input type=file webkitdirectory @change=${pick} /></label></div></div>
  ${cargo.length > 0 && brought()}` : html`<p>This page is read only.</p>`}`;
