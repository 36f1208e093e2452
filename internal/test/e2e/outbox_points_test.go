package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/crash"
	"duly/internal/gateway/simulator"
	"duly/internal/test/worktest"
)

// post is a world whose events somebody receives.
type post struct {
	*world

	mu  sync.Mutex
	got map[string][]uint64 // events by subject, as they came
}

// openPost has the events of a small shop, and others that the shop writes itself.
func openPost(w *world) *post {
	w.t.Helper()
	p := &post{world: w, got: map[string][]uint64{}}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body struct {
			Subject string
			Event   uint64 `json:"event_id"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			w.t.Error(err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.got[body.Subject] = append(p.got[body.Subject], body.Event)
	}))
	w.t.Cleanup(server.Close)
	w.set("DULY_OUTBOX_URL", server.URL)
	w.set("DULY_OUTBOX_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	for i := range 24 {
		w.do(`INSERT INTO events (type, subject, payload) VALUES ('order.shipped', ?, '{}')`, fmt.Sprintf("order:%d", i%4+1))
	}
	return p
}

func (p *post) send(at where) *process {
	p.t.Helper()
	return start(p.t, slices.Concat(p.env, at.env()), "run", "outbox")
}

// ripen lets the mark of an earlier run grow old, so that the next one moves it.
func (p *post) ripen() {
	p.t.Helper()
	require.Equal(p.t, batch.ExitDone, p.send(where{}).exit())
	p.do(`UPDATE outbox_marks SET seen_at = seen_at - INTERVAL 1 HOUR`)
	p.do(`INSERT INTO events (type, subject, payload) VALUES ('order.shipped', 'order:1', '{}')`)
}

// delivered requires that every event came, those of a subject in their order: what came again came in one piece with
// what followed it.
func (p *post) delivered(again bool) {
	p.t.Helper()
	require.Zero(p.t, p.count(`SELECT COUNT(*) FROM events e LEFT JOIN event_deliveries d ON d.event_id = e.id AND d.sink = 'webhook'
WHERE d.event_id IS NULL OR d.status <> 'delivered' OR d.run_id IS NOT NULL OR d.tries > 0`))
	p.mu.Lock()
	defer p.mu.Unlock()
	require.NotEmpty(p.t, p.got)
	for subject, came := range p.got {
		events := worktest.List[uint64](p.t, p.db, `SELECT id FROM events WHERE subject = ? ORDER BY id`, subject)
		var first []uint64
		for _, id := range came {
			if !slices.Contains(first, id) {
				first = append(first, id)
			}
		}
		require.Equal(p.t, events, first, subject)
		if !again {
			require.Equal(p.t, events, came, subject)
		}
	}
}

// TestOutboxAtEveryPoint kills a worker at every point of the outbox, alone and beside another one: every event is
// delivered, in order for each subject, and only what was on its way comes again.
func TestOutboxAtEveryPoint(t *testing.T) {
	t.Parallel()
	lent := lend(t)
	for _, point := range crash.OutboxPoints() {
		for _, workers := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s/%d", point, workers), func(t *testing.T) {
				t.Parallel()
				p := openPost(lent.world(t, simulator.Config{}))
				at := where{point: point, nth: 1}
				switch point {
				case crash.MarkBeforeCommit, crash.MarkAfterCommit:
					p.ripen()
				case crash.DeliverBeforeSend, crash.DeliverAnswered:
					at.nth = 5
				}
				dying := p.send(at)
				var survivor *process
				if workers > 1 {
					p.awaitRun(dying)
					if at.nth > 1 { // the other one would take the events before
						p.awaitClaim(dying)
					}
					survivor = p.send(where{})
				}
				mustDie(p.world, dying)
				p.died(dying)
				if survivor != nil {
					require.Contains(t, []int{batch.ExitDone, batch.ExitUnfinished}, survivor.exit(), "%s", survivor.printed())
				}
				require.Equal(t, batch.ExitDone, p.send(where{}).exit())
				again := slices.Contains([]crash.Point{crash.DeliverBeforeSend, crash.DeliverAnswered, crash.DeliverSettleBefore}, point)
				p.delivered(again)
			})
		}
	}
}

// TestOutboxTellsOfBilling delivers what a billing run wrote, each event as its schema says.
func TestOutboxTellsOfBilling(t *testing.T) {
	t.Parallel()
	p := openPost(newWorld(t, smallShopFaults()))
	p.do(`DELETE FROM events`)
	p.enrol(smallShop()...)
	p.finish(1)
	worktest.NewSchemas(t).Events(t, p.db)
	require.Equal(t, batch.ExitDone, p.send(where{}).exit())
	p.delivered(false)
}
