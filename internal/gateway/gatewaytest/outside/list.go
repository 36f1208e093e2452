package outside

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"duly/internal/gateway"
	"duly/internal/gateway/contract"
	"duly/internal/gateway/gatewaytest"
	"duly/internal/payment"
)

// outsideLists are the rules of the list.
func outsideLists() []outsideRule {
	return []outsideRule{
		{name: "list", sentence: contract.SentenceList, needs: gatewaytest.Succeeds, excused: withoutList, rests: true, bodies: true, run: outsideList},
		{name: "list: edges of the window", sentence: contract.SentenceWindow, needs: gatewaytest.Succeeds, excused: withoutList, rests: true, run: outsideEdges},
	}
}

const (
	// smallPage is how many payments a listing of the suite asks for, so that it has several pages.
	smallPage = 3
	// mostPages is how many pages the suite reads: others may use the account at the same time.
	mostPages = 400
	// around is how much longer than the suite the window is that it lists, since clocks differ.
	around = 10 * time.Minute
)

// outsideList lists all that the suite paid, in pages of three.
func outsideList(ctx context.Context, o *session) error {
	for i := range 2 * smallPage {
		if len(o.payments()) > 2*smallPage {
			break
		}
		if _, err := o.pay(ctx, fmt.Sprintf("list %d", i)); err != nil {
			return err
		}
	}
	o.Wire.Pages(smallPage)
	defer o.Wire.Pages(0)
	newest := o.Now()
	for {
		listed, err := o.pages(ctx)
		if err != nil {
			return err
		}
		missing, err := o.compare(ctx, listed)
		switch {
		case err != nil:
			return err
		case missing == nil:
			o.listed = true
			return nil
		case o.Now().Sub(newest) > o.able.ListLag:
			return contract.Errorf(contract.SentenceList, "payment %s is not on %s, %s after it was made (list_lag: %s)",
				missing.ID, o.pagesOf(listed), o.Now().Sub(newest).Round(time.Second), o.able.ListLag)
		case !o.Provider.none() && o.Now().Sub(newest) > o.Patience:
			return cannotError(fmt.Sprintf("payment %s is not listed %s after it was made, and may be missing for %s (list_lag)", missing.ID, o.Patience, o.able.ListLag))
		case !o.pause(ctx):
			return context.Cause(ctx)
		}
	}
}

// pagesOf says how much was listed.
func (o *session) pagesOf(listed []payment.Payment) string {
	if o.Provider.none() {
		return fmt.Sprintf("its %d pages", (len(listed)+smallPage-1)/smallPage)
	}
	return fmt.Sprintf("the list of %d", len(listed))
}

// payments are the charges of the suite that the service answered with a payment, and lists.
func (o *session) payments() []*made {
	return slices.DeleteFunc(slices.Clone(o.made), func(p *made) bool {
		succeeds := p.behaviour == gatewaytest.Succeeds || p.behaviour == gatewaytest.PendsThenSucceeds
		return p.ID == "" || o.Provider.Traits.DeclinesUnlisted && !succeeds
	})
}

// pages reads a window around the suite to its end.
func (o *session) pages(ctx context.Context) ([]payment.Payment, error) {
	window := payment.Window{From: o.began.Add(-around), To: o.Now().Add(around)}
	var all []payment.Payment
	cursor, cursors, ids := "", map[string]bool{}, map[string]int{}
	for range mostPages {
		page, err := o.Gateway.List(ctx, window, cursor)
		if err != nil {
			return nil, listingBreach(err)
		}
		if o.Provider.none() && len(page.Payments) > smallPage {
			return nil, contract.Errorf(contract.SentencePageSize, "a page of %d, and %d were asked for", len(page.Payments), smallPage)
		}
		for _, p := range page.Payments {
			if strings.HasPrefix(p.Key, o.Prefix) {
				o.ids[p.ID] = true
			}
			at, again := ids[p.ID]
			switch n := len(all); {
			case again && !o.Provider.none(): // it may have changed since
				all[at] = p
				continue
			case again:
				return nil, contract.Errorf(contract.SentencePages, "payment %s is listed a second time", p.ID)
			case n > 0 && p.CreatedAt.Before(all[n-1].CreatedAt):
				return nil, contract.Errorf(contract.SentenceList, "payment %s is older than the one before it", p.ID)
			}
			ids[p.ID] = len(all)
			all = append(all, p)
		}
		switch {
		case page.Cursor == "":
			return all, nil
		case cursors[page.Cursor]:
			return nil, contract.Errorf(contract.SentencePages, "next_cursor %q comes a second time", page.Cursor)
		}
		cursors[page.Cursor], cursor = true, page.Cursor
	}
	return nil, contract.Errorf(contract.SentencePages, "there is no end after %d pages", mostPages)
}

