// What the service and the app itself say.
import { chip, code, fileLink, html, number, pager, requests, seen, select, table, time, told, visible, words } from "../parts.js";
import { noneTwice } from "./overview.js";

export const Batches = ({ given: { state, after } }) => html`<h1>Batches</h1>
  ${told(seen(["batches"], { state, after }), (page) => html`
    <p class=soft>As the service listed them ${time(page.looked_at)}: ${number(page.active)} active, of at most ${number(page.limit)}.</p>
    ${noneTwice(page)}
    <div class=row>${select("state", ["active", "ended", "stray"])}</div>
    ${table("Batches", page.items, [
      ["Batch", (one) => html`${code(one.batch_id)} ${one.stray && chip("stray")}`],
      ["State", (one) => chip(one.status)],
      ["File", (one) => one.file_key && html`${fileLink({ ...one, key: one.file_key })} <span class=soft>${visible(one.shard)}</span>`],
      ["Requests", ({ completed: ok, failed, total }) => requests({ outcomes: { ok, failed }, done: ok + failed, requests: total })],
      ["Made", (one) => time(one.created_at)],
    ])}${pager(page)}`)}`;

export const Doctor = () => html`<h1>Doctor</h1>
  ${told(seen(["doctor"]), (now) => html`
    <p class=soft>As the app saw it ${time(now.looked_at)}.</p>
    ${table("Findings", now.findings, [
      ["Check", (one) => code(one.check)],
      ["Verdict", (one) => chip(one.verdict)],
      ["Found", (one) => words(one.found)],
      ["What to do", (one) => html`${words(one.do)} ${code(one.page)}`],
    ])}`)}`;
