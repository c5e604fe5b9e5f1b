// Loaded before Azurite: deletes what is found by its own index, and leaves the others as they are.
// Its database sorts every index of every blob anew after each deletion: a tenth of a second among 20,000 blobs.
"use strict";

const { createRequire } = require("node:module");

const { Collection } = createRequire(process.argv[1])("lokijs");

Collection.prototype.findAndRemove = function ({ name, ...others }) {
  const query = name === undefined ? others : { name, ...others }; // the first part of a query is looked up, the rest compared
  this.find(query).forEach((document) => this.remove(document));
};

const { count } = Collection.prototype;

Collection.prototype.count = function (query) {
  return query?.name === undefined ? count.call(this, query) : this.find({ name: query.name, ...query }).length;
};
