// The files of one snapshot, and of all.
import { html } from "../vendor/preact.js";
import { fileActions, retrySnapshot } from "../actions.js";
import { api } from "../api.js";
import { money, number, plural, snapshotName, sum } from "../format.js";
import { useLook } from "../live.js";
import { Search, button, chip, here, name, pager, requests, select, table, time, to, toFile, told, trouble, words } from "../parts.js";
import { Questions, figures, isGoing, snapshotActions } from "./overview.js";

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
      <p class=soft>${number(now.files_done)} of ${plural(now.files_total, "file")} ended${report && `: ${number(report.done)} done, ${number(report.rejected)} rejected, ${number(report.held)} held`}. ${now.updated_at && html`Last news ${time(now.updated_at)}`}</p>
      <${Questions} now=${{ ...now, outcomes }} toCode=${(one) => here({ code: one, state: "" })} more=${can && !isGoing(now) && digest.length > 0
        && button("Retry all", () => retrySnapshot(now, sum(outcomes) - (outcomes.ok ?? 0)))} />`)}
    <h2>Files</h2>${filters(now?.digest ?? [])}
    ${told(files, (page) => [
      filesTable(page.items, can, page.next ? "None so far; there is more to look through." : "No file of this snapshot is like that."),
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
