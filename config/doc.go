// Package config reads what an operator has set: defaults, then a YAML file, then DULY_… variables of the
// environment, then flags; the later wins. Every mistake in any of them is reported at once, in one line
// that says what is right, and no secret ever appears in such a line, in a log or in a printed Config.
//
// Keys is the one table of all keys: what may be set, its default, and why one would.
package config
