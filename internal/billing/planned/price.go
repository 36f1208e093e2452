package planned

import "duly/internal/payment"

// Made reports whether c was applied. One that an operator has ignored was not, and one that still waits is not yet.
func Made(c Change) bool { return c.Ended && c.Outcome == Applied }

// Foreseen reports whether c was applied, or still waits to be.
func Foreseen(c Change) bool { return !c.Ended || Made(c) }

// PriceOn is the price that planned changes make for periods that start on a day: the newest that is effective by then, of those that count. ok is false
// if there is none.
func PriceOn(list []Change, day payment.Date, counts func(Change) bool) (amount int64, ok bool) {
	for _, c := range Sorted(list) {
		if c.Kind != Amount || c.Effective > day || c.dayProblem() != "" || !counts(c) {
			continue
		}
		var problem string
		amount, problem = c.amount()
		ok = problem == ""
	}
	return amount, ok
}
