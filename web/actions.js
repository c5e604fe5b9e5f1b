// What people can ask for, with a question before what costs or cannot be taken back.
import { html } from "./vendor/preact.js";
import { act, api, look } from "./api.js";
import { clock, duration, money, number, plural, size, sum } from "./format.js";
import { lookNow } from "./live.js";
import { ask, button, complain, notice } from "./parts.js";

const asked = {};
const stateOf = (thing) => thing.state ?? thing.status;

// `thing` is a file or a snapshot. What was asked for is shown until it is in another state.
async function want(thing, word, body) {
  const told = await act([thing.key ? "files" : "snapshots", thing.key ?? thing.id, word], body);
  const within = told.seen_within_seconds;
  const news = `${word} asked for; ${within ? `seen at the next look, within ${duration(within)}` : told.message ?? "seen by the next snapshot"}`;
  asked[thing.key ?? thing.id] = { news, at: Date.now(), state: stateOf(thing) };
  notice(news);
  lookNow();
  return told;
}

export function wanted(thing) {
  const note = asked[thing.key ?? thing.id];
  return note?.state === stateOf(thing) && html`<span class=asked>${clock(note.at)} ${note.news}</span>`;
}

function cancel(thing, title, yes, done, total, cost) {
  ask({
    title, yes, about: thing.path, isDangerous: true,
    lines: [
      `What is answered by then is kept, delivered and billed: ${total ? `${number(done)} of ${plural(total, "request")}` : "nothing"} so far${cost ? `, of about ${money(cost)} in all` : ""}.`,
      "All others end as cancelled, in the error file and the retry file. The service may take ten minutes.",
    ],
    go: () => want(thing, "cancel"),
  });
}

const cancelFile = ({ key }) => look(api(["files", key])).then((file) =>
  cancel(file, "Cancel this file?", "Cancel the file", file.done, file.requests, file.estimated_cost), complain);

export function cancelSnapshot(snapshot) {
  const now = snapshot.progress ?? {};
  const left = plural(now.files_total - now.files_done || 0, "file");
  cancel(snapshot, `Cancel the ${left} that have not ended?`, `Cancel ${left}`, now.requests_done, now.requests_total, now.estimated_cost);
}

function retry(thing, codes, rows, total) {
  const price = thing.cost ? `about ${money((thing.cost * rows) / total)}, as the others did` : "at a price that is not known";
  ask({
    title: `Send ${plural(rows, "request")} again?`, about: thing.path ?? codes[0], yes: `Retry ${number(rows)}`,
    lines: [`They go into the input as a new file and are paid anew, ${price}. What was answered is not sent again, nor what cannot be sent.`],
    go: async () => {
      // Of a snapshot a hundred files in a call.
      let next;
      do {
        ({ next } = await want(thing, "retry", next ? { codes, after: next } : { codes }));
      } while (next);
    },
  });
}

export const retryFile = (file, one) => retry(file, one ? [one.code] : [], one?.rows ?? file.failed, file.requests);
export const retrySnapshot = (snapshot, rows) => retry(snapshot, [], rows, sum(snapshot.outcomes));

const approve = (file) => ask({
  title: "Let this file go beyond its budget?", about: file.path, yes: "Approve it",
  lines: [file.reason, file.estimated_cost ? `It costs about ${money(file.estimated_cost)}.` : ""],
  go: () => want(file, "approve"),
});

const giveUp = (file) => ask({
  title: "Deliver it without the answers that cannot be read?", about: file.path, yes: "Give them up", isDangerous: true,
  lines: ["Their rows, though paid, end as missing, in the error file and the retry file."],
  go: () => want(file, "give-up"),
});

// What a file would take, line by line.
export const quoted = (found) => [
  `${found.verdict}${found.reason ? `: ${found.reason}` : ""}`,
  `${plural(found.requests, "request")} in ${plural(found.shards, "shard")}, ${number(found.invalid)} not to be sent. About ${number(found.input_tokens)} tokens in, ${number(found.output_tokens)} out, ${found.cost === null ? "no price is set" : money(found.cost)}.`,
  ...(found.read_bytes ? [`By its first ${size(found.read_bytes)}; the rest is taken to be like them.`] : []),
  ...found.mistakes.map((mistake) => `Line ${mistake.line}: ${mistake.message}`),
  ...found.prompts.map((prompt) => JSON.stringify(prompt, null, 1)),
];

const quote = (file) => act(["quote"], { path: file.path }).then((found) =>
  ask({ title: "What it would take; nothing was sent", about: file.path, lines: quoted(found) }), complain);

const FIRST = 100;

function putFolderFirst({ path }) {
  const folder = path.slice(0, path.lastIndexOf("/"));
  ask({
    title: "Have all files of this folder begin first?", about: folder, yes: "Put it first",
    lines: ["Also those that come later, until their priority is taken back."],
    go: () => atOnce(["folders", "priority"], { folder, priority: FIRST }),
  });
}

// `wish`: one of what people have asked for.
export const takeBack = (wish) => atOnce(wish.folder ? ["folders", "priority"] : ["files", wish.key, "priority"], wish.folder ? { folder: wish.folder, priority: 0 } : { priority: 0 }).catch(complain);

const atOnce = (parts, body) => act(parts, body).then((told) => {
  notice(told.message ?? "A snapshot takes what is in the input container now.");
  lookNow();
});

export const runNow = () => atOnce(["snapshots"]).catch(complain);
export const resumeIntake = () => atOnce(["intake", "resume"]).catch(complain);
export const pauseIntake = () => ask({
  title: "Pause the intake?", yes: "Pause the intake",
  lines: ["No new file is taken until you resume. What was taken goes on, and is paid."],
  go: () => atOnce(["intake", "pause"]),
});

const AT_REST = ["waiting", "done", "rejected", "gone"];

export function fileActions(file, can) {
  const is = (state) => can && file.key && file.state === state;
  const now = (word, body) => () => want(file, word, body).catch(complain);
  const offered = [
    ["Release", is("held"), now("release")],
    ["Approve", is("held") && file.reason.includes("MAX_"), () => approve(file)],
    ["Give up", is("held") && file.batches > 0, () => giveUp(file)],
    ["Quote", is("waiting") || is("held"), () => quote(file)],
    ["First", is("waiting"), now("priority", { priority: FIRST })],
    ["Prefer folder", is("waiting") && file.path.includes("/"), () => putFolderFirst(file)],
    ["Hold", is("waiting"), now("hold")],
    ["Cancel", is(file.state) && !AT_REST.includes(file.state), () => cancelFile(file)],
    [`Retry ${number(file.failed)}`, is("done") && file.outputs.includes("retry"), () => retryFile(file)],
  ];
  return html`<span class="row do">${offered.map(([text, isOffered, go]) => isOffered && button(text, go, file.path))}${wanted(file)}</span>`;
}
