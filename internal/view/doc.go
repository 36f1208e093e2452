// Package view is what documents and screens share: a run, its steps, its summary, a night, and a row that waits with the commands that move it on.
// A field without a name in JSON is for people alone.
package view
