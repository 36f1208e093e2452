package payment

import (
	"encoding/json"
	"fmt"
	"time"
)

// How long a charge that nobody decides is asked about before it is left to an operator.
const (
	patienceAnswers = 12             // answers that it is pending
	patienceSpan    = 24 * time.Hour // from the first of them to the last
	patienceDays    = 7              // days on which nobody answered, and the time from the first try to the last in days
)

// Patience counts what look-ups of one charge brought that decide nothing. Only a look-up that was made counts: how old the
// charge is says nothing about the gateway, and neither does a run that had no leave to ask. The zero Patience has counted
// nothing.
type Patience struct {
	// Pending counts the answers that the charge is not decided yet, since PendingSince and last at PendingAt.
	Pending      int       `json:"pending,omitempty"`
	PendingSince time.Time `json:"pending_since,omitzero"`
	PendingAt    time.Time `json:"pending_at,omitzero"`
	// SilentDays counts the days (UTC) since the last answer on which it was asked about in vain, since SilentSince and last
	// at SilentAt.
	SilentDays  int       `json:"silent_days,omitempty"`
	SilentSince time.Time `json:"silent_since,omitzero"`
	SilentAt    time.Time `json:"silent_at,omitzero"`
}

// Answered is p after a look-up that was answered. pending: the answer was that the charge is not decided yet.
func (p Patience) Answered(pending bool, now time.Time) Patience {
	p.SilentDays, p.SilentSince, p.SilentAt = 0, time.Time{}, time.Time{}
	if !pending {
		return p
	}
	now = exact(now)
	if p.Pending == 0 {
		p.PendingSince = now
	}
	p.Pending, p.PendingAt = p.Pending+1, now
	return p
}

// Unanswered is p after a look-up that was made and brought no answer that can be used.
func (p Patience) Unanswered(now time.Time) Patience {
	now = exact(now)
	if p.SilentDays == 0 {
		p.SilentSince = now
	}
	if p.SilentDays == 0 || DateOf(now) > DateOf(p.SilentAt) {
		p.SilentDays, p.SilentAt = p.SilentDays+1, now
	}
	if now.After(p.SilentAt) {
		p.SilentAt = now
	}
	return p
}

// exact is an instant as it is stored.
func exact(t time.Time) time.Time { return t.UTC().Round(0).Truncate(time.Microsecond) }

// Over reports whether asking again is of no use: the gateway has said often enough, over a day, that it has not decided the
// charge, or has not answered for seven days on which it was asked.
func (p Patience) Over() bool { return p.undecided() || p.silent() }

func (p Patience) undecided() bool {
	return p.Pending >= patienceAnswers && p.PendingAt.Sub(p.PendingSince) >= patienceSpan
}

func (p Patience) silent() bool {
	return p.SilentDays >= patienceDays && p.SilentAt.Sub(p.SilentSince) >= patienceDays*24*time.Hour
}

// String says what was counted; empty for nothing.
func (p Patience) String() string {
	text := ""
	if p.Pending > 0 {
		text = fmt.Sprintf("the gateway said %s since %s that it is pending", times(p.Pending), brief(p.PendingSince))
	}
	if p.SilentDays > 0 {
		if text != "" {
			text += "; "
		}
		days := "1 day"
		if p.SilentDays > 1 {
			days = fmt.Sprintf("%d days", p.SilentDays)
		}
		text += fmt.Sprintf("the gateway was asked in vain on %s since %s", days, brief(p.SilentSince))
	}
	return text
}

// Limit says, for people, when a charge that was asked about in vain is left to an operator.
func (p Patience) Limit() string {
	switch {
	case p.Over():
		return "it is left to an operator at the next look-up, unless that decides it"
	case p.SilentDays > 0:
		return fmt.Sprintf("it is left to an operator after %d days of asking in vain, not before %s", patienceDays, brief(p.SilentSince.Add(patienceDays*24*time.Hour)))
	case p.Pending > 0:
		return fmt.Sprintf("it is left to an operator after %d such answers, not before %s", patienceAnswers, brief(p.PendingSince.Add(patienceSpan)))
	}
	return ""
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func brief(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// Text is p as it is stored; empty for the zero Patience.
func (p Patience) Text() string {
	if p == (Patience{}) {
		return ""
	}
	text, err := json.Marshal(p)
	if err != nil { // numbers and instants of the four-digit years
		return ""
	}
	return string(text)
}

// ParsePatience reads what Text wrote. What is none counts as nothing: asking longer harms nobody.
func ParsePatience(text string) Patience {
	var p Patience
	if text == "" || json.Unmarshal([]byte(text), &p) != nil {
		return Patience{}
	}
	return p
}
