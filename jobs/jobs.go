// Package jobs composes steps, readers and writers into the jobs that `duly run` knows. A new job is one file
// that returns a batch.Job, and one line in Names and in the caller's list.
package jobs

import (
	"context"
	"maps"
	"slices"
	"time"

	"duly/internal/announce"
	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/runs"
	"duly/steps"
)

// Names of jobs.
const (
	BillingJob = "billing"
	OutboxJob  = "outbox"
	ReportJob  = "report"
	AuditJob   = "audit"
	PruneJob   = "prune"
	NoticesJob = announce.JobName

	// NightlyJob runs all of them, one after the other.
	NightlyJob = "nightly"
)

// Deps is what every job is made of.
type Deps struct {
	DB *mysql.DB
	// Server is the database server that the run begins on: it charges nothing once another one answers. Zero: any.
	Server     mysql.Server
	Repository *runs.Repository
	Gateways   steps.Gateways
	// Accounts are the rows of gateway_accounts that the gateways are called at today, by name. Attempts of a gateway
	// that is not among them are made without: they count as today's account's.
	Accounts map[string]uint32
	// KeyPrefixes begin the idempotency keys of the gateways' charges, by name; a gateway that is not among them has none.
	KeyPrefixes map[string]string
	// Parallelism is how many requests a gateway is sent at once at most.
	Parallelism func(gateway string) int
	// Clock is the process's own clock, Business the one that business dates are read from, in Zone.
	Clock    func() time.Time
	Business func() time.Time
	Zone     *time.Location
	// Save appends lines to a file on this host, durably, and returns its path; nil: there is no place for one.
	Save func(lines [][]byte) (path string, err error)
	// Died is called with runs whose lease has ended and that are taken over; nil: nobody wants to know.
	Died func(ctx context.Context, runs []uint64)
	// Heartbeat is how often a run renews its lease.
	Heartbeat time.Duration
}

// Today is the business day by the database's clock.
func (d Deps) Today() payment.Date { return payment.DateOf(d.Business().In(d.Zone)) }

// Known reports whether a gateway is configured on this host.
func (d Deps) Known(gateway string) bool {
	_, ok := d.Gateways[gateway]
	return ok
}

// Configured lists the gateways that are.
func (d Deps) Configured() []string { return slices.Sorted(maps.Keys(d.Gateways)) }

// terms are what a gateway's new attempts are made under.
func (d Deps) terms(name string) billing.Terms {
	g, ok := d.Gateways[name]
	if !ok {
		return billing.Terms{}
	}
	able := g.Capabilities()
	return billing.Terms{Account: d.Accounts[name], KeyLife: able.KeyLife, Longest: able.LongestRequest}
}

func (d Deps) keyPrefix(gateway string) string { return d.KeyPrefixes[gateway] }

// laneWidth bounds what no gateway is configured for: those items cost no request.
const laneWidth = 8

func (d Deps) width(name string) int {
	if _, ok := d.Gateways[name]; !ok {
		return laneWidth
	}
	return d.Parallelism(name)
}

// pace is how many requests a gateway is sent at once at the moment.
func (d Deps) pace(name string) int {
	if g, ok := d.Gateways[name]; ok {
		if auto := g.Auto(); auto > 0 {
			return auto
		}
	}
	return d.width(name)
}

// bound is how many attempts at a gateway may be claimed and unsettled at once; 0 for no bound. Without keys nobody can
// find out what became of an attempt that a crash leaves behind, also if it was never sent: no more are claimed than
// can be on their way, at the moment, where duly finds out how many those should be.
func (d Deps) bound(name string) int {
	if g, ok := d.Gateways[name]; ok && g.Capabilities().KeyLife == 0 {
		return d.pace(name)
	}
	return 0
}

// Selected reports whether a step is among those that were asked for; no names ask for all.
func Selected(names []string, step string) bool {
	return len(names) == 0 || slices.Contains(names, step)
}

// pick keeps the steps that were asked for, in the job's own order; no names ask for all.
func pick(all []batch.Step, names []string) []batch.Step {
	if len(names) == 0 {
		return all
	}
	wanted := make(map[string]bool, len(names))
	for _, name := range names {
		wanted[name] = true
	}
	var picked []batch.Step
	for _, s := range all {
		if wanted[s.Name()] {
			picked = append(picked, s)
		}
	}
	return picked
}
