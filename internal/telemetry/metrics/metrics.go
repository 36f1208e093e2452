// Package metrics keeps what a process and its database have to tell in numbers, and writes it for Prometheus: as a
// textfile, pushed, or scraped. Nothing in it asks the database or a gateway: the caller hands in what it read, so that a
// scrape costs them nothing.
package metrics

import (
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/mysql"
)

// Metrics is what one process tells. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	retries  *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	open     *prometheus.GaugeVec

	mu     sync.Mutex
	live   Live
	ended  bool
	before totals               // of the runs before the live one
	ends   map[string]bool      // by job: whether its last run here lost its lease
	runs   map[string]LastRun   // by job
	wins   map[string]time.Time // by job: the last success
	counts *Counts              // nil: never read
}

// Live is the run that a process works on.
type Live struct {
	Job   string
	Steps []*batch.StepExecution
	// GivesBack names the step whose money goes to customers.
	GivesBack string
	Gateways  map[string]*gateway.Limited
	DB        *mysql.DB
}

// LastRun is the last run of a job that has ended.
type LastRun struct {
	ID     uint64
	Job    string
	Status string
	Exit   int // -1: it died
	Took   time.Duration
	Ended  time.Time
}

// Counts are how many rows wait, and for what.
type Counts struct {
	Due      map[string]int64 // by kind
	InReview map[string]int64 // by kind
	InFlight int64
	InDoubt  int64
}

// The boundaries of latencies in seconds: a payment takes from milliseconds to its gateway's time-out.
func buckets() []float64 {
	return []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
}

// New returns the metrics of a process of that version.
func New(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewPedanticRegistry(),
		requests: prometheus.NewCounterVec(requestsTotal.counter(), requestsTotal.labels),
		retries:  prometheus.NewCounterVec(retriesTotal.counter(), retriesTotal.labels),
		open:     prometheus.NewGaugeVec(openRequests.gauge(), openRequests.labels),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: requestSeconds.Name, Help: requestSeconds.Help, Buckets: buckets(),
		}, requestSeconds.labels),
		before: newTotals(), ends: map[string]bool{}, runs: map[string]LastRun{}, wins: map[string]time.Time{},
	}
	build := prometheus.NewGaugeVec(buildInfo.gauge(), buildInfo.labels)
	build.WithLabelValues(version).Set(1)
	m.registry.MustRegister(m.requests, m.retries, m.seconds, m.open, build, collector{m})
	return m
}

// Request counts a request to a gateway that is about to be made; the function that it returns is called once with its
// answer.
func (m *Metrics) Request(r gateway.Request) func(gateway.Answer) {
	open := m.open.WithLabelValues(r.Gateway)
	open.Inc()
	return func(a gateway.Answer) {
		open.Dec()
		if a.Unsent {
			return
		}
		m.requests.WithLabelValues(r.Gateway, string(r.Kind), a.Outcome).Inc()
		m.seconds.WithLabelValues(r.Gateway, string(r.Kind)).Observe(a.Took.Seconds())
		if r.Try > 1 {
			m.retries.WithLabelValues(r.Gateway).Inc()
		}
	}
}

// Follow makes live the run that is told of. What the runs before it counted is kept.
func (m *Metrics) Follow(live Live) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.before.addSteps(m.live)
	if m.live.DB != live.DB {
		m.before.addWork(m.live.DB)
	}
	// A job that asks no gateway does not change what is known of them.
	gateways := maps.Clone(m.live.Gateways)
	if gateways == nil {
		gateways = map[string]*gateway.Limited{}
	}
	maps.Copy(gateways, live.Gateways)
	live.Gateways = gateways
	m.live, m.ended = live, false
}

// End notes how the live run ended.
func (m *Metrics) End(run LastRun) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended = true
	m.ends[run.Job] = m.lease() <= 0
	m.runs[run.Job] = run
}

// lease is how long the lease of the live run lasts.
func (m *Metrics) lease() time.Duration {
	if len(m.live.Steps) == 0 {
		return 0
	}
	return m.live.Steps[0].Lease.Left()
}

// Past notes what the tables say of the last run of each job, and when its last success ended.
func (m *Metrics) Past(runs []LastRun, successes map[string]time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, run := range runs {
		if run.ID >= m.runs[run.Job].ID {
			m.runs[run.Job] = run
		}
	}
	maps.Copy(m.wins, successes)
}

// Waiting notes how many rows wait.
func (m *Metrics) Waiting(c Counts) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts = &c
}
