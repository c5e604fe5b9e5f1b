// What people can ask for, with a question before what costs or cannot be taken back.
import { act, addressOf, look } from "./api.js";
import { lookNow } from "./live.js";
import { ask, button, complain, html, money, notice, number, plural, size, sum } from "./parts.js";

const asked = {};
const idOf = (thing) => thing.key ?? thing.id;
const stateOf = (thing) => thing.state ?? thing.status;

// `thing` is a file or a snapshot. What was asked for is shown until it is in another state.
async function want(thing, word, body) {
  const told = await act([thing.key ? "files" : "snapshots", idOf(thing), word], body);
  const news = `${word} asked for. ${told.message ?? "Seen by the next snapshot."}`;
  asked[idOf(thing)] = { news, state: stateOf(thing) };
  notice(news);
  lookNow();
  return told;
}

export function wanted(thing) {
  const note = asked[idOf(thing)];
  return note?.state === stateOf(thing) && html`<span class=asked>${note.news}</span>`;
}

// A question, whose yes is a wish.
const askFor = (word, thing, title, yes, lines, isDangerous) => ask({ title, yes, lines, isDangerous, about: thing.path, go: () => want(thing, word) });

const cancel = (thing, title, yes, done, total, cost) => askFor("cancel", thing, title, yes, [
  `What is answered by then is kept, delivered and billed: ${total ? `${number(done)} of ${plural(total, "request")}` : "nothing"} so far${cost ? `, of about ${money(cost)} in all` : ""}.`,
  "All others end as cancelled, in the error file and the retry file. The service may take ten minutes.",
], true);

const cancelFile = ({ key }) => look(addressOf(["files", key])).then((file) =>
  cancel(file, "Cancel this file?", "Cancel the file", file.done, file.requests, file.estimated_cost), complain);

export function cancelSnapshot(snapshot) {
  const now = snapshot.progress ?? {};
  const left = plural(now.files_total - now.files_done || 0, "file");
  cancel(snapshot, `Cancel the ${left} that have not ended?`, `Cancel ${left}`, now.requests_done, now.requests_total, now.estimated_cost);
}

function retry(thing, codes, rows, total) {
  const cost = thing.cost || thing.estimated_cost;
  const price = cost ? `about ${money((cost * rows) / total)}` : "at a price that is not known";
  ask({
    title: `Send ${plural(rows, "request")} again?`, about: thing.path ?? codes[0], yes: `Retry ${number(rows)}`,
    lines: [`They go into the input as a new file and are paid anew, ${price}. What was answered is not sent again, nor what cannot be sent.`],
    go: async () => {
      // A hundred files in a call.
      let next;
      do {
        ({ next } = await want(thing, "retry", next ? { codes, after: next } : { codes }));
      } while (next);
    },
  });
}

export const canRetry = (file, can) => can && file?.outputs.includes("retry");
export const retryFile = (file, one) => retry(file, one ? [one.code] : [], one?.rows ?? file.failed, file.requests);
export const retrySnapshot = (snapshot) => retry(snapshot, [], sum({ ...snapshot.outcomes, ok: 0 }), sum(snapshot.outcomes));

const approve = (file) => askFor("approve", file, "Let this file go beyond its budget?", "Approve it",
  [file.reason, file.estimated_cost ? `It costs about ${money(file.estimated_cost)}.` : ""]);

const giveUp = (file) => askFor("give-up", file, "Deliver it without the answers that cannot be read?", "Give them up",
  ["Their rows, though paid, end as missing, in the error file and the retry file."], true);

// What a file would take, line by line.
export const quoted = (found) => [
  `${found.verdict}${found.reason ? `: ${found.reason}` : ""}`,
  `${plural(found.requests, "request")} in ${plural(found.shards, "shard")}, ${number(found.invalid)} not to be sent. About ${number(found.input_tokens)} tokens in, ${number(found.output_tokens)} out, ${found.cost === null ? "no price is set" : money(found.cost)}.`,
  ...(found.read_bytes ? [`By its first ${size(found.read_bytes)}; the rest is taken to be like them.`] : []),
  ...found.mistakes.map((mistake) => `Line ${mistake.line}: ${mistake.message}`),
  ...found.prompts.map((prompt) => JSON.stringify(prompt, null, 1)),
];

const quote = ({ path }) => act(["quote"], { path }).then((found) =>
  ask({ title: "What it would take; nothing was sent", about: path, lines: quoted(found) }), complain);

const atOnce = (parts, body) => act(parts, body).then((told) => {
  notice(told.message ?? "A snapshot takes what is in the input container now.");
  lookNow();
});

const FIRST = { priority: 100 };
const LAST = { priority: 0 };
const preferFolder = (folder, priority) => atOnce(["folders", "priority"], { folder, ...priority });

function putFolderFirst({ path }) {
  const folder = path.slice(0, path.lastIndexOf("/"));
  ask({
    title: "Have all files of this folder begin first?", about: folder, yes: "Put it first",
    lines: ["Also those that come later, until their priority is taken back."],
    go: () => preferFolder(folder, FIRST),
  });
}

export const takeBack = ({ folder, key }) => (folder ? preferFolder(folder, LAST) : atOnce(["files", key, "priority"], LAST)).catch(complain);

export const runNow = () => atOnce(["snapshots"]).catch(complain);
export const resumeIntake = () => atOnce(["intake", "resume"]).catch(complain);
export const pauseIntake = () => ask({
  title: "Pause the intake?", yes: "Pause the intake",
  lines: ["No new file is taken until you resume. What was taken goes on, and is paid."],
  go: () => atOnce(["intake", "pause"]),
});

export function fileActions(file, can) {
  const is = (...states) => can && file.key && states.includes(file.state);
  const now = (word, body) => () => want(file, word, body).catch(complain);
  const offered = [
    ["Release", is("held"), now("release")],
    ["Approve", is("held") && file.reason.includes("MAX_"), () => approve(file)],
    ["Give up", is("held") && file.batches > 0, () => giveUp(file)],
    ["Quote", is("waiting", "held"), () => quote(file)],
    ["First", is("waiting"), now("priority", FIRST)],
    ["Prefer folder", is("waiting") && file.path.includes("/"), () => putFolderFirst(file)],
    ["Hold", is("waiting"), now("hold")],
    ["Cancel", can && file.key && !["waiting", "done", "rejected", "gone"].includes(file.state), () => cancelFile(file)],
    [`Retry ${number(file.failed)}`, is("done") && canRetry(file, can), () => retryFile(file)],
  ];
  return html`<span class=do>${offered.map(([text, isOffered, go]) => isOffered && button(text, go, file.path))}${wanted(file)}</span>`;
}
