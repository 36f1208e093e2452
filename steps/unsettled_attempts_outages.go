package steps

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"duly/internal/billing"
)

// Doubts collects the attempts that no look-up will settle as things are, for the run's report. The zero Doubts is empty.
// It is safe for concurrent use.
type Doubts struct {
	// GiveUpAfter is how long after its last request could take effect an operator may settle one by his word.
	GiveUpAfter time.Duration

	mu   sync.Mutex
	open map[uint64]doubt
}

// doubt is why an attempt stays in doubt, and from when on an operator may settle it.
type doubt struct {
	gateway string
	why     doubtReason
	from    time.Time
}

type doubtReason uint8

const (
	uncontrolled  doubtReason = iota // nothing shows that its gateway would know it
	sentElsewhere                    // it was sent to another account
)

func (d *Doubts) note(item billing.Claimed, why doubtReason, horizon time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open == nil {
		d.open = map[uint64]doubt{}
	}
	d.open[item.ID] = doubt{item.Gateway, why, horizon.Add(d.GiveUpAfter)}
}

// settled forgets what was noted about an attempt.
func (d *Doubts) settled(id uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.open, id)
}

// mostListed is how many rows a reason lists by their ids.
const mostListed = 5

// Reasons says, one line for each gateway and cause, which attempts stay in doubt and what settles them.
func (d *Doubts) Reasons() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	type group struct {
		gateway string
		why     doubtReason
	}
	ids := map[group][]uint64{}
	from := map[group]time.Time{}
	for _, id := range slices.Sorted(maps.Keys(d.open)) {
		o := d.open[id]
		g := group{o.gateway, o.why}
		ids[g] = append(ids[g], id)
		if at := from[g]; at.IsZero() || o.from.Before(at) {
			from[g] = o.from
		}
	}
	groups := slices.SortedFunc(maps.Keys(ids), func(a, b group) int {
		return cmp.Or(strings.Compare(a.gateway, b.gateway), cmp.Compare(a.why, b.why))
	})
	var out []string
	for _, g := range groups {
		what := fmt.Sprintf("gateway %[1]s does not know, and shows no payment of ours from before and after to believe it by: %[2]s; duly doctor --control %[1]s PAYMENT_ID names one",
			g.gateway, listed(ids[g]))
		if g.why == sentElsewhere {
			what = fmt.Sprintf("were sent to another account of gateway %[1]s than today's: %[2]s; if it has moved, duly doctor --moved %[1]s OLD_URL",
				g.gateway, listed(ids[g]))
		}
		out = append(out, fmt.Sprintf("charges in doubt that %s; from %s UTC, duly resolve attempt ID --as not_executed --reason …", what,
			from[g].UTC().Format("2006-01-02 15:04")))
	}
	return out
}

// listed names the first of the attempts.
func listed(ids []uint64) string {
	var names []string
	for _, id := range ids[:min(len(ids), mostListed)] {
		names = append(names, strconv.FormatUint(id, 10))
	}
	text := "attempt " + names[0]
	if len(ids) > 1 {
		text = "attempts " + strings.Join(names, ", ")
	}
	if more := len(ids) - mostListed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
