// The page: what the API tells, as text. Nothing that a file is called or contains becomes markup.
import { html, render } from "/ui/vendor/preact.js";

const place = document.getElementById("app");

async function show() {
  const answer = await fetch("/api/overview");
  const told = await answer.json();
  const page = answer.ok
    ? html`<p>${told.requests_done} of ${told.requests_total} requests done, ${told.requests_failed} failed.
        ${told.files_waiting} files wait, ${told.files_held} are held.</p>`
    : html`<p>${told.detail}</p>`;
  render(page, place);
}

show();
