package view

import (
	"duly/internal/query"
)

// Summary is what every run ends with, for people or as the document of --json.
type Summary struct {
	Run          uint64           `json:"run_id"`
	Job          string           `json:"job"`
	BusinessDate string           `json:"business_date"`
	Status       string           `json:"status"`
	Exit         int              `json:"exit_code"`
	Steps        []Step           `json:"steps"`
	Collected    map[string]int64 `json:"collected"` // minor units by currency
	Left         []string         `json:"left"`      // what is left for a later run, and why
	// Causes are the commonest ones of what is not settled, and of declines; MoreCauses is how many others there are.
	Causes      []query.Reason `json:"causes"`
	MoreCauses  int            `json:"more_causes,omitempty"`
	AllCauses   query.Causes   `json:"-"`
	Error       string         `json:"error,omitempty"`
	Failure     []string       `json:"-"`         // Error, a line a problem
	Fixes       []string       `json:"-"`         // what an operator must correct
	InReview    query.Reviews  `json:"in_review"` // of all runs
	OlderReview int64          `json:"older_in_review"`
	Older       OlderWaiting   `json:"-"`
	Next        []string       `json:"next"` // commands to type
	// Reviewed are the first rows that the run sent to review, and LeftRows those that it left.
	Reviewed []Listed `json:"reviewed"`
	LeftRows []Listed `json:"left_rows"`

	// Guarded are sums of the invoices that the run sent to review for their amounts, by currency.
	Guarded []query.MoneySum `json:"guarded,omitempty"`

	// ChangesApplied are the planned changes that were applied during the run, by their kind.
	ChangesApplied map[string]int64 `json:"changes_applied,omitempty"`

	// Of the jobs that have them.
	Refunded     map[string]int64 `json:"refunded,omitempty"` // minor units by currency
	Daily        *query.Daily     `json:"daily,omitempty"`
	Notes        []string         `json:"notes,omitempty"`
	Findings     []query.Finding  `json:"findings,omitempty"`      // open ones, newest first
	OpenFindings int64            `json:"open_findings,omitempty"` // how many there are in all

	// Parallelism is what the run found best for gateways with `parallelism: auto` that it used.
	Parallelism map[string]int `json:"parallelism_auto,omitempty"`
	// Rates are the requests a second to which such gateways were slowed down at the end of the run, since they answered that there were too many.
	Rates map[string]float64 `json:"rate_auto,omitempty"`

	facts `json:"-"`
}
