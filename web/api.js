// Ask the API: with the key, with ETags, and with problems as sentences.

const MOST_KEPT = 60;
const kept = new Map(); // address -> {etag, body}


// `wait`: seconds after which to ask again.
const refusal = (told, status, wait) => Object.assign(new Error(told.detail), { code: told.code, status, wait });

export function withQuery(address, given = {}) {
  const told = new URLSearchParams(Object.entries(given).filter(([, value]) => (value ?? "") !== ""));
  return String(told) ? `${address}?${told}` : address;
}

export const api = (parts, given) => withQuery(`/api/${parts.map(encodeURIComponent).join("/")}`, given);

async function call(address, options) {
  const key = sessionStorage.getItem("key");
  if (key) options.headers["x-functions-key"] = key;
  const answer = await fetch(address, { ...options, redirect: "error" }).catch(() => {
    throw refusal({ detail: "The app does not answer." }, 0);
  });
  if (answer.ok || answer.status === 304) return answer;
  const told = await answer.json().catch(() => ({ detail: `The app answered ${answer.status}.` }));
  throw refusal(told, answer.status, Number(answer.headers.get("Retry-After")));
}

// The same object comes back as long as nothing has changed.
export async function look(address) {
  const known = kept.get(address);
  const answer = await call(address, { headers: known ? { "If-None-Match": known.etag } : {} });
  if (answer.status === 304) return known.body;
  const body = await answer.json();
  kept.delete(address);
  kept.set(address, { etag: answer.headers.get("ETag"), body });
  if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
  return body;
}

export async function act(parts, body) {
  const headers = { "X-Requested-With": "aoai-batch-page", "Content-Type": "application/json" };
  return (await call(api(parts), { method: "POST", headers, body: body && JSON.stringify(body) })).json();
}
