package audit

import (
	"time"

	"duly/internal/payment"
)

// Seen is a payment that its gateway was asked about.
type Seen struct {
	Pair // without Theirs.ID it was not listed

	Gateway string
	Which   payment.Ref // what was asked for
	Sight   payment.LookupResult
	Left    string // why it was not asked, if it was not
	// Vetting is what controls say of the gateway, if it does not know a payment that is paid here.
	Vetting payment.Vetting
}

// NeedsControl reports whether the gateway must show payments that it took before it is believed: it does not know money
// that we say it took, and a gateway that is called at the wrong address knows none.
func (s Seen) NeedsControl() bool {
	if s.Left != "" || s.Theirs.ID != "" || !s.Known || !s.Sight.Absent {
		return false
	}
	_, found := Absent(s.Ours)
	return found
}

// Which says how p is to be asked about. By key where our row names no id: of several payments under one key the
// gateway knows best which it stands for.
func (p Pair) Which(findByKey bool) payment.Ref {
	if p.Known && p.Ours.GatewayID == "" && p.Ours.Key != "" && findByKey && !p.Again {
		return payment.Ref{Key: p.Ours.Key}
	}
	return payment.Ref{ID: p.Theirs.ID}
}

// Verdict is what an audit makes of a payment.
type Verdict uint8

// The verdicts. The zero value is Unanswered.
const (
	Unanswered   Verdict = iota // the gateway did not say
	Unproven                    // absent from a gateway whose absence proves nothing
	Uncontrolled                // absent from a gateway that did not show payments of ours from before and after it
	Agrees
	Moving  // not settled, or changed while it was looked at
	Differs // there is a finding
)

// Settle decides about s. now is our row as it was read again after the gateway had answered, there whether there
// is one; paid are the payments that kept money under the reference of a record that we have no row for. proves
// says that the gateway's absence proves something.
func (s Seen) Settle(now Ours, there bool, paid []Ours, proves bool) (Finding, Verdict) {
	if there != s.Known {
		return Finding{}, Moving
	}
	listed := s.Theirs.ID != ""
	record := s.Sight.Payment
	switch {
	case s.Left != "":
		return Finding{}, Unanswered
	case record != nil:
	case listed && (s.Sight.Absent || s.Sight.Unaskable): // what it listed must do
		record = &s.Theirs
	case s.Sight.Absent && !proves:
		return Finding{}, Unproven
	case s.Sight.Absent:
		f, found := Absent(now)
		if found && !s.Vetting.Proves() {
			return Finding{}, Uncontrolled
		}
		return s.verdict(f, found, now)
	default:
		return Finding{}, Unanswered
	}
	pair := Pair{Theirs: *record, Ours: now, Known: there, Again: s.Again}
	f, found := pair.Differs(s.Gateway, paid)
	if found && s.Sight.Absent {
		f.listedOnly(s.Which)
	}
	return s.verdict(f, found, now)
}

// NotListed returns a finding if a complete list lacks a payment that a look-up finds: such a list may lack others, too. From until on
// the list may lag behind the gateway's charges, so that later payments are no findings.
func (s Seen) NotListed(listed payment.Window, until time.Time) (Finding, bool) {
	p := s.Sight.Payment
	if p == nil || s.Theirs.ID != "" || !s.Known || !mayKeep(*p) || !listed.Holds(p.CreatedAt) || !p.CreatedAt.Before(until) {
		return Finding{}, false
	}
	return both(NotListed, s.Ours, *p, "a look-up finds the payment, and the gateway's list of that time does not contain it: the list may lack others"), true
}

func (s Seen) verdict(f Finding, found bool, now Ours) (Finding, Verdict) {
	switch {
	case found && !now.same(s.Ours):
		return Finding{}, Moving
	case found:
		return f, Differs
	case now.Standing == Unsettled && s.Known:
		return Finding{}, Moving
	}
	return Finding{}, Agrees
}

// Why says to people why the gateway said nothing.
func (s Seen) Why() string {
	if s.Left != "" {
		return s.Left
	}
	return s.Sight.Reason
}
