// Everything on one screen.
import { cancelSnapshot, fileActions, pauseIntake, resumeIntake, runNow, takeBack, wanted } from "../actions.js";
import { added, bar, button, chip, clock, code, figure, fileLink, html, link, money, name, number, oneLine, pager, plural, reason, requests, search, seen, select, snapshotLink, snapshotName, sum, table, time, to, told, verdict } from "../parts.js";

export const digest = (codes, toCode, more = () => "") => html`<ul class=digest>${codes.map((one) => html`<li>
  <a href=${toCode(one.code)}><b>${number(one.rows)}</b> ${code(one.code)}</a> ${one.files > 1 && html`<span class=soft>in ${number(one.files)} files</span>`} ${more(one)}
  ${reason(one.advice || one.meaning)}</li>`)}</ul>`;

export const noneTwice = (batches) => batches && verdict(!batches.stray, batches.stray
  ? html`<a href="#/batches?state=stray">${plural(batches.stray, "batch", "batches")} of the service that no record knows</a>: of another app, or older than the records`
  : html`Each of the <a href="#/batches">service's batches</a> belongs to a shard: none was made twice`);

const card = (title, count, of, rest) => html`<section class=card><h2>${title}</h2>${figure(count, of)}${rest}</section>`;

// `now`: an overview, or a snapshot and its progress in the same words.
export function questions(now, toCode, more) {
  const { outcomes, requests_done: done = 0, requests_total: total = 0, isEnded, active_batches: active } = now;
  const delivered = sum(outcomes);
  const { ok = 0, missing = 0 } = outcomes;
  const facts = [
    now.cost_in_work > 0 && `${money(now.cost_in_work)} more on files in work`,
    now.estimated_cost > 0 && `${now.id ? "of" : "in work:"} about ${money(now.estimated_cost)}`,
    `${plural(now.batches, "batch", "batches")} done`,
    active > 0 && `${number(active)} active (${added(now.batches_by_status)})`,
    now.enqueued_tokens > 0 && `${number(now.enqueued_tokens)} tokens enqueued`,
  ];
  return html`<div class=questions>
    ${card("Did every row come back?", number(done), `of ${number(total)}`, html`${bar(outcomes, done, total)}
      <p class=soft>${added(outcomes)}${done > delivered && `; ${number(done - delivered)} answered, not delivered yet`}</p>
      ${total > 0 && verdict(!missing && (!isEnded || delivered === total),
        `${isEnded ? `${number(total)} went in, ${number(delivered)} came out` : `${number(total - done)} on the way`}, ${number(missing)} missing`)}`)}
    ${card("Did I pay once?", money(now.cost), now.cost === null ? "No price is set" : "spent", html`<p class=soft>${facts.filter(Boolean).join(" · ")}</p>
      ${noneTwice(seen(["batches"], { limit: 1 }).body)}`)}
    ${card("What about what failed?", number(delivered - ok), "failed", html`
      ${now.digest.length ? digest(now.digest.slice(0, 3), toCode) : verdict(true, "Nothing has failed")}
      ${now.digest.length > 3 && html`<a href=${toCode("*")}>${number(now.digest.length - 3)} more</a>`}${more}`)}</div>`;
}

const MOST_NAMES = 5;

const item = (title, why, more) => html`<li><div class=top><b>${title}</b> ${more}</div>${reason(why)}</li>`;

function groups(files, title) {
  const found = new Map();
  for (const file of files) found.set(file.reason, [...(found.get(file.reason) ?? []), file.file]);
  return [...found].map(([why, paths]) => item(
    html`${title(paths.length)}: ${oneLine(paths.slice(0, MOST_NAMES).join(", "))}${paths.length > MOST_NAMES && ` and ${number(paths.length - MOST_NAMES)} more`}`, why));
}

const needs = (overview, { intake, waiting, held, asked, done, passed_over: passed }, can) => [
  intake === "paused" && item("The intake is paused", "No new file is taken.", can && button("Resume", resumeIntake)),
  overview.snapshots_failed > 0 && item(link(`${plural(overview.snapshots_failed, "snapshot")} failed as a whole`, ["snapshots"]), "The sweep takes the files over."),
  overview.pauses.map((message) => item("Waits", message)),
  groups(waiting, (count) => plural(count, "file waits", "files wait")),
  held.map((one) => ({ ...one, path: one.file, state: "held" }))
    .map((one) => item(html`${fileLink(one)} is held ${one.until && html`until ${time(one.until)}`}`, one.reason, fileActions(one, can))),
  asked.filter((one) => one.asked !== "priority" || one.priority).map((one) => item(html`Asked for: ${one.asked} ${name(one.file ?? one.folder ?? one.id)}`, `Since ${clock(one.since)}, seen at the next look.`,
    can && one.priority > 0 && button("Take back", () => takeBack(one), one.file ?? one.folder))),
  groups(done, (count) => `${plural(count, "delivered file")} cannot be deleted from the input`),
  groups(passed, (count) => `${plural(count, "file")} passed over`),
].flat().filter(Boolean);

const attention = (overview, can, most) => told(seen(["files"]), (rest) => {
  const found = needs(overview, rest, can);
  return html`<div class=top><h2>Needs you</h2>${found.length > most && link(`All ${found.length}`, ["attention"])}</div>
    ${found.length ? html`<ul class=needs>${found.slice(0, most)}</ul>` : html`<p class="card soft">✓ Nothing waits for you.</p>`}`;
});

export const Attention = ({ overview, can }) => html`<h1>Attention</h1>${told(overview, (now) => attention(now, can))}`;

export const isGoing = ({ status }) => /^(Running|Pending|ContinuedAsNew|Suspended)$/.test(status);

export const figures = (one) => (one.report ? { ...one.progress, ...one, isEnded: true } : { ...one, ...one.progress });

export const snapshotActions = (snapshot, can) =>
  html`<span class=do>${can && isGoing(snapshot) && button("Cancel", () => cancelSnapshot(snapshot), snapshotName(snapshot.id))}${wanted(snapshot)}</span>`;

const snapshotsTable = (snapshots, can) => table("Snapshots", snapshots.map(figures), [
  ["Taken", (one) => snapshotLink(one.id)],
  ["State", (one) => chip(one.status)],
  ["Files", (one) => `${number(one.files_done)} of ${number(one.files_total)}`, "num"],
  ["Requests", (one) => requests({ outcomes: one.outcomes, done: one.requests_done, requests: one.requests_total })],
  ["", (one) => snapshotActions(one, can)],
], "No snapshot took files so far.");

export const Snapshots = ({ given: { state, after }, can }) => html`<h1>Snapshots</h1><div class=row>${select("state", ["running", "ended"])}</div>
  ${told(seen(["snapshots"], { state, after }), (page) => [snapshotsTable(page.items, can), pager(page)])}`;

export const Overview = ({ overview, can }) => html`<div class=top><h1>Overview</h1><div class=row>${search("Find a file", (given) => to(["files"], given))}
    ${can && html`<button @click=${pauseIntake}>Pause the intake</button><button class=main @click=${runNow}>Run now</button>`}</div></div>
  ${told(overview, (now) => html`<p class=soft>Since ${time(now.since)}: ${number(now.files_done)} of ${plural(now.files_total, "file")} ended</p>
    ${questions({ ...now, isEnded: !now.snapshots_running }, (one) => to(["files"], { state: "done", code: one }))}
    ${attention(now, can, 4)}`)}
  <div class=top><h2>Latest snapshots</h2>${link("All snapshots", ["snapshots"])}</div>${told(seen(["snapshots"], { limit: 5 }), (page) => snapshotsTable(page.items, can))}`;
