// Everything on one screen.
import { html } from "../vendor/preact.js";
import { cancelSnapshot, fileActions, pauseIntake, resumeIntake, runNow, takeBack, wanted } from "../actions.js";
import { api } from "../api.js";
import { clock, money, number, plural, snapshotName, sum } from "../format.js";
import { useLook } from "../live.js";
import { Search, added, bar, button, chip, code, name, pager, requests, select, table, time, to, told, verdict, words } from "../parts.js";

export const digest = (codes, toCode, more = () => "") => html`<ul class=digest>${codes.map((one) => html`<li key=${one.code}>
  <a href=${toCode(one.code)}><b>${number(one.rows)}</b> ${code(one.code)}</a> ${one.files > 1 && html`<span class=soft>in ${number(one.files)} files</span>`} ${more(one)}
  <p class=soft>${words(one.advice || one.meaning)}</p></li>`)}</ul>`;

// `now`: an overview, or a snapshot and its progress in the same words.
export function Questions({ now, toCode, more }) {
  const { outcomes, requests_done: done = 0, requests_total: total = 0, isEnded, active_batches: active } = now;
  const delivered = sum(outcomes);
  const { ok = 0, missing = 0 } = outcomes;
  const { stray } = useLook(api(["batches"], { limit: 1 })).body ?? {};
  const facts = [
    now.cost_in_work > 0 && `${money(now.cost_in_work)} more on files in work`,
    now.estimated_cost > 0 && `${now.id ? "of" : "in work:"} about ${money(now.estimated_cost)}`,
    `${plural(now.batches, "batch", "batches")} done`,
    active > 0 && `${number(active)} active (${added(now.batches_by_status, ", ")})`,
    now.enqueued_tokens > 0 && `${number(now.enqueued_tokens)} tokens enqueued`,
  ];
  return html`<div class=questions>
    <section class=card><h2>Did every row come back?</h2>
      <p class=figure>${number(done)} <small>of ${number(total)}</small></p>${bar(outcomes, done, total)}
      <p class=soft>${added(outcomes, ", ")}${done > delivered && `; ${number(done - delivered)} answered, not delivered yet`}</p>
      ${total > 0 && verdict(!missing && (!isEnded || delivered === total),
        `${isEnded ? `${number(total)} went in, ${number(delivered)} came out` : `${number(total - done)} on the way`}, ${number(missing)} missing`)}</section>
    <section class=card><h2>Did I pay once?</h2>
      <p class=figure>${now.cost === null ? html`<small>No price is set</small>` : html`${money(now.cost)} <small>spent</small>`}</p>
      <p class=soft>${facts.filter(Boolean).join(" · ")}</p>
      ${stray >= 0 && verdict(!stray, stray ? html`<a href="#/batches?state=stray">${plural(stray, "batch", "batches")} of the service that no record knows</a>`
        : html`Each of the <a href="#/batches">service's batches</a> belongs to a shard: none was made twice`)}</section>
    <section class=card><h2>What about what failed?</h2>
      <p class=figure>${number(delivered - ok)} <small>failed</small></p>
      ${now.digest.length ? digest(now.digest.slice(0, 3), toCode) : verdict(true, "Nothing has failed")}
      ${now.digest.length > 3 && html`<a href=${toCode("*")}>${number(now.digest.length - 3)} more</a>`}${more}</section></div>`;
}

// --- what needs people ---

const MOST_NAMES = 5;

const item = (title, reason, more) => html`<li><div class="row top"><b>${title}</b> ${more}</div><p class=soft>${words(reason)}</p></li>`;

function groups(files = [], title) {
  const found = new Map();
  for (const file of files) found.set(file.reason, [...(found.get(file.reason) ?? []), file.file]);
  return [...found].map(([reason, paths]) => item(
    html`${title(paths.length)}: ${paths.slice(0, MOST_NAMES).map((path, at) => html`${at > 0 && ", "}${name(path)}`)}${paths.length > MOST_NAMES && ` and ${number(paths.length - MOST_NAMES)} more`}`,
    reason,
  ));
}

const needs = (overview, rest, can) => [
  rest.intake === "paused" && item("The intake is paused", "No new file is taken.", can && button("Resume", resumeIntake)),
  overview.snapshots_failed > 0 && item(html`<a href="#/snapshots">${plural(overview.snapshots_failed, "snapshot")} failed as a whole</a>`, "The sweep takes the files over."),
  ...overview.pauses.map((message) => item("Waits", message)),
  ...groups(rest.waiting, (count) => plural(count, "file waits", "files wait")),
  ...(rest.held ?? []).map((held) => item(html`<a href=${to(["files", held.key])}>${name(held.file)}</a> is held ${held.until && html`until ${time(held.until)}`}`, held.reason,
    fileActions({ ...held, path: held.file, state: "held" }, can))),
  ...(rest.asked ?? []).filter((one) => one.asked !== "priority" || one.priority).map((one) => item(html`Asked for: ${one.asked} ${name(one.file ?? one.folder ?? one.id)}`, `Since ${clock(one.since)}, seen at the next look.`,
    can && one.priority > 0 && button("Take back", () => takeBack(one), one.file ?? one.folder))),
  ...groups(rest.done, (count) => `${plural(count, "delivered file")} cannot be deleted from the input`),
  ...groups(rest.passed_over, (count) => `${plural(count, "file")} passed over`),
].filter(Boolean);

function Needs({ overview, can, most = 1000 }) {
  const rest = useLook("/api/files").body;
  const found = needs(overview, rest ?? {}, can);
  return html`<div class="row top"><h2>Needs you</h2>${found.length > most && html`<a href="#/attention">All ${found.length}</a>`}</div>
    ${found.length ? html`<ul class=needs>${found.slice(0, most)}</ul>` : html`<p class="card soft">${rest ? "✓ Nothing waits for you." : "Looking …"}</p>`}`;
}

export const Attention = ({ overview, can }) => html`<h1>Attention</h1>
  ${told(overview, (now) => html`<${Needs} overview=${now} can=${can} />`)}`;

// --- snapshots ---

export const isGoing = (snapshot) => /^(Running|Pending|ContinuedAsNew|Suspended)$/.test(snapshot.status);
const OUTCOMES = ["ok", "failed", "invalid", "invalid_output", "expired", "cancelled", "missing"];

// The figures of a snapshot in the words of an overview.
export function figures(snapshot) {
  const { report, progress } = snapshot;
  if (!report) return { outcomes: {}, files_total: 0, ...snapshot, ...progress };
  const outcomes = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, report.tally[outcome]]).filter(([, count]) => count));
  const total = sum(outcomes);
  return { outcomes, ...snapshot, files_total: report.files, files_done: report.files, requests_done: total, requests_total: total, isEnded: true };
}

export const snapshotActions = (snapshot, can) =>
  html`<span class="row do">${can && isGoing(snapshot) && button("Cancel", () => cancelSnapshot(snapshot), snapshotName(snapshot.id))}${wanted(snapshot)}</span>`;

const snapshotsTable = (snapshots, can) => table("Snapshots", snapshots.map(figures), [
  ["Taken", (one) => html`<a href=${to(["snapshots", one.id])}>${snapshotName(one.id)}</a>`],
  ["State", (one) => chip(one.status)],
  ["Files", (one) => `${number(one.files_done)} of ${number(one.files_total)}`, "num"],
  ["Requests", (one) => requests(one.outcomes, one.requests_done, one.requests_total)],
  ["", (one) => snapshotActions(one, can)],
], "No snapshot took files so far. Drop some into the input container.");

export function Snapshots({ given, can }) {
  const look = useLook(api(["snapshots"], { state: given.state, after: given.after }));
  return html`<h1>Snapshots</h1><div class=row>${select("state", ["running", "ended"])}</div>${told(look, (page) => [snapshotsTable(page.items, can), pager(page)])}`;
}

export function Overview({ overview, can }) {
  const snapshots = useLook(api(["snapshots"], { limit: 5 }));
  return html`<div class="row top"><h1>Overview</h1><div class=row><${Search} label="Find a file" />
      ${can && html`<button onClick=${pauseIntake}>Pause the intake</button><button class=main onClick=${runNow}>Run now</button>`}</div></div>
    ${told(overview, (now) => html`<p class=soft>Since ${time(now.since)}: ${number(now.files_done)} of ${plural(now.files_total, "file")} ended</p>
      <${Questions} now=${{ ...now, isEnded: !now.snapshots_running }} toCode=${(one) => to(["files"], { state: "done", code: one })} />
      <${Needs} overview=${now} can=${can} most=${4} />`)}
    <div class="row top"><h2>Latest snapshots</h2><a href="#/snapshots">All snapshots</a></div>${told(snapshots, (page) => snapshotsTable(page.items, can))}`;
}
