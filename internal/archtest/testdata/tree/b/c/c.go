package c

// X is imported.
const X = 1
