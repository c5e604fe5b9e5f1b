// One file, and its failed rows; the batches of all files.
import { html } from "../vendor/preact.js";
import { fileActions, retryFile } from "../actions.js";
import { api, look as lookAt } from "../api.js";
import { money, number, plural, size, snapshotName, visible } from "../format.js";
import { useLook } from "../live.js";
import { added, bar, button, chip, code, complain, name, pager, requests, select, table, time, to, toFile, told, verdict, words } from "../parts.js";
import { digest } from "./overview.js";

const download = (file, output) =>
  lookAt(api(["files", file.key, "links", output], { snapshot: file.snapshot })).then((link) => location.assign(link.href), complain);

const canRetry = (file, can) => can && file?.outputs.includes("retry");

const keys = (all) => all.length > 0 && all.map((key) => html`<a href=${to(["files", key])}>${code(key)}</a> `);

function facts(file) {
  const found = {
    Cost: file.cost !== null && money(file.cost),
    Estimated: file.estimated_cost !== null && money(file.estimated_cost),
    Tokens: file.input_tokens > 0 && `${number(file.input_tokens)} in, ${number(file.output_tokens)} out`,
    Snapshot: file.snapshot && html`<a href=${to(["snapshots", file.snapshot])}>${snapshotName(file.snapshot)}</a>`,
    Submitted: time(file.started_at),
    Ended: time(file.finished_at),
    "Sent to": visible([file.deployment, file.endpoint, file.engine].filter(Boolean).join(" · ")),
    "Job spec": file.job_spec && name(file.job_spec),
    Size: file.size_bytes && size(file.size_bytes),
    ETag: code(file.etag),
    "Retried as": keys(file.retried_as),
    "Retry of": file.retry_of && keys([file.retry_of]),
  };
  return html`<dl>${Object.entries(found).map(([title, fact]) => fact && html`<div><dt>${title}</dt><dd>${fact}</dd></div>`)}</dl>`;
}

function details(file, can) {
  const { shards, requests: total } = file;
  const rows = shards.flatMap((shard) => {
    const calls = shard.live ? [{ ...shard.live, batch_id: "live calls", submitted_at: shard.live.started_at }] : shard.batches;
    return (calls.length ? calls : [{ status: "waiting" }]).map((call) => ({ ...call, ...shard, key: shard.shard + call.batch_id }));
  });
  const ids = shards.flatMap((shard) => shard.batches.map((batch) => batch.batch_id));
  return html`<div class=card>${file.reason && html`<p class=waits>${words(file.reason)}</p>`}
      ${total > 0 && html`<p class=figure>${number(file.done)} <small>of ${number(total)}</small></p>${bar(file.outcomes, file.done, total)}`}
      ${file.is_balanced !== null && verdict(file.is_balanced, `${number(total)} = ${added(file.outcomes, " + ") || 0}`)}
      ${ids.length > 0 && verdict(new Set(ids).size === ids.length, `${plural(ids.length, "batch", "batches")} for ${plural(shards.length, "shard")}${ids.length > shards.length ? "; what is more had failed as a whole" : ""}`)}
      ${facts(file)}</div>
    ${file.digest.length > 0 && html`<div class="row top"><h2>What failed</h2><a href=${toFile(file, "errors")}>All failed rows</a></div>
      ${digest(file.digest, (one) => to(["files", file.key, "errors"], { snapshot: file.snapshot, code: one }), (one) => canRetry(file, can) && button("Retry these", () => retryFile(file, one), one.code))}`}
    ${file.files.length > 0 && html`<h2>Outputs</h2><ul class=outputs>${file.files.map((output) => html`<li class=row>
      <button onClick=${() => download(file, output.name)}>${output.name} <span class=soft>${size(output.size_bytes ?? 0)}</span></button> ${name(`${output.container}/${output.path}`)}</li>`)}</ul>`}
    ${rows.length > 0 && html`<h2>Shards and batches</h2>${table("Shards and batches", rows, [
      ["Shard", (row) => html`${code(row.shard)} ${row.attempt > 1 && `attempt ${row.attempt}`}`],
      ["Batch", (row) => code(row.batch_id)],
      ["State", (row) => chip(row.status)],
      ["Submitted", (row) => time(row.submitted_at)],
      ["Ended", (row) => time(row.ended_at)],
    ])}`}`;
}

export function File({ id, given, can }) {
  const look = useLook(api(["files", id], given));
  const file = look.body;
  return html`<div class="row top"><h1>${file ? html`${name(file.path)} ${chip(file.state)}` : "File"}</h1>${file && fileActions(file, can)}</div>${told(look, () => details(file, can))}`;
}

// --- its failed rows ---

const raw = (title, value) => value !== null && html`<details><summary>${title}</summary><pre>${visible(typeof value === "string" ? value : JSON.stringify(value, null, 2))}</pre></details>`;

const failedRow = (row) => html`<li><p><b>${row.row === null ? `line ${row.line ?? "?"}` : `row ${row.row}`}</b> ${code(row.code)} <span class=soft>${code(row.custom_id)} ${row.outcome}${row.attempts > 1 && `, ${row.attempts} attempts`}</span></p>
  <p class=lines>${visible(row.message)}</p>${row.truncated && html`<p class=soft>Too long to show; the error file has all of it.</p>`}${raw("Request", row.request)}${raw("Answer", row.answer)}</li>`;

export function Errors({ id, given, can }) {
  const { snapshot, code: wanted, after } = given;
  const file = useLook(api(["files", id], { snapshot })).body;
  const look = useLook(api(["files", id, "errors"], { snapshot, error_code: wanted, after, limit: 50 }));
  const codes = look.body?.digest ?? [];
  const chosen = codes.find((one) => one.code === wanted);
  return html`<div class="row top"><h1>Failed rows of ${file && html`<a href=${toFile(file)}>${name(file.path)}</a>`}</h1>
      ${canRetry(file, can) && button(`Retry ${number(chosen?.rows ?? file.failed)}`, () => retryFile(file, chosen))}</div>
    <div class=row>${select("code", codes.map((one) => one.code))} ${chosen && words(`${chosen.meaning} ${chosen.advice}`)}</div>
    ${told(look, (page) => [
      page.items.length ? html`<ul class=errors>${page.items.map(failedRow)}</ul>` : html`<p class="card soft">No failed row is on this page.</p>`,
      pager(page, chosen ? chosen.rows : file?.failed),
    ])}`;
}

// --- the service's batches beside our records ---

export function Batches({ given }) {
  const look = useLook(api(["batches"], { state: given.state, after: given.after }));
  return html`<h1>Batches</h1>${told(look, (page) => html`<p class=soft>As the service listed them ${time(page.looked_at)}: ${number(page.active)} active, of at most ${number(page.limit)}.</p>
    ${verdict(!page.stray, page.stray ? `${number(page.stray)} known to no record: of another app, or older than the records` : "Each belongs to a shard")}
    <div class=row>${select("state", ["active", "ended", "stray"])}</div>
    ${table("Batches", page.items, [
      ["Batch", (one) => html`${code(one.batch_id)} ${one.stray && chip("stray")}`],
      ["State", (one) => chip(one.status)],
      ["File", (one) => one.file_key && html`<a href=${to(["files", one.file_key], { snapshot: one.snapshot })}>${name(one.path ?? one.file_key)}</a> <span class=soft>${visible(one.shard)}</span>`],
      ["Requests", (one) => requests({ ok: one.completed, failed: one.failed }, one.completed + one.failed, one.total)],
      ["Made", (one) => time(one.created_at)],
    ])}${pager(page)}`)}`;
}
