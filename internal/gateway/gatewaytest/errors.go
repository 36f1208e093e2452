package gatewaytest

import (
	"context"
	"errors"
	"fmt"

	"duly/internal/payment"
)

// errorCases lists the cases of answers that say neither yes nor no.
func errorCases() []Case {
	return []Case{
		{"errors of the provider's own", "An error may hide a charge that was made; where it is kept under the key, asking again brings nothing new.", ownErrors},
		{"unreadable answers", "There are more of them than anybody thinks of.", unreadableAnswers},
	}
}

// faces is how many keys are charged where answers differ from key to key.
const faces = 12

func ownErrors(ctx context.Context, t *Target) error {
	answered := 0
	for _, c := range []struct {
		behaviour Behaviour
		found     want
		taken     int
	}{
		{ErrsPaid, is(payment.Paid), 1},
		{ErrsDeclined, is(payment.Refused).of(payment.Soft), 0},
		{ErrsNothing, want{kinds: []payment.Kind{payment.InDoubt}, absent: true}, 0},
	} {
		for i := range faces {
			p, err := t.Start(fmt.Sprintf("%s %d", c.behaviour[len("the provider's own error, and "):], i), c.behaviour)
			if err != nil {
				return err
			}
			final, err := p.errs(ctx, c.found, c.taken)
			if err != nil {
				return fmt.Errorf("%s, %d: %w", c.behaviour, i, err)
			}
			if final {
				answered++
			}
		}
	}
	if t.Gateway.Capabilities().KeepsErrors && answered == 0 {
		return errors.New("no error of the provider's own counts as its answer")
	}
	return nil
}

// errs sends a charge that is answered by the provider's own error, and sends it again under its key. Final: the error counts as an answer.
func (p *Probe) errs(ctx context.Context, found want, taken int) (final bool, err error) {
	for n := range 2 {
		if n == 1 && p.Able.KeyLife == 0 {
			break
		}
		raw, o, err := p.ask(ctx)
		if err != nil {
			return false, err
		}
		told := o
		told.LookUpOnly, told.Failure = false, false
		switch {
		case n == 0 && raw.Kind != payment.InDoubt:
			return false, fmt.Errorf("an error is taken for %s (%s)", raw.Kind, raw.Reason)
		case raw.Answered && (!p.Able.KeepsErrors || raw.Kind != payment.InDoubt || !raw.LookUpOnly && !p.target.Traits.ErrorsAskAgain):
			return false, fmt.Errorf("%s (%s) counts as the provider's answer, and is sent again", raw.Kind, raw.Reason)
		case o.Kind != payment.InDoubt && found.check(told) != nil:
			return false, fmt.Errorf("request %d: %w", p.Sent, found.check(told))
		}
		final = final || raw.Answered
		if err := p.find(ctx, found); err != nil {
			return false, err
		}
		if err := p.books(ctx, taken); err != nil {
			return false, err
		}
	}
	return final, nil
}

func unreadableAnswers(ctx context.Context, t *Target) error {
	neverSeen := want{kinds: []payment.Kind{payment.InDoubt}, absent: true}
	for i := range faces {
		for _, r := range []row{
			{GarblesBefore, "", is(payment.InDoubt), neverSeen, 0, is(payment.Paid), want{}, 1},
			{GarblesAfter, "", is(payment.InDoubt), is(payment.Paid), 1, is(payment.Paid), want{}, 1},
		} {
			if err := r.named(ctx, t, fmt.Sprintf("face %d of %s", i, r.behaviour)); err != nil {
				return fmt.Errorf("%s, %d: %w", r.behaviour, i, err)
			}
		}
	}
	return nil
}
