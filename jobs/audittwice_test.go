package jobs_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/payment"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// charged adds an attempt of an invoice of subscription n, with the id that the gateway gave, and returns the reference.
func (a *auditor) charged(n int, id string) (reference string) {
	a.t.Helper()
	reference = fmt.Sprintf("sub_%d_20260131", n)
	worktest.Exec(a.t, a.plain, `INSERT INTO invoices (id, subscription_id, due_date, amount, currency, status, issued_date, next_attempt_date)
VALUES (?, ?, '2026-01-31', 1000, 'KRW', 'paid', '2026-01-31', '2026-01-31')`, n, n)
	a.attempt(n, kept{Key: a.prefix + reference + "-1", Reference: reference})
	a.flush()
	worktest.Exec(a.t, a.plain, `UPDATE payment_attempts SET gateway_payment_id = ? WHERE invoice_id = ?`, id, n)
	return reference
}

// texts are what the findings tell.
func (a *auditor) texts() string {
	a.t.Helper()
	return strings.Join(worktest.List[string](a.t, a.plain, `SELECT CONCAT(kind, ': ', JSON_UNQUOTE(JSON_EXTRACT(detail, '$.text'))) FROM audit_findings ORDER BY kind, id`), "\n")
}

// A payment that is booked for a row is known, though it was made by hand, under another key and for nobody's reference.
func TestAuditKnowsWhatIsBooked(t *testing.T) {
	t.Parallel()
	for name, reference := range map[string]string{"by hand": "by hand", "under the invoice's reference": "sub_7_20260131"} {
		t.Run(name, func(t *testing.T) {
			a := newAuditor(t)
			id := a.there(kept{Key: "by-hand", Reference: reference})
			a.charged(7, id)
			worktest.Exec(t, a.plain, `INSERT INTO gateway_accounts (id, gateway, address) VALUES (1, 'main', ?)`, a.url)
			worktest.Exec(t, a.plain, `INSERT INTO bookings (account_id, gateway_payment_id, kind, row_id) SELECT 1, gateway_payment_id, 'attempt', id FROM payment_attempts`)
			worktest.Exec(t, a.plain, `INSERT INTO operator_actions (action, subject, who, host, detail)
SELECT 'resolve', CONCAT('attempt:', id), 'kim', 'pay-1', JSON_OBJECT('as', 'paid', 'payment', gateway_payment_id) FROM payment_attempts`)
			result := a.audit(nil)
			require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
			require.Empty(t, a.found())

			worktest.Exec(t, a.plain, `DELETE FROM bookings`)
			if reference == "by hand" {
				same := payment.Window{From: a.latest().Add(-24 * time.Hour), To: a.latest()}
				require.Equal(t, batch.ExitReview, a.audit(func(o *jobs.AuditOptions) { o.Window = same }).Exit)
				require.Equal(t, []string{"unknown_here by hand " + id}, a.found())
			}
		})
	}
}

// What another installation charged on the same account is nobody's here, whichever of the two has a prefix: its references are the
// same, and its subscriptions are not. The audit says how many there are.
func TestAuditOfTwoInstallations(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ ours, theirs string }{
		"the other one has a prefix": {"", "b-"}, "this one has a prefix": {"b-", ""}, "both have one": {"a-", "b-"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAuditor(t)
			a.prefix = c.ours
			a.charged(7, a.there(kept{Key: c.ours + "sub_7_20260131-1", Reference: "sub_7_20260131"}))
			for _, n := range []int{7, 8} { // a subscription that both have, and one that we have not
				a.there(kept{Key: fmt.Sprintf("%ssub_%d_20260131-1", c.theirs, n), Reference: fmt.Sprintf("sub_%d_20260131", n)})
			}
			result := a.audit(nil)
			require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
			require.Empty(t, a.found())
			require.Contains(t, strings.Join(a.notes, "\n"), "2 payments under keys with another prefix than gateways.main.key_prefix")

			a.now = a.now.Add(time.Hour)
			a.there(kept{Key: c.ours + "sub_7_20260131-2", Reference: "sub_7_20260131", At: a.latest().Add(-time.Minute)})
			result = a.audit(nil)
			require.Equal(t, batch.ExitReview, result.Exit, "%v %v", result, a.notes)
			require.Len(t, a.found(), 1, "our own are found")
		})
	}
}

// Before anybody is told to give a second payment back the gateway is asked for the first: if it has not got it, the second one is all
// the money that there is.
func TestAuditOfASecondPaymentThatIsTheOnlyOne(t *testing.T) {
	t.Parallel()
	a := newAuditor(t)
	a.both(500, kept{At: a.latest().Add(-20 * 3600e9)})
	a.both(501, kept{At: a.latest().Add(-3600e9)})
	right := a.charged(1, a.there(kept{Key: "sub_1_20260131-1", Reference: "sub_1_20260131"}))
	lost := a.charged(2, "pay_lost")
	for _, reference := range []string{right, lost} {
		a.there(kept{Key: "by-hand-" + reference, Reference: reference})
	}
	// Two of our own rows, of which the gateway has one.
	a.charged(3, a.there(kept{Key: "sub_3_20260131-1", Reference: "sub_3_20260131"}))
	a.tries = append(a.tries, []any{3, 3, 2, 0, "sub_3_20260131-2", "sub_3_20260131", "c", 1000, "KRW", "main", "pm", 1, "succeeded", 1, a.latest().Add(-12 * 3600e9)})

	result := a.audit(nil)
	require.Equal(t, batch.ExitReview, result.Exit, "%v", result)
	texts := a.texts()
	require.Contains(t, texts, "charged_twice: second charge under a paid reference, and unknown here\n")
	require.Contains(t, texts, "charged_twice: second charge under a paid reference, and unknown here, but payment pay_lost, which attempt 2 keeps, is unknown to gateway main")
	require.Contains(t, texts, "charged_twice: 2 payments are kept under one reference, but the payment under key sub_3_20260131-2, which attempt 4 keeps, is unknown to gateway main")
	require.Equal(t, []string{"missing", "missing"}, worktest.List[string](t, a.plain, `SELECT JSON_VALUE(detail, '$.kept') FROM audit_findings WHERE JSON_VALUE(detail, '$.kept') IS NOT NULL`))
}

// While the gateway does not answer for the first payment nothing is told of the second; the next audit asks again.
func TestAuditOfASecondPaymentWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	a := newAuditor(t)
	first := a.there(kept{Key: "sub_1_20260131-1", Reference: "sub_1_20260131"})
	a.charged(1, first)
	a.there(kept{Key: "by-hand", Reference: "sub_1_20260131"})
	var silent atomic.Bool
	silent.Store(true)
	a.asked = func(r *http.Request) {
		if silent.Load() && strings.HasSuffix(r.URL.Path, first) {
			panic(http.ErrAbortHandler)
		}
	}
	result := a.audit(nil)
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.Empty(t, a.found())
	require.Contains(t, strings.Join(result.Left, "\n"), "could not be asked whether it has the first: sub_1_20260131")
	silent.Store(false)
	require.Equal(t, batch.ExitReview, a.audit(nil).Exit)
	require.Len(t, a.found(), 1)
}
