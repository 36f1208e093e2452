// Package suspicion finds out whether the database was set back, by a restored backup or a fail-over, and what must wait until no request of the
// history that was lost can arrive any more.
package suspicion
