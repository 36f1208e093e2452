package planned

import "duly/internal/payment"

// PriceOn is the price that a shop planned for periods that start on a day, applied or not: the newest that is effective by then. ok is false
// if it planned none.
func PriceOn(list []Change, day payment.Date) (amount int64, ok bool) {
	for _, c := range Sorted(list) {
		if c.Kind != Amount || c.Effective > day || c.dayProblem() != "" {
			continue
		}
		var problem string
		amount, problem = c.amount()
		ok = problem == ""
	}
	return amount, ok
}
