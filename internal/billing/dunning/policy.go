package dunning

import (
	"cmp"
	"fmt"
	"strings"

	"duly/internal/payment"
)

// Policy is a dunning policy.
type Policy struct {
	// RetryDays are days after the first decline, ascending; as many stages follow the first charge.
	RetryDays []int
	CatchUp   CatchUp   // empty is CatchUpDefault
	AfterLast AfterLast // empty is CancelAfterLast
	// MaxTries limits the declines of one method for one amount in 30 days, in addition to the limits of card networks; 0: no limit.
	MaxTries int
	Notice   Notice
}

// Notice configures the notices before a charge. The zero Notice: none.
type Notice struct {
	Days int // before the due date
	// Required: no first charge is made before its notice was delivered.
	Required bool
}

// AfterLast says what happens to a subscription whose invoice is unpaid after the last stage.
type AfterLast string

// The values. Empty is CancelAfterLast.
const (
	// CancelAfterLast cancels it.
	CancelAfterLast AfterLast = "cancel"
	// PauseAfterLast pauses it, until the shop makes it active again.
	PauseAfterLast AfterLast = "pause"
	// KeepAfterLast leaves it as it is: the next period is invoiced.
	KeepAfterLast AfterLast = "keep"
)

// DefaultPolicy is the name of the dunning policy of subscriptions that name none.
const DefaultPolicy = "default"

// Unknown returns the error text for a policy name that is not configured.
func Unknown(name string) string {
	return fmt.Sprintf("dunning_policy %q is not configured: set it to NULL or to a name below billing.policies", payment.Cut(name, longestShown))
}

// longestShown limits the characters of a name that are shown.
const longestShown = 40

// Own reports whether a name is that of a policy other than the default.
func Own(name string) bool { return name != "" && name != DefaultPolicy }

// Words describes a policy for people: its name, its days and its end.
func Words(name string, retryDays []int, after AfterLast) string {
	days := "no retries"
	switch len(retryDays) {
	case 0:
	case 1:
		days = fmt.Sprintf("retry on day %d after the first decline", retryDays[0])
	default:
		days = "retries on days " + strings.ReplaceAll(DaysText(retryDays), ",", ", ") + " after the first decline"
	}
	then := "cancelled"
	switch after {
	case PauseAfterLast:
		then = "paused"
	case KeepAfterLast:
		then = "kept"
	case CancelAfterLast:
	}
	return fmt.Sprintf("%s: %s, then %s", cmp.Or(name, DefaultPolicy), days, then)
}
