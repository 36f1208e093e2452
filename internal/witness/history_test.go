package witness_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/witness"
)

func TestSuspicion(t *testing.T) {
	const key, server = "sub_1_20260131-1", "0123456789abcdef"
	at9 := &witness.Mark{Run: 1, Attempt: 9, Key: key}
	for name, c := range map[string]struct {
		history witness.History
		want    string
	}{
		"the first start":                             {witness.History{Newest: 9, First: true}, ""},
		"a new shop on a new server":                  {witness.History{Server: server}, ""},
		"a server that was trusted":                   {witness.History{Newest: 9, Confirmed: true}, ""},
		"the row that the witness names":              {witness.History{Mark: at9, Key: key, Newest: 20, Confirmed: true}, ""},
		"a new server with what was confirmed last":   {witness.History{Mark: at9, Key: key, Newest: 9, Server: server}, ""},
		"a row that is missing":                       {witness.History{Mark: at9, Newest: 7, Confirmed: true}, "attempt 9 (" + key + "), which the database had confirmed to this host, is not there"},
		"a row that is missing, at the first start":   {witness.History{Mark: at9, First: true}, "attempt 9 (" + key + "), which the database had confirmed to this host, is not there"},
		"another row under its id":                    {witness.History{Mark: at9, Key: "sub_2_20260131-1", Newest: 12, Confirmed: true}, "attempt 9 (" + key + "), which the database had confirmed to this host, is not there"},
		"a new server and no witness":                 {witness.History{Newest: 9, Server: server}, "nobody has confirmed the database server 0123456789ab, and its tables have charges in them"},
		"a new server and a witness of an older time": {witness.History{Mark: at9, Key: key, Newest: 20, Server: server}, "nobody has confirmed the database server 0123456789ab, and its tables have charges in them"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, c.history.Suspicion()) })
	}
}
