package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/payment"
)

// Of an invoice only commands are shown that its state accepts: each is typed as it stands, and those that a gateway decides are refused
// for what it says alone.
func TestCommandsOfAnInvoice(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		attempt, invoice string
		there            payment.Status
		reason           string
		commands         int
		accepted         []string // of them, as they stand
	}{
		"amount differs":     {"review", "review", payment.Succeeded, "gateway booked 9.99 USD, invoice is 12.99 USD", 2, []string{"ignored"}},
		"no payment known":   {"review", "review", "", "no answer", 3, []string{"ignored"}},
		"rejected, unproven": {"rejected", "review", "", "a key is used twice", 2, []string{"ignored"}},
		"nothing was sent":   {"released", "review", "", "currency is unknown", 2, []string{"requeue", "void"}},
		"in doubt":           {"in_doubt", "charging", payment.Succeeded, "", 1, []string{"run billing"}},
		"paid":               {"succeeded", "paid", payment.Succeeded, "", 0, nil},
		"void":               {"declined", "void", payment.Declined, "", 0, nil},
		"dunning has ended":  {"declined", "uncollectible", payment.Declined, "", 1, []string{"reopen"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.past(t)
			id, _ := s.attempt(t, c.attempt, c.invoice, c.there)
			s.exec(t, "UPDATE invoices SET review_reason = NULLIF(?, ''), paid_at = IF(status = 'paid', UTC_TIMESTAMP(6), NULL)", c.reason)
			got := s.duly(t, "show", "invoice", fmt.Sprint(id))
			require.Equal(t, batch.ExitDone, got.code, got.err)
			var shown []string
			for line := range strings.Lines(got.out) {
				if command, ok := strings.CutPrefix(strings.TrimSpace(line), "duly "); ok {
					shown = append(shown, command)
				}
			}
			require.Len(t, shown, c.commands, got.out)
			for _, word := range c.accepted {
				fresh := newShop(t)
				fresh.past(t)
				fresh.attempt(t, c.attempt, c.invoice, c.there)
				fresh.exec(t, "UPDATE invoices SET review_reason = NULLIF(?, '')", c.reason)
				i := -1
				for n, command := range shown {
					if strings.Contains(command, word) {
						i = n
					}
				}
				require.GreaterOrEqual(t, i, 0, "%s: %s", word, got.out)
				typed := fresh.duly(t, words("duly " + strings.ReplaceAll(shown[i], "…", "why"))[1:]...)
				require.Equal(t, batch.ExitDone, typed.code, "%s: %s", shown[i], typed.err)
			}
		})
	}
}

// Rows that wait for one reason stand together, with their number, their first ids and the command to type.
func TestGroupsOfAList(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.past(t)
	for range 6 {
		s.attempt(t, "review", "review", payment.Succeeded)
	}
	s.exec(t, "UPDATE invoices SET review_reason = CONCAT('gateway booked ', id, ' KRW, invoice is 500 KRW')")
	for range 2 {
		s.exec(t, "UPDATE subscriptions SET review_reason = 'gateway \"maim\" is not configured' WHERE id = ?", s.enrol(t, "ok", 100))
	}
	lone, _ := s.attempt(t, "released", "review", "")
	s.exec(t, "UPDATE invoices SET review_reason = 'currency \"EUX\" is unknown' WHERE id = ?", lone)
	got := s.duly(t, "list", "review").out
	require.Regexp(t, `^6 invoices       gateway amount differs · since (\d+ \w+ )?\d\d:\d\d
  1, 2, 3 and 3 more · duly show invoice 1
1 invoice        currency "EUX" is unknown · since (\d+ \w+ )?\d\d:\d\d
  9 · duly show invoice 9
2 subscriptions  gateway "maim" is not configured · since (\d+ \w+ )?\d\d:\d\d
  7, 8 · fix the rows; a run clears them
$`, got)
}
