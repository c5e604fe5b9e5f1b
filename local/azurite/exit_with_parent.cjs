// Loaded before Azurite: its standard input is a pipe that nobody writes to and only its parent holds open.
// The pipe ends when the parent does, however it dies, and Azurite then closes as on SIGTERM.
"use strict";

const GRACE_MS = 5000;

process.stdin.on("end", () => {
  process.kill(process.pid, "SIGTERM");
  setTimeout(() => process.exit(1), GRACE_MS).unref();
});
process.stdin.resume();
process.stdin.unref?.(); // watching must not keep a closed Azurite alive
