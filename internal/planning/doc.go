// Package planning is what a run does about planned changes beside the rows that it works on: it opens them once, and says what of them waits for
// somebody to decide.
package planning
