package billing

import (
	"errors"
	"fmt"
)

// Requeue says whether an invoice can be made due again, with the attempts that were made on it. The error
// says in one line why not, and what to type next. An attempt that ended without a proof is proven first (see [Unproven]).
func Requeue(id uint64, status InvoiceStatus, past []PastAttempt) error {
	switch status {
	case Review:
	case Open:
		return fmt.Errorf("invoice %d is open already: the next run charges it when its date has come", id)
	case Charging:
		return fmt.Errorf("invoice %d is being charged, or in doubt: the next run of billing settles it first", id)
	case Paid, Uncollectible, Void:
		return fmt.Errorf("invoice %d is %s: only one in review can be requeued", id, status)
	default:
		return fmt.Errorf("invoice %d has the status %q, which is none of duly's", id, cut(string(status), MaxQuoted))
	}
	for _, a := range past {
		switch a.Status {
		case AttemptInFlight, AttemptInDoubt:
			return fmt.Errorf("attempt %d of invoice %d is %s: the next run of billing settles it first", a.ID, id, a.Status)
		case AttemptReview:
			return fmt.Errorf("attempt %d of invoice %d may have taken money: duly resolve attempt %d --as … --reason … first", a.ID, id, a.ID)
		case AttemptSucceeded:
			return fmt.Errorf("attempt %d of invoice %d succeeded", a.ID, id)
		case AttemptDeclined, AttemptReleased, AttemptRejected:
		}
	}
	if _, problem := mint(Invoice{ID: id}, past); problem != "" {
		return errors.New(problem)
	}
	return nil
}

// Unproven returns the id of the attempt that alone keeps an invoice from being charged again, since it ended without a
// proof; 0 if there is none.
func Unproven(past []PastAttempt) uint64 {
	for _, a := range past {
		switch a.Status {
		case AttemptDeclined, AttemptReleased, AttemptRejected:
			continue
		case AttemptInFlight, AttemptInDoubt, AttemptReview, AttemptSucceeded:
		}
		return 0
	}
	if last := newestOf(past); last.unproven() {
		return last.ID
	}
	return 0
}

// Waits returns the id of the attempt that an operator decides about before the invoice can go on: one in review, or the newest if it
// ended without a proof; 0: none.
func Waits(past []PastAttempt) uint64 {
	for _, a := range past {
		if a.Status == AttemptReview {
			return a.ID
		}
	}
	return Unproven(past)
}