// listingBreach is a listing that failed.
func listingBreach(err error) error {
	if strings.Contains(err.Error(), "followed by itself") {
		return contract.Errorf(contract.SentencePages, "%w", err)
	}
	if known, ok := errors.AsType[*gateway.ListError](err); ok && known.NoList {
		return contract.Errorf(contract.SentenceList, "there is no list: %w", err)
	}
	return contract.Errorf(contract.SentenceList, "the list cannot be read: %w", err)
}

// compare holds what is listed against what was paid. It returns a payment that is missing, which may be a matter of time.
func (o *session) compare(ctx context.Context, listed []payment.Payment) (missing *made, err error) {
	byKey := map[string][]payment.Payment{}
	for _, p := range listed {
		byKey[p.Key] = append(byKey[p.Key], p)
	}
	for _, p := range o.payments() {
		shown := byKey[p.Charge.Key]
		if len(shown) > 1 {
			return nil, &contract.Error{
				Sentence: contract.SentenceReplay, At: o.Wire.Listed(shown[1].ID),
				Found: fmt.Sprintf("%d payments under the key %s: %s and %s", len(shown), p.Charge.Key, shown[0].ID, shown[1].ID),
			}
		}
		if len(shown) == 0 {
			missing = p
			continue
		}
		if field := p.Charge.Mismatch(shown[0]); field != "" {
			return nil, &contract.Error{
				Sentence: contract.SentenceEcho, At: o.Wire.Listed(shown[0].ID),
				Found: fmt.Sprintf("the %s of payment %s is not that of the request", field, shown[0].ID),
			}
		}
		looked := o.look(ctx, payment.Ref{ID: shown[0].ID}).Payment
		if looked == nil {
			continue // another rule's
		}
		if gatewaytest.Same(shown, []payment.Payment{*looked}) != nil {
			return nil, contract.Errorf(contract.SentenceListed, "payment %s is listed as %s, and the look-up by id shows it as %s", looked.ID, standing(shown[0]), standing(*looked))
		}
	}
	return missing, nil
}

// standing is how a payment stands.
func standing(p payment.Payment) string {
	return fmt.Sprintf("%s, %s, %d refunded, made at %s", p.Status, p.Money, p.Refunded, p.CreatedAt.Format(time.RFC3339Nano))
}

// outsideEdges lists windows that begin and end at the instant of a payment.
func outsideEdges(ctx context.Context, o *session) error {
	if !o.Provider.none() && !o.listed {
		return cannotError("the list has not shown what was paid")
	}
	var made []payment.Payment
	for _, p := range o.payments() {
		if s := o.look(ctx, payment.Ref{ID: p.ID}); s.Payment != nil && !s.Payment.CreatedAt.IsZero() {
			made = append(made, *s.Payment)
		}
	}
	slices.SortFunc(made, func(a, b payment.Payment) int { return a.CreatedAt.Compare(b.CreatedAt) })
	if len(made) < 2 || !made[0].CreatedAt.Before(made[len(made)-1].CreatedAt) {
		return fmt.Errorf("%w: two payments with different times", gatewaytest.ErrNotOffered)
	}
	first, last := made[0], made[len(made)-1]
	for _, c := range []struct {
		says     string
		from, to time.Time
		want     payment.Payment
		listed   bool
	}{
		{"begins at its created_at", last.CreatedAt, last.CreatedAt.Add(around), last, true},
		{"ends at its created_at", first.CreatedAt, last.CreatedAt, last, false},
		{"begins at its created_at and ends at another's", first.CreatedAt, last.CreatedAt, first, true},
	} {
		all, err := o.target.All(ctx, payment.Window{From: c.from, To: c.to})
		if err != nil {
			return listingBreach(err)
		}
		listed := slices.ContainsFunc(all, func(p payment.Payment) bool { return p.ID == c.want.ID })
		if listed != c.listed {
			return contract.Errorf(contract.SentenceWindow, "the window %s: payment %s is listed: %v", c.says, c.want.ID, listed)
		}
	}
	return nil
}
