package jobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway/httpapi"
	"duly/internal/gateway/simulator"
)

// story is what becomes of one refund, run after run.
type story struct {
	name     string
	client   func(*httpapi.Config)
	visits   []visit
	given    string // what the gateway has refunded in the end, and in how many refunds
	requests int
	events   []string
}

// visit is one run of a story: what happens before it, how it exits, and how it leaves the row.
type visit struct {
	before happening
	exit   int
	row    string
}

// happening is what happens between two runs, to the gateway's payment of that id or to anything else.
type happening func(w *counter, id string)

// play makes a story happen. begin adds the refund, and returns the gateway's id of its payment; row is how a run left the refund.
func (s story) play(t *testing.T, begin func(*counter) (id string), row func(*counter) string) {
	t.Helper()
	t.Run(s.name, func(t *testing.T) {
		w := newCounter(t)
		w.client = s.client
		w.sims["main"].Update(func(c *simulator.Config) { c.KeyLife = 24 * time.Hour })
		id := begin(w)
		for i, v := range s.visits {
			if v.before != nil {
				v.before(w, id)
			}
			result := w.refund()
			require.Equal(t, v.exit, result.Exit, "visit %d: %v", i+1, result)
			require.Equal(t, v.row, row(w), "visit %d: %v", i+1, w.asked())
		}
		require.Equal(t, []string{s.given}, w.given("main"))
		require.Equal(t, s.requests, w.requests("main"))
		require.Equal(t, s.events, w.events())
	})
}

func passes(d time.Duration) happening { return func(w *counter, _ string) { w.pass(d) } }

func aMinute(w *counter, _ string) { w.pass(time.Minute) }

func aDay(w *counter, _ string) { w.pass(25 * time.Hour) }

func keyless(c *httpapi.Config) { c.KeyLife = 0 }

// sim changes the gateway.
func sim(change func(*simulator.Config)) happening {
	return func(w *counter, _ string) { w.sims["main"].Update(change) }
}

// noKeys is a gateway that keeps no keys, with these faults.
func noKeys(f simulator.Faults) happening {
	return sim(func(c *simulator.Config) { c.NoKeys = true; c.ChangeFaults = f })
}

// amend changes the gateway's payment.
func amend(change func(*simulator.Entry)) happening {
	return func(w *counter, id string) { w.amend(id, change) }
}

// byHand refunds a part at the gateway.
func byHand(amount int64) happening {
	return amend(func(e *simulator.Entry) { e.Refunded += amount })
}

func then(all ...happening) happening {
	return func(w *counter, id string) {
		for _, do := range all {
			do(w, id)
		}
	}
}
