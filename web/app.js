// The page: what the API tells, as text. Nothing that a file is called or contains becomes markup.
import { html, render, useEffect, useRef, useState } from "./vendor/preact.js";
import { clock, visible } from "./format.js";
import { live, lookNow, pause, useLive, useLook } from "./live.js";
import { Asking, Notices, chip, place } from "./parts.js";
import { File, Files, Snapshot } from "./screens/files.js";
import { Attention, Overview, Snapshots } from "./screens/overview.js";

// Screens that most visits do not need come when they are opened.
const later = (title, name, load) => (given) => {
  const [module, setModule] = useState({});
  useEffect(() => {
    load().then(setModule);
  }, []);
  return html`<h1>${title}</h1>${module[name] && html`<${module[name]} ...${given} />`}`;
};
const Upload = later("Upload", "Upload", () => import("./screens/upload.js"));
const Errors = later("Failed rows", "Errors", () => import("./screens/errors.js"));
const [Batches, Doctor] = ["Batches", "Doctor"].map((name) => later(name, name, () => import("./screens/service.js")));

const ROOMS = { Overview, Attention, Upload, Snapshots, Files, Batches, Doctor };

function KeyForm({ trouble }) {
  const go = (event) => {
    event.preventDefault();
    sessionStorage.setItem("key", event.target.elements[0].value.trim());
    lookNow();
  };
  return trouble.code === "sign_in" ? html`<h1>Sign in first</h1><a href=/ui>Sign in</a>`
    : html`<form class="card key" onSubmit=${go}><h1>Function key</h1><p>It stays in this tab until you close it, and goes to this app alone.</p>
      <label>Key <input type=password required autocomplete=off /></label> <button class=main>Open</button></form>`;
}

function Page() {
  useLive();
  const { parts, given } = place();
  const { isPaused, lookedAt, trouble } = live;
  const overview = useLook("/api/overview");
  const main = useRef();
  const [room = "overview", id, more] = parts;
  const title = Object.keys(ROOMS).find((name) => name.toLowerCase() === room);
  const now = overview.body;
  const count = now ? now.files_held + now.files_waiting + now.pauses.length + now.snapshots_failed : 0;
  useEffect(() => {
    document.title = `${count ? `(${count}) ` : ""}${title} – Batch pipeline`;
  }, [title, count]);
  // People who hear the page are led to the new screen.
  useEffect(() => {
    const title = main.current.querySelector("h1");
    title.tabIndex = -1;
    title.focus();
    scrollTo(0, 0);
  }, [location.hash.split("?")[0]]);
  const Screen = id ? { snapshots: Snapshot, files: more ? Errors : File }[room] : ROOMS[title];
  return html`<header><div class="row inner"><a class="row brand" href="#/"><img src="/ui/icon.svg" alt="" width=24 height=24 />Batch pipeline</a>
      <nav aria-label="Screens">${Object.keys(ROOMS).map((name) => html`<a href="#/${name.toLowerCase()}" aria-current=${name === title ? "page" : undefined}>${name}${name === "Attention" && count > 0 && html` <b class=count>${count}</b>`}${name === "Doctor" && now?.doctor && html` ${chip(now.doctor.verdict)}`}</a>`)}</nav>
      <div class="row clock"><i class=${trouble ? "bad" : isPaused ? "wait" : "ok"}></i>${trouble?.status === 0 ? "no answer since" : "looked"} ${lookedAt && clock(lookedAt)}
        <button class=small aria-pressed=${isPaused} onClick=${() => pause(!isPaused)}>Pause</button></div></div></header>
    <main ref=${main}>${trouble?.status === 401 ? html`<${KeyForm} trouble=${trouble} />`
      : Screen ? html`<${Screen} key=${parts.join("/")} id=${id} given=${given} overview=${overview} can=${now?.actions} />` : html`<h1>Nothing is here</h1>`}</main>
    <footer>${now && `Version ${visible(now.version)}${now.actions ? "" : ", read only"}`}</footer><${Asking} /><${Notices} />`;
}

const root = document.body;
root.textContent = "";
render(html`<${Page} />`, root);
