// One clock for all looks: every few seconds, but not while it is paused or no one sees the page.
import { useEffect, useReducer, useState } from "./vendor/preact.js";
import { look } from "./api.js";

const EVERY_SECONDS = 5;
const MOST_SECONDS = 60;

export const live = { isPaused: false };
const looks = new Set();
const watchers = new Set();
const tell = () => watchers.forEach((redraw) => redraw());
let timer;
let wait = EVERY_SECONDS;

async function ask(one) {
  try {
    await one();
    Object.assign(live, { lookedAt: new Date(), trouble: null });
    wait = EVERY_SECONDS;
  } catch (error) {
    // An app in trouble is not asked as often.
    live.trouble = error.status > 401 && error.status < 500 ? null : error;
    if (live.trouble) wait = Math.min(MOST_SECONDS, Math.max(wait * 1.3, error.wait ?? 0));
  }
  tell();
}

export const lookNow = () => Promise.all([...looks].map(ask));

async function round() {
  if (!live.isPaused && !document.hidden) await lookNow();
  clearTimeout(timer);
  timer = setTimeout(round, wait * 1000);
}

export function pause(isPaused) {
  live.isPaused = isPaused;
  tell();
  round();
}

document.addEventListener("visibilitychange", round);
addEventListener("hashchange", tell);
timer = setTimeout(round, wait * 1000);

// Draws a component anew when the clock, or the address of the page, has moved.
export function useLive() {
  const [, redraw] = useReducer((count) => count + 1, 0);
  useEffect(() => {
    watchers.add(redraw);
    return () => watchers.delete(redraw);
  }, []);
}

// {body, error} of an address, kept up to date.
export function useLook(address) {
  const [told, setTold] = useState({});
  useEffect(() => {
    const one = async () => {
      const news = await look(address).then((body) => ({ body }), (error) => ({ error }));
      if (looks.has(one)) setTold((old) => (old.body === news.body && old.error === news.error ? old : { body: old.body, ...news }));
      if (news.error) throw news.error;
    };
    looks.add(one);
    ask(one);
    return () => looks.delete(one);
  }, [address]);
  return told;
}
