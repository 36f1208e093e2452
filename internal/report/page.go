package report

import (
	"time"

	"duly/internal/payment"
)

// Page is everything that a report shows.
type Page struct {
	Written time.Time
	Zone    *time.Location // instants are shown in it
	Night   *Night         // nil: a report of one run
	Runs    []Run
}

// Night is what a nightly job came to.
type Night struct {
	Date              string // 2026-01-31
	Host              string
	Started, Finished time.Time
	Exit              int
	Parts             []Part
}

// Part is how one job of a night ended.
type Part struct {
	Job  string
	Run  uint64 // 0: it has no run
	Exit int
	Why  string // why it did not run
}

// Run is a run as it stands.
type Run struct {
	ID       uint64
	Job      string
	Date     string // the business date, 2026-01-31
	Status   string
	Alive    bool // it is under way
	Exit     *int // nil: it has not ended, or nobody saw it end
	RerunOf  uint64
	Told     []Told
	Host     string
	PID      int
	Version  string
	Started  time.Time
	Finished *time.Time
	Beat     time.Time // its last sign of life
	Error    string
	Steps    []Step
	Measured *Measured // nil: it left none
	Declines []Decline // the commonest first
	// Causes are the commonest ones of what the run did not settle, then of declines; MoreCauses is how many others there are.
	Causes     []Cause
	MoreCauses int
	Waiting    Waiting
	Daily      *Daily   // of a report
	Next       []string // commands to type
}

// Told is something that a run was told.
type Told struct{ Name, Value string }

// Step is a step of a run.
type Step struct {
	Name, Status                                                   string
	Read, Succeeded, Declined, Released, InDoubt, Rejected, Review int64
	Amounts                                                        map[string]int64 // minor units by currency
	Seconds                                                        float64
}

// Decline is a reason why charges of a run were declined.
type Decline struct {
	Class, Code string
	Count       int64
}

// Cause is why rows of a run ended as they did, and how many.
type Cause struct {
	What string // in doubt, in review, declined
	Why  string
	Rows int64
}

// Waiting is what waits for an operator, the newest first.
type Waiting struct {
	Rows []Review
	More int64 // how many are not among Rows
}

// Review is a row that waits for an operator.
type Review struct {
	What    string // "invoice 7"
	Reason  string
	Money   *payment.Money // nil: none is at stake
	Since   time.Time
	New     bool   // since this run
	Command string // what to type
}

// Daily are the figures of days.
type Daily struct {
	Orders   []DayOrders
	Products []DayProduct
	More     int // products that are not among Products
}

// DayOrders are the orders of one day in one currency; amounts are minor units.
type DayOrders struct {
	Date, Currency    string
	Completed, Failed int64
	Sold, GivenBack   int64
}

// DayProduct is what was sold of a product on one day.
type DayProduct struct {
	Date, Name string
	ID         uint64
	Quantity   int64
	Amount     int64
	Currency   string // empty: sold in several
}
