// What the service and the app itself say: its batches beside our records, and what may be wrong.
import { html } from "../vendor/preact.js";
import { api } from "../api.js";
import { number, visible } from "../format.js";
import { useLook } from "../live.js";
import { chip, code, name, pager, requests, select, table, time, to, told, verdict, words } from "../parts.js";

export function Batches({ given }) {
  const look = useLook(api(["batches"], { state: given.state, after: given.after }));
  return told(look, (page) => html`<p class=soft>As the service listed them ${time(page.looked_at)}: ${number(page.active)} active, of at most ${number(page.limit)}.</p>
    ${verdict(!page.stray, page.stray ? `${number(page.stray)} known to no record: of another app, or older than the records` : "Each belongs to a shard")}
    <div class=row>${select("state", ["active", "ended", "stray"])}</div>
    ${table("Batches", page.items, [
      ["Batch", (one) => html`${code(one.batch_id)} ${one.stray && chip("stray")}`],
      ["State", (one) => chip(one.status)],
      ["File", (one) => one.file_key && html`<a href=${to(["files", one.file_key], { snapshot: one.snapshot })}>${name(one.path ?? one.file_key)}</a> <span class=soft>${visible(one.shard)}</span>`],
      ["Requests", (one) => requests({ ok: one.completed, failed: one.failed }, one.completed + one.failed, one.total)],
      ["Made", (one) => time(one.created_at)],
    ])}${pager(page)}`);
}

// The worst first.
const rank = ({ verdict }) => ({ fail: 0, warn: 1 })[verdict] ?? 2;

export function Doctor() {
  const look = useLook("/api/doctor");
  return told(look, (now) => html`<p class=soft>What may keep the app from its work, as it saw it itself ${time(now.looked_at)}. Nothing was changed.</p>
    ${table("Findings", [...now.findings].sort((one, other) => rank(one) - rank(other)), [
      ["Check", (one) => code(one.check), "id"],
      ["Verdict", (one) => chip(one.verdict)],
      ["Found", (one) => words(one.found)],
      ["What to do", (one) => html`${words(one.do)} ${code(one.page)}`],
    ])}`);
}
