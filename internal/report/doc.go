// Package report draws a run, or a night of runs, as one page of HTML that needs nothing but itself: no script, no
// font, no picture from elsewhere. It is pure: whoever knows the numbers passes them in.
package report
