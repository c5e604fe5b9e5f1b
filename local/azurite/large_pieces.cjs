// Loaded before Azurite: content goes from and to its files in pieces of a megabyte.
// It asks for no size, and with Node's own of 64 and 16 KiB each megabyte takes a hundred turns of its only thread.
"use strict";

const fs = require("node:fs");

const PIECE_BYTES = 1024 * 1024;

for (const name of ["createReadStream", "createWriteStream"]) {
  const create = fs[name];
  fs[name] = (path, options) =>
    create(path, typeof options === "object" ? { highWaterMark: PIECE_BYTES, ...options } : options);
}
