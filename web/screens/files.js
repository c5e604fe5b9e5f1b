// Files: of one snapshot, of all, one of them, and its failed rows.
import { canRetry, fileActions, retryFile, retrySnapshot } from "../actions.js";
import { addressOf, look as lookAt } from "../api.js";
import { added, bar, button, chip, code, complain, figure, fileLink, here, html, link, money, more, name, number, pager, plural, reason, requests, search, seen, select, size, snapshotLink, snapshotName, table, time, to, told, trouble, verdict, visible, words } from "../parts.js";
import { digest, figures, isGoing, questions, snapshotActions } from "./overview.js";

const STATES = ["working", "waiting", "held", "done", "rejected"];

const filesTable = (files, can, none) => table("Files", files, [
  ["File", (file) => html`${file.key && file.state !== "waiting" ? fileLink(file) : name(file.path)}${reason(file.reason)}`],
  ["State", (file) => chip(file.state)],
  ["Requests", requests],
  ["Failed", (file) => file.failed > 0 && html`<b class=bad>${number(file.failed)}</b>`, "num"],
  ["Cost", (file) => (file.cost ? money(file.cost) : file.estimated_cost > 0 && `~ ${money(file.estimated_cost)}`), "num"],
  ["", (file) => fileActions(file, can)],
], none);

const filters = (digest) => html`<div class=row>${search("path", here)}${select("state", STATES)}${select("code", ["*", ...digest.map((one) => one.code)])}</div>`;
const asked = ({ state, code, path, after }) => ({ state, error_code: code, path, after });

export function Snapshot({ id, given, can }) {
  const look = seen(["snapshots", id]);
  const files = seen(["snapshots", id, "files"], asked(given));
  const now = look.body && figures(look.body);
  return html`<div class=top><h1>Snapshot ${snapshotName(id)} ${now && chip(now.status)}</h1>${now && snapshotActions(now, can)}</div>
    ${told(look, ({ report, failure }) => html`
      ${failure && trouble({ message: failure })}${isGoing(now) && now.message && html`<p class=waits>${words(now.message)}</p>`}
      <p class=soft>${number(now.files_done)} of ${plural(now.files_total, "file")} ended${report && `: ${added({ done: report.done, rejected: report.rejected, held: report.held })}`}. ${more(now.ends)} ${now.updated_at && html`Last news ${time(now.updated_at)}`}</p>
      ${questions(now, (one) => here({ code: one, state: "" }), can && !isGoing(now) && now.digest.length > 0 && button("Retry all", () => retrySnapshot(now)))}`)}
    <h2>Files</h2>${filters(now?.digest ?? [])}
    ${told(files, (page) => [
      filesTable(page.items, can, page.next && "None so far; there is more to look through."),
      pager(page, !(given.state || given.code || given.path) && now?.files_total),
    ])}`;
}

const MOST = 10;
const MOST_RUNNING = 3;

function some(title, look, toAll, can, skip = []) {
  const files = look.body?.items.filter((file) => !skip.includes(file.snapshot));
  return files?.length !== 0 && html`<div class=top><h2>${title}</h2>${look.body?.next && html`<a href=${toAll}>More</a>`}</div>${told(look, () => filesTable(files, can))}`;
}

export function Files({ given, overview, can }) {
  const { running = [], digest = [] } = overview.body ?? {};
  const first = { ...asked(given), limit: MOST };
  return html`<h1>Files</h1>${filters(digest)}
    ${given.state ? told(seen(["files"], asked(given)), (page) => [filesTable(page.items, can), pager(page)]) : [
      running.slice(0, MOST_RUNNING).map((id) => some(`Of snapshot ${snapshotName(id)}`, seen(["snapshots", id, "files"], first), to(["snapshots", id], given), can)),
      STATES.slice(1).map((state) => some(state, seen(["files"], { ...first, state }), here({ state }), can, running)),
    ]}`;
}

const download = (file, output) =>
  lookAt(addressOf(["files", file.key, "links", output], { snapshot: file.snapshot })).then((link) => location.assign(link.href), complain);

const keys = (all) => all.length > 0 && all.map((key) => html`${link(code(key), ["files", key])} `);

function facts(file) {
  const found = {
    Cost: money(file.cost),
    Estimated: money(file.estimated_cost),
    Tokens: file.input_tokens > 0 && `${number(file.input_tokens)} in, ${number(file.output_tokens)} out`,
    Snapshot: file.snapshot && snapshotLink(file.snapshot),
    "To its end": more(file.ends),
    Submitted: time(file.started_at),
    Ended: time(file.finished_at),
    "Sent to": visible([file.deployment, file.endpoint, file.engine].filter(Boolean).join(" · ")),
    "Job spec": file.job_spec && name(file.job_spec),
    ETag: code(file.etag),
    "Retried as": keys(file.retried_as),
    "Retry of": file.retry_of && keys([file.retry_of]),
  };
  return html`<dl>${Object.entries(found).map(([title, fact]) => fact && html`<div><dt>${title}</dt><dd>${fact}</dd></div>`)}</dl>`;
}

