package report

import (
	"time"

	"duly/internal/payment"
)

// Page is everything that a page shows.
type Page struct {
	Written time.Time
	Zone    *time.Location // of every time on the page; nil: UTC
	Night   *Night         // nil: a page of one run
	Runs    []Run
}

// Night is the result of the nightly job.
type Night struct {
	Date              string // 2026-01-31
	Host              string
	Started, Finished time.Time
	Exit              int
	Parts             []Part
	NotReached        []string // jobs that the night ended before
}

// Part is the result of one job of a night.
type Part struct {
	Job  string
	Run  uint64 // 0: it has none
	Exit int
	Why  string // it did not run
}

// Run is a run as it is stored.
type Run struct {
	ID       uint64
	Job      string
	Date     string // the business date, 2026-01-31
	Status   string
	Alive    bool
	Exit     *int // nil: it has not ended, or died
	RerunOf  uint64
	Params   []Param
	Host     string
	PID      int
	Version  string
	Started  time.Time
	Finished *time.Time // nil: it has not ended, or died
	Beat     time.Time  // its last heartbeat
	Error    string
	Steps    []Step
	Measured *Measured // nil: nothing is stored
	Declines []Decline // most frequent first
	// Unsettled are the most frequent reasons why charges were left in doubt or released; MoreUnsettled counts the other reasons.
	Unsettled     []Cause
	MoreUnsettled int
	Unpaid        *Unpaid // nil: the job charges nothing
	Waiting       Waiting
	Daily         *Daily   // nil: the job computes no daily figures
	Next          []string // commands to type
}

// Param is a parameter of a run.
type Param struct{ Name, Value string }

// Kind is what the numbers of a step count.
type Kind string

// The kinds of steps that the page adds up. The numbers of a step of any other kind are listed.
const (
	Charges Kind = "charges"
	Orders  Kind = "orders"
	Refunds Kind = "refunds"
	Audits  Kind = "audits" // what is in review is counted as declined, too
)

// Words are how a step and its numbers are called.
type Words struct {
	Kind      Kind
	Label     string // what the step is for: "1st retry"
	Unit      string // what it reads, in the plural: "charges"
	Succeeded string // and so on: "paid"
	Declined  string
	Released  string
	InDoubt   string
	Rejected  string
	Review    string
}

// Complete returns the words with the usual ones for those that are missing.
func (w Words) Complete() Words {
	for _, word := range []struct {
		of    *string
		usual string
	}{
		{&w.Unit, "rows"},
		{&w.Succeeded, "succeeded"},
		{&w.Declined, "declined"},
		{&w.Released, "released"},
		{&w.InDoubt, "in doubt"},
		{&w.Rejected, "rejected"},
		{&w.Review, "to review"},
	} {
		if *word.of == "" {
			*word.of = word.usual
		}
	}
	return w
}

// Step is a step of a run.
type Step struct {
	Name, Status string
	Words        Words

	Read, Succeeded, Declined, Released, InDoubt, Rejected, Review int64

	Amounts map[string]int64 // minor units by currency
	Seconds float64
}

// Decline counts the charges that were declined for one reason.
type Decline struct {
	Class payment.Class
	Code  string
	Count int64
}

// Cause counts the rows of a run that ended alike for one reason.
type Cause struct {
	What string // in doubt, released
	Why  string
	Rows int64
}

// Unpaid are the invoices that are due and not paid when the page is written.
type Unpaid struct {
	Invoices int64
	Amounts  map[string]int64 // minor units by currency
	Retries  []Retries        // by day
	NewCard  int64            // cannot be charged again with the payment method that they have
}

// Retries counts the invoices that are charged again on a day.
type Retries struct {
	Date     string // 2026-01-31
	Invoices int64
}

// Waiting are the rows that wait for an operator when the page is written, newest first.
type Waiting struct {
	Rows []Review
	More int64  // how many are not among Rows
	List string // the command that lists all
}

// Review is a row that waits for an operator.
type Review struct {
	What    string // invoice
	ID      uint64
	Reason  string
	Money   *payment.Money // nil: no money is at stake
	Since   time.Time
	New     bool // sent to review by this run
	Command string
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
	Sold, Refunded    int64
}

// DayProduct is what was sold of a product on one day.
type DayProduct struct {
	Date, Name string
	ID         uint64
	Quantity   int64
	Amount     int64
	Currency   string // empty: sold in several
}
