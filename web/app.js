// The page: what the API tells, as text. Nothing that a file is called or contains becomes markup.
import { live, lookNow, pause, redraw, seen } from "./live.js";
import { chip, clock, html, notices, place, question, visible } from "./parts.js";
import { Errors, File, Files, Snapshot } from "./screens/files.js";
import { Attention, Overview, Snapshots } from "./screens/overview.js";
import { Batches, Doctor } from "./screens/service.js";
import { Upload } from "./screens/upload.js";

const SCREENS = { Overview, Attention, Upload, Snapshots, Files, Batches, Doctor };

function keyForm({ code }) {
  const go = (event) => {
    event.preventDefault();
    sessionStorage.setItem("key", event.target.elements[0].value.trim());
    lookNow();
  };
  return code === "sign_in" ? html`<h1>Sign in first</h1><a href=/ui>Sign in</a>`
    : html`<form class=card @submit=${go}><h1>Function key</h1><p>It stays in this tab until you close it, and goes to this app alone.</p>
      <label>Key <input type=password required autocomplete=off /></label> <button class=main>Open</button></form>`;
}

live.page = () => {
  const { parts: [room = "overview", id, more], given } = place();
  const { isPaused, lookedAt, trouble } = live;
  const overview = seen(["overview"]);
  const now = overview.body;
  const count = now ? now.files_held + now.files_waiting + now.pauses.length + now.snapshots_failed : 0;
  const title = Object.keys(SCREENS).find((name) => name.toLowerCase() === room);
  const screen = id ? { snapshots: Snapshot, files: more ? Errors : File }[room] : SCREENS[title];
  const marks = { Attention: count > 0 && html`<b class=count>${count}</b>`, Doctor: now?.doctor && chip(now.doctor.verdict) };
  document.title = `${count ? `(${count}) ` : ""}${title} – Batch pipeline`;
  return html`<header><div class="row inner"><a class=brand href="#/"><img src="/ui/icon.svg" alt="" width=24 height=24 />Batch pipeline</a>
      <nav aria-label=Screens>${Object.keys(SCREENS).map((name) => html`<a href="#/${name.toLowerCase()}" aria-current=${name === title && "page"}>${name} ${marks[name]}</a>`)}</nav>
      <div class=clock><i class=${trouble ? "bad" : isPaused ? "wait" : "ok"}></i>${trouble?.status === 0 ? "no answer since" : "looked"} ${lookedAt && clock(lookedAt)}
        <button class=small aria-pressed=${String(isPaused)} @click=${() => pause(!isPaused)}>Pause</button></div></div></header>
    <main>${trouble?.status === 401 ? keyForm(trouble) : screen ? screen({ id, given, overview, can: now?.actions }) : html`<h1>Nothing is here</h1>`}</main>
    <footer>${now && `Version ${visible(now.version)}${now.actions ? "" : ", read only"}`}</footer>${question()}${notices()}`;
};

let path;

function move() {
  const before = path;
  [path] = location.hash.split("?");
  redraw(path === before);
  if (path === before) return;
  // People who hear the page are led to the new screen.
  const title = document.querySelector("main h1");
  title.tabIndex = -1;
  title.focus();
  scrollTo(0, 0);
}

addEventListener("hashchange", move);
document.body.textContent = "";
move();