function details(file, can) {
  const { key, snapshot, shards, requests: total } = file;
  const rows = shards.flatMap((shard) => {
    const calls = shard.live ? [{ ...shard.live, batch_id: "live calls", submitted_at: shard.live.started_at }] : shard.batches;
    return (calls.length ? calls : [{ status: "waiting" }]).map((call) => ({ ...call, ...shard }));
  });
  const ids = shards.flatMap((shard) => shard.batches.map((batch) => batch.batch_id));
  const failed = (given) => to(["files", key, "errors"], { snapshot, ...given });
  return html`<div class=card>${file.reason && html`<p class=waits>${words(file.reason)}</p>`}
      ${total > 0 && html`${figure(number(file.done), `of ${number(total)}`)}${bar(file.outcomes, file.done, total)}`}
      ${file.is_balanced !== null && verdict(file.is_balanced, `${number(total)} = ${added(file.outcomes, " + ") || 0}`)}
      ${ids.length > 0 && verdict(new Set(ids).size === ids.length, `${plural(ids.length, "batch", "batches")} for ${plural(shards.length, "shard")}${ids.length > shards.length ? "; what is more had failed as a whole" : ""}${file.shared_with ? `, shared with ${plural(file.shared_with, "other file")}` : ""}`)}
      ${facts(file)}</div>
    ${file.digest.length > 0 && html`<div class=top><h2>What failed</h2><a href=${failed()}>All failed rows</a></div>
      ${digest(file.digest, (one) => failed({ code: one }), (one) => canRetry(file, can) && button("Retry these", () => retryFile(file, one), one.code))}`}
    ${file.files.length > 0 && html`<h2>Outputs</h2><ul class=outputs>${file.files.map((output) => html`<li class=row>
      <button @click=${() => download(file, output.name)}>${output.name} <span class=soft>${size(output.size_bytes ?? 0)}</span></button> ${name(`${output.container}/${output.path}`)}</li>`)}</ul>`}
    ${rows.length > 0 && html`<h2>Shards and batches</h2>${table("Shards and batches", rows, [
      ["Shard", (row) => html`${code(row.shard)} ${row.attempt > 1 && `attempt ${row.attempt}`}`],
      ["Batch", (row) => code(row.batch_id)],
      ["State", (row) => chip(row.status)],
      ["Submitted", (row) => time(row.submitted_at)],
      ["Ended", (row) => time(row.ended_at)],
    ])}`}`;
}

export function File({ id, given, can }) {
  const look = seen(["files", id], given);
  const file = look.body;
  return html`<div class=top><h1>${file ? html`${name(file.path)} ${chip(file.state)}` : "File"}</h1>${file && fileActions(file, can)}</div>${told(look, () => details(file, can))}`;
}

const raw = (title, value) => value !== null && html`<details><summary>${title}</summary><pre>${visible(typeof value === "string" ? value : JSON.stringify(value, null, 2))}</pre></details>`;

const failedRow = (row) => html`<li><p><b>${row.row === null ? `line ${row.line ?? "?"}` : `row ${row.row}`}</b> ${code(row.code)} <span class=soft>${code(row.custom_id)} ${row.outcome}${row.attempts > 1 && `, ${row.attempts} attempts`}</span></p>
  <p class=lines>${visible(row.message)}</p>${row.truncated && html`<p class=soft>Too long to show; the error file has all of it.</p>`}${raw("Request", row.request)}${raw("Answer", row.answer)}</li>`;

export function Errors({ id, given: { snapshot, code: wanted, after }, can }) {
  const file = seen(["files", id], { snapshot }).body;
  const look = seen(["files", id, "errors"], { snapshot, error_code: wanted, after, limit: 50 });
  const codes = look.body?.digest ?? [];
  const chosen = codes.find((one) => one.code === wanted);
  return html`<h1>Failed rows</h1><div class=top><p>${file && fileLink(file)}</p>
      ${canRetry(file, can) && button(`Retry ${number(chosen?.rows ?? file.failed)}`, () => retryFile(file, chosen))}</div>
    <div class=row>${select("code", codes.map((one) => one.code))} ${chosen && words(`${chosen.meaning} ${chosen.advice}`)}</div>
    ${told(look, (page) => [html`<ul class=errors>${page.items.map(failedRow)}</ul>`, pager(page, chosen ? chosen.rows : file?.failed)])}`;
}
