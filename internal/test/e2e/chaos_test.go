package e2e_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	"duly/internal/test/e2e"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

const (
	chaosWorkers = 4
	// mostPeace is the longest time that a worker is left alone.
	mostPeace = 2500 * time.Millisecond
)

// testChaos lasts for 25 seconds (`make volume`: 40).
func testChaos(t *testing.T) {
	t.Parallel()
	chaosIn(t, nightly(), worktest.Volume(2000, 3500), time.Duration(worktest.Volume(25, 40))*time.Second, true)
}

// chaosIn runs four workers at once, killed, stopped and started at random, on a gateway that speaks a dialect and of which every eighth
// request goes wrong. In the end nothing is left, the ledger is equal to the tables, and the audit has nothing to say. Race: the workers look for
// data races.
//
// DULY_TEST_SEED repeats the decisions of a run that failed, though not its timing.
func chaosIn(t *testing.T, dialect string, subscriptions int, lasts time.Duration, race bool) {
	t.Helper()
	enrolsFor := lasts * 4 / 5 // the shop enrols the second half of its subscriptions little by little
	seed := uint64(1)
	if text := os.Getenv("DULY_TEST_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("DULY_TEST_SEED=%d", seed)
	faults := simulator.DefaultFaults(0.12)
	faults.SlowBy = timeout * 11 / 10
	w := worldIn(t, testdb.New(t), dialect, simulator.Config{
		Seed: seed, Faults: faults, Shares: simulator.Shares{Soft: 0.05, Hard: 0.02, Action: 0.01},
		Latency: simulator.Latency{Median: 40 * time.Millisecond, P99: 400 * time.Millisecond},
	})
	w.race = race
	w.set("DULY_BILLING_CHUNK_SIZE", 50)
	w.set("DULY_GATEWAYS_MAIN_TRIES", 3)
	list := make([]e2e.Subscription, subscriptions)
	for i := range list {
		list[i] = e2e.Subscription{Method: "card-" + strconv.Itoa(i), Amount: int64(1000 + i), Due: w.date}
	}
	w.add(list[:subscriptions/2])

	built(t, race) // which takes longer than some chaos lasts
	c := &chaos{world: w, random: rand.New(rand.NewPCG(seed, 0)), done: map[string]int{}}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	begun, enrolled := time.Now(), subscriptions/2
	for time.Since(begun) < lasts {
		for i := range c.slots {
			c.turn(&c.slots[i])
		}
		share := min(1, time.Since(begun).Seconds()/enrolsFor.Seconds())
		upTo := subscriptions/2 + int(share*float64(subscriptions)/2)
		w.add(list[enrolled:upTo])
		enrolled = upTo
		<-tick.C
	}
	for _, s := range c.slots {
		s.p.signal(syscall.SIGKILL)
		<-s.p.ended
	}
	left := w.count(`SELECT COUNT(*) FROM subscriptions WHERE next_billing_date <= ?`, w.date) +
		w.count(`SELECT COUNT(*) FROM invoices WHERE status = 'charging' OR status = 'open' AND first_declined_date IS NULL`)
	t.Logf("workers were %v; %d subscriptions left when that was over", c.done, left)

	w.finish(chaosWorkers)
	require.Equal(t, subscriptions, w.count(`SELECT COUNT(*) FROM invoices`))
	require.Zero(t, w.count(`SELECT COUNT(*) FROM invoices WHERE status = 'review'`))
	t.Logf("%d requests, %d charges", w.sim.Stats().Requests["createPayment"], len(w.sim.Successes()))
	w.reconcile()
	w.audit()
}

// chaos decides what becomes of workers.
type chaos struct {
	*world

	random *rand.Rand
	slots  [chaosWorkers]slot
	done   map[string]int
}

// slot is where one worker after another runs.
type slot struct {
	p      *process
	actAt  time.Time
	asleep bool
	spared bool // it may run to its end
}

// turn starts the slot's worker, or does to it what is due.
func (c *chaos) turn(s *slot) {
	c.t.Helper()
	if s.p != nil {
		select {
		case <-s.p.ended:
			c.check(s.p)
			s.p = nil
		default:
		}
	}
	switch {
	case s.p == nil:
		*s = slot{p: c.bill(where{}), actAt: c.after(mostPeace)}
	case s.spared || time.Now().Before(s.actAt):
	case s.asleep:
		s.p.signal(syscall.SIGCONT)
		*s = slot{p: s.p, actAt: c.after(mostPeace)}
	default:
		c.act(s)
	}
}

func (c *chaos) after(most time.Duration) time.Time {
	return time.Now().Add(200*time.Millisecond + time.Duration(c.random.Int64N(int64(most))))
}

func (c *chaos) act(s *slot) {
	switch n := c.random.IntN(10); {
	case n < 5:
		s.p.signal(syscall.SIGKILL)
		c.done["killed"]++
	case n < 6:
		s.p.signal(syscall.SIGTERM)
		s.spared = true
		c.done["asked to stop"]++
	case n < 8:
		s.p.signal(syscall.SIGSTOP)
		s.asleep, s.actAt = true, c.after(lease*3/2)
		c.done["put to sleep"]++
	default:
		s.spared = true
		c.done["spared"]++
	}
}

// check wants every worker that was not killed to have ended in a way that says run again, or done.
func (c *chaos) check(p *process) {
	c.t.Helper()
	if p.killed() {
		return
	}
	require.Contains(c.t, []int{batch.ExitDone, batch.ExitUnfinished, 128 + int(syscall.SIGTERM)}, p.exit(), "%s", p.printed())
}
