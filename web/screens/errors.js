// The failed rows of a file, by code.
import { html } from "../vendor/preact.js";
import { retryFile } from "../actions.js";
import { api } from "../api.js";
import { number, visible } from "../format.js";
import { useLook } from "../live.js";
import { button, code, name, pager, select, toFile, told, words } from "../parts.js";
import { canRetry } from "./files.js";

const raw = (title, value) => value !== null && html`<details><summary>${title}</summary><pre>${visible(typeof value === "string" ? value : JSON.stringify(value, null, 2))}</pre></details>`;

const failedRow = (row) => html`<li><p><b>${row.row === null ? `line ${row.line ?? "?"}` : `row ${row.row}`}</b> ${code(row.code)} <span class=soft>${code(row.custom_id)} ${row.outcome}${row.attempts > 1 && `, ${row.attempts} attempts`}</span></p>
  <p class=lines>${visible(row.message)}</p>${row.truncated && html`<p class=soft>Too long to show; the error file has all of it.</p>`}${raw("Request", row.request)}${raw("Answer", row.answer)}</li>`;

export function Errors({ id, given, can }) {
  const { snapshot, code: wanted, after } = given;
  const file = useLook(api(["files", id], { snapshot })).body;
  const look = useLook(api(["files", id, "errors"], { snapshot, error_code: wanted, after, limit: 50 }));
  const codes = look.body?.digest ?? [];
  const chosen = codes.find((one) => one.code === wanted);
  return html`<div class="row top"><p>${file && html`<a href=${toFile(file)}>${name(file.path)}</a>`}</p>
      ${canRetry(file, can) && button(`Retry ${number(chosen?.rows ?? file.failed)}`, () => retryFile(file, chosen))}</div>
    <div class=row>${select("code", codes.map((one) => one.code))} ${chosen && words(`${chosen.meaning} ${chosen.advice}`)}</div>
    ${told(look, (page) => [
      html`<ul class=errors>${page.items.map(failedRow)}</ul>`,
      pager(page, chosen ? chosen.rows : file?.failed),
    ])}`;
}
