// Package report writes a run, or a night of runs, as one self-contained HTML page: no script, no font and no image. It is
// pure: the caller passes in everything that the page shows.
package report
