package witness_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/witness"
)

func TestSuspicion(t *testing.T) {
	const key, server = "sub_1_20260131-1", "0123456789abcdef"
	const missing = "attempt 9 (" + key + "), which the database had confirmed to this host, is not there"
	const unconfirmed = "nobody has confirmed the database server 0123456789ab, and its tables have charges in them"
	at9 := &witness.Mark{Run: 1, Attempt: 9, Key: key}
	marked, lost := witness.Kept{Mark: at9}, witness.Kept{Mark: &witness.Mark{Run: 2, Attempt: 3, Key: key}, Lost: at9}
	shown := map[uint64]string{3: key, 9: key}
	for name, c := range map[string]struct {
		history witness.History
		want    string
	}{
		"the first start":                             {witness.History{Newest: 9, First: true}, ""},
		"a new shop on a new server":                  {witness.History{Server: server}, ""},
		"a server that was trusted":                   {witness.History{Newest: 9, Confirmed: true}, ""},
		"the row that the witness names":              {witness.History{Kept: marked, Keys: shown, Newest: 20, Confirmed: true}, ""},
		"a new server with what was confirmed last":   {witness.History{Kept: marked, Keys: shown, Newest: 9, Server: server}, ""},
		"a new server, and another host that charged": {witness.History{Kept: marked, Keys: shown, Newest: 9, Server: server, Shared: true}, unconfirmed},
		"a row that is missing":                       {witness.History{Kept: marked, Newest: 7, Confirmed: true}, missing},
		"a row that is missing, at the first start":   {witness.History{Kept: marked, First: true}, missing},
		"another row under its id":                    {witness.History{Kept: marked, Keys: map[uint64]string{9: "sub_2_20260131-1"}, Newest: 12, Confirmed: true}, missing},
		"a row that was lost before":                  {witness.History{Kept: lost, Keys: map[uint64]string{3: key}, Newest: 3, Confirmed: true}, missing},
		"a row that was lost before and is back":      {witness.History{Kept: lost, Keys: shown, Newest: 9, Confirmed: true}, ""},
		"what another host has noted":                 {witness.History{Kept: marked, Keys: shown, Newest: 9, Confirmed: true, Noted: "why"}, "why"},
		"a new server and no witness":                 {witness.History{Newest: 9, Server: server}, unconfirmed},
		"a new server and a witness of an older time": {witness.History{Kept: marked, Keys: shown, Newest: 20, Server: server}, unconfirmed},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, c.history.Suspicion()) })
	}
}

// A suspicion counts from when it was first noted, by whichever host; another loss is another suspicion.
func TestSince(t *testing.T) {
	const key = "sub_1_20260131-1"
	noted := time.Date(2026, time.January, 31, 3, 0, 0, 0, time.UTC)
	at := func(at time.Time) witness.Kept {
		return witness.Kept{Mark: &witness.Mark{Attempt: 9, Key: key, At: at}}
	}
	for name, c := range map[string]struct {
		history witness.History
		want    time.Time
		new     bool
	}{
		"noted nowhere": {witness.History{Kept: at(noted)}, time.Time{}, true},
		"noted by another host before this one looked":  {witness.History{Kept: at(noted), Suspected: noted}, noted, true},
		"a mark from after what was noted: lost anew":   {witness.History{Kept: at(noted.Add(1)), Suspected: noted}, time.Time{}, true},
		"a mark from after what was noted, that stands": {witness.History{Kept: at(noted.Add(1)), Keys: map[uint64]string{9: key}, Suspected: noted}, noted, false},
		"a mark without a time":                         {witness.History{Kept: at(time.Time{}), Suspected: noted}, noted, true},
		"lost before, and noted on this server":         {witness.History{Kept: witness.Kept{Lost: at(noted).Mark}, Suspected: noted}, noted, false},
		"lost before, and the note is lost too":         {witness.History{Kept: witness.Kept{Lost: at(noted).Mark}}, time.Time{}, false},
	} {
		require.Equal(t, c.want, c.history.Since(), name)
		require.Equal(t, c.new, c.history.NewlyLost() != nil, name)
	}
}

func TestQuietFrom(t *testing.T) {
	since := time.Date(2026, time.January, 31, 3, 0, 0, 0, time.UTC)
	require.Equal(t, since.Add(time.Minute+2*time.Minute+time.Hour), witness.QuietFrom(since, time.Minute, 2*time.Minute, time.Hour))
}
