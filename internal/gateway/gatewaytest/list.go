package gatewaytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// listings lists the cases of listing payments.
func listings() []Case {
	return []Case{
		{"list: edges of the window", "Windows that follow each other show each payment once.", listEdges},
		{"list: pages", "A page that is missed hides what was charged.", listPages},
		{"list: failures are errors", "A page that cannot be read is not an empty one.", listFails},
	}
}

// All lists a window to its end.
func (t *Target) All(ctx context.Context, w payment.Window) ([]payment.Payment, error) {
	const tooMany = 2000 // pages; the suite makes fewer payments
	var found []payment.Payment
	cursor := ""
	for range tooMany {
		page, err := t.Gateway.List(ctx, w, cursor)
		if err != nil {
			return nil, err
		}
		found = append(found, page.Payments...)
		switch page.Cursor {
		case "":
			return found, nil
		case cursor:
			return nil, errors.New("a page that is followed by itself")
		}
		cursor = page.Cursor
	}
	return nil, errors.New("a listing without end")
}

// series charges once with each behaviour, some time apart, and returns the records.
func (t *Target) series(ctx context.Context, name string, behaviours ...Behaviour) ([]payment.Payment, error) {
	if t.Pass == nil {
		return nil, fmt.Errorf("%w: letting time pass", ErrNotOffered)
	}
	var made []payment.Payment
	for i, b := range behaviours {
		p, err := t.begin(ctx, fmt.Sprintf("%s %d", name, i), b)
		if err != nil {
			return nil, err
		}
		s := t.Gateway.Look(ctx, payment.Ref{ID: p.ID})
		if s.Payment == nil {
			return nil, fmt.Errorf("look at %s: %s", p.ID, s.Reason)
		}
		made = append(made, *s.Payment)
		t.Pass(time.Minute)
	}
	return made, nil
}

// listed are the payments of made that the provider lists.
func (t *Target) listed(made []payment.Payment) []payment.Payment {
	if !t.Traits.DeclinesUnlisted {
		return made
	}
	return slices.DeleteFunc(slices.Clone(made), func(p payment.Payment) bool { return p.Status == payment.Declined || p.Status == payment.Pending })
}

// Same checks that exactly the payments of want were listed, in their order and as a look-up shows them.
func Same(got, want []payment.Payment) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d payments listed, want %d", len(got), len(want))
	}
	for i, p := range got {
		wanted := want[i]
		at := wanted.CreatedAt
		if wanted.CreatedAt = p.CreatedAt; p != wanted || !p.CreatedAt.Equal(at) {
			return fmt.Errorf("payment %d listed is %+v, want %+v", i+1, p, want[i])
		}
	}
	return nil
}

func listEdges(ctx context.Context, t *Target) error {
	if !t.Gateway.Capabilities().List {
		return nil
	}
	made, err := t.series(ctx, "list edges", Succeeds, DeclinesHard, Pends, IsCanceled, Succeeds)
	if err != nil {
		return err
	}
	at := func(i int) time.Time { return made[i].CreatedAt }
	const least = time.Microsecond
	for _, c := range []struct {
		name     string
		from, to time.Time
		want     []payment.Payment
	}{
		{"all", at(0), at(4).Add(least), made},
		{"from is in it", at(1), at(4).Add(least), made[1:]},
		{"before from is not", at(1).Add(least), at(4).Add(least), made[2:]},
		{"to is not in it", at(0), at(4), made[:4]},
		{"one", at(2), at(3), made[2:3]},
		{"none", at(2).Add(least), at(3), nil},
		{"from and to are one", at(2), at(2), nil},
		{"before all", at(0).Add(-time.Hour), at(0), nil},
		{"in another zone", at(1).In(time.FixedZone("", 9*3600)), at(3).In(time.FixedZone("", -5*3600)), made[1:3]},
	} {
		got, err := t.All(ctx, payment.Window{From: c.from, To: c.to})
		if err == nil {
			err = Same(got, t.listed(c.want))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

func listPages(ctx context.Context, t *Target) error {
	if !t.Gateway.Capabilities().List {
		return nil
	}
	const many = 1100 // more than a page of any provider
	first, err := t.series(ctx, "list first", Succeeds)
	if err != nil {
		return err
	}
	if err := t.plantOrCharge(ctx, many); err != nil {
		return err
	}
	t.Pass(time.Minute)
	ends := DeclinesHard
	if t.Traits.DeclinesUnlisted {
		ends = Succeeds
	}
	last, err := t.series(ctx, "list last", ends)
	if err != nil {
		return err
	}
	w := payment.Window{From: first[0].CreatedAt, To: last[0].CreatedAt.Add(time.Microsecond)}
	page, err := t.Gateway.List(ctx, w, "")
	if err != nil {
		return err
	}
	if page.Cursor == "" || len(page.Payments) > many {
		return fmt.Errorf("a first page of %d, and a cursor: %v", len(page.Payments), page.Cursor != "")
	}
	all, err := t.All(ctx, w)
	if err != nil {
		return err
	}
	if len(all) != many+2 {
		return fmt.Errorf("%d payments on all pages, want %d", len(all), many+2)
	}
	seen := map[string]bool{}
	for i, p := range all {
		switch {
		case seen[p.ID]:
			return fmt.Errorf("payment %s is listed twice", p.ID)
		case i > 0 && p.CreatedAt.Before(all[i-1].CreatedAt):
			return fmt.Errorf("payment %s is older than the one before", p.ID)
		}
		seen[p.ID] = true
	}
	return Same([]payment.Payment{all[0], all[len(all)-1]}, append(first, last...))
}

// plantOrCharge makes n payments, by the target's own means or by charging for them.
func (t *Target) plantOrCharge(ctx context.Context, n int) error {
	if t.Plant != nil {
		return t.Plant(ctx, n)
	}
	for i := range n {
		if _, err := t.begin(ctx, fmt.Sprintf("plant %d", i), Succeeds); err != nil {
			return err
		}
	}
	return nil
}

func listFails(ctx context.Context, t *Target) error {
	if !t.Gateway.Capabilities().List {
		return nil
	}
	if t.BreakLookUps == nil {
		return fmt.Errorf("%w: look-ups that fail", ErrNotOffered)
	}
	made, err := t.series(ctx, "list fails", Succeeds)
	if err != nil {
		return err
	}
	w := payment.Window{From: made[0].CreatedAt, To: made[0].CreatedAt.Add(time.Second)}
	defer t.BreakLookUps("")
	for _, fault := range lookUpFaults() {
		b := fault.behaviour
		t.BreakLookUps(b)
		_, err := t.Gateway.List(ctx, w, "")
		switch {
		case err == nil:
			return fmt.Errorf("%s: listed", b)
		case errors.Is(err, gateway.ErrMisconfigured):
			return fmt.Errorf("%s: taken for our token's fault: %w", b, err)
		}
		if known := new(gateway.ListError); errors.As(err, &known) && known.Failure != fault.failure {
			return fmt.Errorf("%s (%s), counted as a failure of the gateway: %v", b, known.Reason, known.Failure)
		}
	}
	t.BreakLookUps("")
	got, err := t.All(ctx, w)
	if err != nil {
		return err
	}
	return Same(got, made)
}
