// What is on the page, looked at again every few seconds, but not while that is paused or no one sees it.
import { render } from "./vendor/lit-html.js";
import { addressOf, known, look } from "./api.js";

const EVERY_SECONDS = 5;
const MOST_SECONDS = 60;

// `page` draws, and asks by `seen` for what it needs to know.
export const live = { isPaused: false, page: null };
let looks = new Set(); // addresses
let timer;
let wait = EVERY_SECONDS;

// What is known of an address, {body, error}: kept up to date as long as it is on the page.
export function seen(parts, given) {
  const address = addressOf(parts, given);
  looks.add(address);
  return known(address) ?? {};
}

// `isPatient`: what is on the page stays there until what is new on it is known.
export function redraw(isPatient) {
  const before = looks;
  looks = new Set();
  const page = live.page();
  if (!isPatient || [...looks].every(known)) {
    render(page, document.body);
    document.querySelector("dialog:not([open])")?.showModal();
  }
  for (const address of looks) if (!before.has(address)) ask(address);
}

async function ask(address) {
  try {
    await look(address);
    Object.assign(live, { lookedAt: new Date(), trouble: null });
    wait = EVERY_SECONDS;
  } catch (error) {
    // An app in trouble is not asked as often.
    live.trouble = error.status > 401 && error.status < 500 ? null : error;
    if (live.trouble) wait = Math.min(MOST_SECONDS, Math.max(wait * 1.3, error.wait ?? 0));
  }
  redraw();
}

export const lookNow = () => Promise.all([...looks].map(ask));

async function round() {
  if (!live.isPaused && !document.hidden) await lookNow();
  clearTimeout(timer);
  timer = setTimeout(round, wait * 1000);
}

export function pause(isPaused) {
  live.isPaused = isPaused;
  redraw();
  round();
}

document.addEventListener("visibilitychange", round);
timer = setTimeout(round, wait * 1000);
