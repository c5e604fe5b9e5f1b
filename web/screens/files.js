// Files: of one snapshot, of all, one of them, its failed rows; and the batches of all.
import { html } from "../vendor/preact.js";
import { fileActions, retryFile, retrySnapshot } from "../actions.js";
import { api, look as lookAt } from "../api.js";
import { money, more, number, plural, size, snapshotName, sum, visible } from "../format.js";
import { useLook } from "../live.js";
import { Search, added, bar, button, chip, code, complain, here, name, pager, requests, select, table, time, to, toFile, told, trouble, verdict, words } from "../parts.js";
import { Questions, digest, figures, isGoing, snapshotActions } from "./overview.js";

const STATES = ["working", "waiting", "held", "done", "rejected"];

const filesTable = (files, can, none) => table("Files", files, [
  ["File", (file) => html`${file.key && file.state !== "waiting" ? html`<a href=${toFile(file)}>${name(file.path)}</a>` : name(file.path)}${file.reason && html`<p class=soft>${words(file.reason)}</p>`}`],
  ["State", (file) => chip(file.state)],
  ["Requests", (file) => requests(file.outcomes, file.done, file.requests)],
  ["Failed", (file) => (file.failed > 0 ? html`<b>${number(file.failed)}</b>` : ""), "num"],
  ["Cost", (file) => (file.cost ? money(file.cost) : file.estimated_cost ? `~ ${money(file.estimated_cost)}` : ""), "num"],
  ["", (file) => fileActions(file, can)],
], none);

const filters = (digest) => html`<div class=row><${Search} label=path />${select("state", STATES)}${select("code", ["*", ...digest.map((one) => one.code)])}</div>`;
const asked = ({ state, code, path, after }) => ({ state, error_code: code, path, after });

export function Snapshot({ id, given, can }) {
  const look = useLook(api(["snapshots", id]));
  const files = useLook(api(["snapshots", id, "files"], asked(given)));
  const now = look.body && figures(look.body);
  return html`<div class="row top"><h1>Snapshot ${snapshotName(id)} ${now && chip(now.status)}</h1>${now && snapshotActions(now, can)}</div>
    ${told(look, ({ report, failure, outcomes, digest }) => html`
      ${failure && trouble({ message: failure })}${isGoing(now) && now.message && html`<p class=waits>${words(now.message)}</p>`}
      <p class=soft>${number(now.files_done)} of ${plural(now.files_total, "file")} ended${report && `: ${number(report.done)} done, ${number(report.rejected)} rejected, ${number(report.held)} held`}. ${more(now.ends)} ${now.updated_at && html`Last news ${time(now.updated_at)}`}</p>
      <${Questions} now=${{ ...now, outcomes }} toCode=${(one) => here({ code: one, state: "" })} more=${can && !isGoing(now) && digest.length > 0
        && button("Retry all", () => retrySnapshot(now, sum(outcomes) - (outcomes.ok ?? 0)))} />`)}
    <h2>Files</h2>${filters(now?.digest ?? [])}
    ${told(files, (page) => [
      filesTable(page.items, can, page.next && "None so far; there is more to look through."),
      pager(page, !(given.state || given.code || given.path) && now?.files_total),
    ])}`;
}

// --- all ---

const MOST = 10;
const MOST_RUNNING = 3;

function Part({ title, address, more, can, skip = [] }) {
  const look = useLook(address);
  const files = look.body?.items.filter((file) => !skip.includes(file.snapshot));
  return files?.length !== 0 && html`<div class="row top"><h2>${title}</h2>${look.body?.next && html`<a href=${more}>More</a>`}</div>${told(look, () => filesTable(files, can))}`;
}

function Page({ given, can }) {
  const look = useLook(api(["files"], asked(given)));
  return told(look, (page) => [filesTable(page.items, can), pager(page)]);
}

export function Files({ given, overview, can }) {
  const { running = [], digest = [] } = overview.body ?? {};
  const first = { ...asked(given), limit: MOST };
  return html`<h1>Files</h1>${filters(digest)}
    ${given.state ? html`<${Page} given=${given} can=${can} />` : html`
      ${running.slice(0, MOST_RUNNING).map((id) => html`<${Part} key=${id} title="Of snapshot ${snapshotName(id)}" address=${api(["snapshots", id, "files"], first)} more=${to(["snapshots", id], given)} can=${can} />`)}
      ${STATES.slice(1).map((state) => html`<${Part} key=${state} title=${state} address=${api(["files"], { ...first, state })} more=${here({ state })} can=${can} skip=${running} />`)}`}`;
}

// --- one file ---

const download = (file, output) =>
  lookAt(api(["files", file.key, "links", output], { snapshot: file.snapshot })).then((link) => location.assign(link.href), complain);

export const canRetry = (file, can) => can && file?.outputs.includes("retry");

const keys = (all) => all.length > 0 && all.map((key) => html`<a href=${to(["files", key])}>${code(key)}</a> `);

function facts(file) {
  const found = {
    Cost: file.cost !== null && money(file.cost),
    Estimated: file.estimated_cost !== null && money(file.estimated_cost),
    Tokens: file.input_tokens > 0 && `${number(file.input_tokens)} in, ${number(file.output_tokens)} out`,
    Snapshot: file.snapshot && html`<a href=${to(["snapshots", file.snapshot])}>${snapshotName(file.snapshot)}</a>`,
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
