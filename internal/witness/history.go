package witness

import (
	"fmt"
	"time"
)

// History is what a database shows beside what is known of it.
type History struct {
	Kept Kept

	Keys   map[uint64]string // idempotency keys of the attempts that the marks name, of those that are there
	Newest uint64            // the newest attempt; 0: there is none
	// Server names the database server. Confirmed: it was trusted before. First: no server of this schema is known yet.
	Server    string
	Confirmed bool
	First     bool
	// Shared: a run of another host was alive when the mark was confirmed, or later.
	Shared bool
	// Suspected is when the history was last suspected on this server, by any host; zero: never. Noted is why, unless
	// somebody has confirmed it since.
	Suspected time.Time
	Noted     string
}

// missing reports whether the database does not show a mark; nil is none.
func (h History) missing(m *Mark) bool { return m != nil && h.Keys[m.Attempt] != m.Key }

// Suspicion is why the database may have been restored from a backup, or lost commits; empty if nothing says so.
//
// The mark of this host vouches for a server that nobody has confirmed only if it is the newest attempt of all: an older
// one is in every backup that was made since. Nor does it vouch for what another host was told of after it.
func (h History) Suspicion() string {
	for _, m := range []*Mark{h.Kept.Mark, h.Kept.Lost} {
		if h.missing(m) {
			return fmt.Sprintf("attempt %d (%s), which the database had confirmed to this host, is not there", m.Attempt, m.Key)
		}
	}
	switch {
	case h.Noted != "":
		return h.Noted
	case h.Newest == 0 || h.Confirmed || h.First:
	case h.Kept.Mark == nil || h.Kept.Mark.Attempt != h.Newest || h.Shared:
		return fmt.Sprintf("nobody has confirmed the database server %.12s, and its tables have charges in them", h.Server)
	}
	return ""
}

// NewlyLost is the mark that tells of a loss for the first time on this host; nil: none does.
func (h History) NewlyLost() *Mark {
	if h.missing(h.Kept.Mark) {
		return h.Kept.Mark
	}
	return nil
}

// Since is when what is suspected was first noted; zero: it is noted nowhere yet.
//
// What is stored with the server came there by a commit after every commit that was confirmed before: a mark that is missing
// and older was lost before it, a newer one after it, by another loss.
func (h History) Since() time.Time {
	if h.missing(h.Kept.Mark) && h.Kept.Mark.At.After(h.Suspected) {
		return time.Time{}
	}
	return h.Suspected
}

// QuietFrom is the instant from which no request of a history that was lost by since can take effect any more, or be missing
// from a gateway's list. A worker of that history sends for as long as its lease lasts, which is renewed on the server that gave
// it alone.
func QuietFrom(since time.Time, lease, longest, lag time.Duration) time.Time {
	return since.Add(lease + longest + lag)
}
