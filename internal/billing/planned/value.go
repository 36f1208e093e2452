package planned

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"duly/internal/billing"
	"duly/internal/payment"
)

// mostOfPrice limits planned prices: a higher one is a typing error.
const mostOfPrice = 999_999_999_999

// dayProblem returns why the day of c is not valid; empty if it is. Many shops use days before 2000 as placeholders.
func (c Change) dayProblem() string {
	if first := payment.NewDate(2000, time.January, 1); c.Effective < first {
		return fmt.Sprintf("effective_date %s is not a day from %s on", c.Effective, first)
	}
	return ""
}

// digits reads a whole number that is written in digits alone, without a sign, a space or a zero before it.
func digits(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n >= 0 && strconv.FormatInt(n, 10) == text
}

// amount is the value in minor units.
func (c Change) amount() (amount int64, problem string) {
	amount, ok := digits(c.Value)
	switch {
	case !ok:
		return 0, fmt.Sprintf("value %q is not a whole number of minor units such as 14900", payment.Cut(c.Value, billing.MaxQuoted))
	case amount > mostOfPrice:
		return 0, fmt.Sprintf("value %d is more than %d, the most of a planned price", amount, int64(mostOfPrice))
	}
	return amount, ""
}

// interval is the value as an interval: a unit, or a count, one space and a unit.
func (c Change) interval() (billing.Interval, string) {
	i := billing.Interval{Unit: c.Value, Count: 1}
	if count, unit, two := strings.Cut(c.Value, " "); two {
		n, ok := digits(count)
		if !ok {
			n = 0
		}
		i = billing.Interval{Unit: unit, Count: int(n)}
	}
	if i.Validate() != nil {
		return i, fmt.Sprintf("value %q is not an interval: day, week, month or year, or 1 to 1000 of them such as 3 month", payment.Cut(c.Value, billing.MaxQuoted))
	}
	return i, ""
}
