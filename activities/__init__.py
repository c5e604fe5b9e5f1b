"""One step each: one module, one activity, one name. Every activity may run twice."""
