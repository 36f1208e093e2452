package metrics

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/sum"
)

// totals are what the runs of a process counted.
type totals struct {
	claimed             map[stepKey]int64
	items               map[itemKey]int64
	collected, refunded map[string]int64
	work                map[string]mysql.Work
}

type stepKey struct{ job, step string }

type itemKey struct {
	stepKey

	outcome string
}

func newTotals() totals {
	return totals{map[stepKey]int64{}, map[itemKey]int64{}, map[string]int64{}, map[string]int64{}, map[string]mysql.Work{}}
}

func (t totals) clone() totals {
	return totals{maps.Clone(t.claimed), maps.Clone(t.items), maps.Clone(t.collected), maps.Clone(t.refunded), maps.Clone(t.work)}
}

// addSteps adds what the steps of a run counted.
func (t totals) addSteps(live Live) {
	for _, x := range live.Steps {
		if !x.Begun() {
			continue
		}
		key, tally := stepKey{live.Job, x.Step}, x.Tally()
		t.claimed[key] += tally.Read
		for outcome, n := range outcomes(tally) {
			t.items[itemKey{key, outcome}] += n
		}
		money := t.collected
		if x.Step == live.GivesBack {
			money = t.refunded
		}
		for currency, amount := range tally.Amounts {
			money[currency] = sum.Add(money[currency], amount)
		}
	}
}

func outcomes(t batch.Tally) map[string]int64 {
	return map[string]int64{
		"succeeded": t.Succeeded, "declined": t.Declined, "released": t.Released, "in_doubt": t.InDoubt, "rejected": t.Rejected, "review": t.Review,
	}
}

// addWork adds what transactions cost.
func (t totals) addWork(db *mysql.DB) {
	if db == nil {
		return
	}
	for name, w := range db.Work() {
		sum := t.work[name]
		sum.Count += w.Count
		sum.Time += w.Time
		sum.Locked += w.Locked
		t.work[name] = sum
	}
}

// collector looks the values up that nobody counts for Prometheus.
type collector struct{ *Metrics }

// Describe implements prometheus.Collector.
func (c collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range collectedLater() {
		out <- d.desc()
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	put := func(d Description, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d.desc(), d.value(), value, labels...)
	}
	c.collectRuns(put)
	c.collectTotals(put)
	c.collectGateways(put)
	c.collectCounts(put)
}

type putter func(d Description, value float64, labels ...string)

func (c collector) collectRuns(put putter) {
	for job, at := range c.wins {
		put(lastSuccess, seconds(at), job)
	}
	for job, run := range c.runs {
		put(lastExit, float64(run.Exit), job)
		put(lastSeconds, run.Took.Seconds(), job)
		put(lastEnd, seconds(run.Ended), job)
		for _, status := range []string{"completed", "failed", "stopped", "abandoned"} {
			put(lastStatus, one(status == run.Status), job, status)
		}
	}
	for job, lost := range c.ends {
		put(leaseLost, one(lost), job)
	}
	if len(c.live.Steps) > 0 && !c.ended {
		put(leaseLeft, max(c.lease(), 0).Seconds(), c.live.Job)
	}
}

func (c collector) collectTotals(put putter) {
	t := c.before.clone()
	t.addSteps(c.live)
	t.addWork(c.live.DB)
	for key, n := range t.claimed {
		put(claimed, float64(n), key.job, key.step)
	}
	for key, n := range t.items {
		put(items, float64(n), key.job, key.step, key.outcome)
	}
	for currency, n := range t.collected {
		put(collected, float64(n), currency)
	}
	for currency, n := range t.refunded {
		put(refunded, float64(n), currency)
	}
	var locked int64
	for name, w := range t.work {
		put(transactions, float64(w.Count), name)
		put(busy, w.Time.Seconds(), name)
		locked += w.Locked
	}
	put(deadlocks, float64(locked))
}

func (c collector) collectGateways(put putter) {
	for _, name := range slices.Sorted(maps.Keys(c.live.Gateways)) {
		g := c.live.Gateways[name]
		load := g.Load()
		put(waiting, float64(load.Waiting), name)
		if load.Auto > 0 {
			put(parallelism, float64(load.Auto), name)
		}
		put(circuitOpen, one(g.Open()), name)
		put(leftAlone, one(load.LeftAlone != ""), name)
	}
}

func (c collector) collectCounts(put putter) {
	if c.counts == nil {
		return
	}
	for kind, n := range c.counts.Due {
		put(due, float64(n), kind)
	}
	for kind, n := range c.counts.InReview {
		put(inReview, float64(n), kind)
	}
	put(inFlight, float64(c.counts.InFlight))
	put(inDoubt, float64(c.counts.InDoubt))
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// seconds is an instant as Prometheus writes it.
func seconds(at time.Time) float64 { return float64(at.UnixMicro()) / 1e6 }
