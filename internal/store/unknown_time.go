package store

// UnknownTime stands for an instant that a shop's view does not have.
const UnknownTime = `TIMESTAMP'1970-01-01 00:00:00'`
