// Ask the API: with the key, with ETags, and with problems as sentences.

const MOST_KEPT = 60;
const kept = new Map(); // address -> {etag, body} of its last answer, and the {error} since

export function withQuery(address, given = {}) {
  const told = new URLSearchParams(Object.entries(given).filter(([, value]) => (value ?? "") !== ""));
  return String(told) ? `${address}?${told}` : address;
}

export const addressOf = (parts, given) => withQuery(`/api/${parts.map(encodeURIComponent).join("/")}`, given);

// `wait`: seconds after which to ask again.
const refusal = (told, status, wait) => Object.assign(new Error(told.detail), { code: told.code, status, wait });

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

export const known = (address) => kept.get(address);

function keep(address, told) {
  kept.delete(address);
  kept.set(address, told);
  if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
}

export async function look(address) {
  const { etag, body } = known(address) ?? {};
  const answer = await call(address, { headers: etag ? { "If-None-Match": etag } : {} }).catch((error) => {
    keep(address, { etag, body, error });
    throw error;
  });
  keep(address, answer.status === 304 ? { etag, body } : { etag: answer.headers.get("ETag"), body: await answer.json() });
  return known(address).body;
}

export async function act(parts, body) {
  const headers = { "X-Requested-With": "aoai-batch-page", "Content-Type": "application/json" };
  return (await call(addressOf(parts), { method: "POST", headers, body: body && JSON.stringify(body) })).json();
}
