package witness

import "fmt"

// History is what a database shows beside what is known of it.
type History struct {
	Mark *Mark // nil: this host has none
	// Key is the idempotency key of the attempt that Mark names; empty: it is not there.
	Key    string
	Newest uint64 // the newest attempt; 0: there is none
	// Server names the database server. Confirmed: it was trusted before. First: no server of this schema is known yet.
	Server    string
	Confirmed bool
	First     bool
}

// Suspicion is why the database may have been restored from a backup, or lost commits; empty if nothing says so.
//
// The mark of this host vouches for a server that nobody has confirmed only if it is the newest attempt of all: an older
// one is in every backup that was made since.
func (h History) Suspicion() string {
	switch {
	case h.Mark != nil && h.Key != h.Mark.Key:
		return fmt.Sprintf("attempt %d (%s), which the database had confirmed to this host, is not there", h.Mark.Attempt, h.Mark.Key)
	case h.Newest == 0 || h.Confirmed || h.First:
	case h.Mark == nil || h.Mark.Attempt != h.Newest:
		return fmt.Sprintf("nobody has confirmed the database server %.12s, and its tables have charges in them", h.Server)
	}
	return ""
}
