package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/app"
	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/billing/record"
	"duly/internal/decide"
	"duly/internal/gateway/simulator"
	"duly/internal/inspect"
	"duly/internal/operator"
	"duly/internal/payment"
	"duly/internal/session"
	"duly/internal/test/golden"
)

// loseHistory takes the tables back to before any charge, as an older backup that is restored does. Everything that is due
// then is due again.
func (s *shop) loseHistory(t *testing.T) {
	t.Helper()
	for _, statement := range []string{
		"DELETE FROM payment_attempts", "DELETE FROM invoices", "DELETE FROM events", "DELETE FROM event_deliveries", "DELETE FROM bookings",
		"UPDATE subscriptions SET status = 'active', next_billing_date = UTC_DATE() - INTERVAL 1 DAY, cancelled_at = NULL, cancel_reason = NULL",
		"UPDATE gateway_accounts SET listed_from = NULL, listed_to = NULL, listed_at = NULL",
	} {
		s.exec(t, statement)
	}
}

// listUnknown writes every payment of the ledger that no attempt accounts for, as a run that lists the gateway does.
func (s *shop) listUnknown(t *testing.T) {
	t.Helper()
	for e := range s.sim.Entries() {
		if s.number(t, "SELECT COUNT(*) FROM payment_attempts WHERE idempotency_key = ? AND status IN ('succeeded', 'review')", e.Key) > 0 {
			continue
		}
		p := payment.Payment{
			ID: e.ID, Status: e.Status, Key: e.Key, Reference: e.Reference, CustomerID: e.CustomerID, Refunded: e.Refunded,
			Money: payment.Money{Amount: e.Amount, Currency: e.Currency}, CreatedAt: e.CreatedAt,
		}
		document, err := record.Encode(p)
		require.NoError(t, err)
		s.exec(t, `INSERT IGNORE INTO unknown_charges (account_id, gateway, idempotency_key, reference, gateway_payment_id, record)
SELECT MAX(id), 'main', ?, ?, ?, ? FROM gateway_accounts WHERE gateway = 'main'`, e.Key, e.Reference, e.ID, string(document))
		s.exec(t, `INSERT IGNORE INTO audit_findings (kind, reference, gateway_payment_id, detail) VALUES ('unknown_here', ?, ?, '{}')`, e.Reference, e.ID)
	}
}

// charges is the gateway's ledger by key.
func (s *shop) charges() []simulator.Entry {
	return slices.SortedFunc(s.sim.Entries(), func(a, b simulator.Entry) int { return cmp.Compare(a.Key, b.Key) })
}

// restored is a shop whose database has lost a billing run of the given behaviours, and was told of what the gateway lists.
func restored(t *testing.T, behaviours ...string) *shop {
	t.Helper()
	s := newShop(t)
	s.env = append(s.env, "DULY_GATEWAYS_MAIN_PARALLELISM=1") // the gateway numbers its payments as they come
	for i, b := range behaviours {
		s.enrol(t, b, int64(100*(i+1)))
	}
	got := s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	s.loseHistory(t)
	s.listUnknown(t)
	return s
}

// What was charged before a restore is shown, adopted, and never charged again.
func TestAdopt(t *testing.T) {
	t.Parallel()
	s := restored(t, "ok", "ok", "soft", "ok")
	before := s.tables(t)

	plan := s.duly(t, "adopt", "main")
	require.Equal(t, batch.ExitDone, plan.code, plan.err)
	require.Contains(t, plan.out, "4 charges at gateway main unknown here; nothing was changed")
	require.Contains(t, plan.out, `next: duly adopt main --reason "…"`)
	require.Equal(t, before, s.tables(t), "a plan changes nothing")
	require.Equal(t, plan, s.duly(t, "adopt", "main", "--dry-run", "--reason", "restored"))

	got := s.duly(t, "adopt", "main", "--reason", "restored a backup")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Contains(t, got.out, "4 charges adopted")
	require.Equal(t, int64(3), s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'paid' AND paid_at IS NOT NULL"))
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'open' AND stage = 1 AND next_attempt_date > UTC_DATE()"))
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM subscriptions WHERE status = 'past_due'"))
	require.Equal(t, int64(3), s.number(t, "SELECT COUNT(*) FROM bookings b JOIN payment_attempts a ON a.id = b.row_id AND a.gateway_payment_id = b.gateway_payment_id AND b.kind = 'attempt'"))
	require.Equal(t, int64(4), s.number(t, "SELECT COUNT(*) FROM payment_attempts WHERE proof = 'look_up' AND account_id IS NOT NULL AND attempt_no = 1 AND settled_at IS NOT NULL"))
	require.Equal(t, int64(3), s.number(t, "SELECT COUNT(*) FROM events WHERE type = 'invoice.paid'"))
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM events WHERE type = 'payment.failed'"))
	require.Zero(t, s.number(t, "SELECT COUNT(*) FROM unknown_charges WHERE adopted_at IS NULL"))
	require.Zero(t, s.number(t, "SELECT COUNT(*) FROM audit_findings WHERE resolved_at IS NULL"))
	require.Equal(t, int64(4), s.number(t, "SELECT COUNT(*) FROM operator_actions WHERE action = 'adopt' AND subject LIKE 'charge:sub!_%' ESCAPE '!' AND reason = 'restored a backup' AND who = ?", session.OperatorName()))

	adopted := s.tables(t)
	again := s.duly(t, "adopt", "main", "--reason", "once more")
	require.Equal(t, batch.ExitDone, again.code)
	require.Equal(t, "gateway main has no charge that is unknown here\n", again.out)
	require.Equal(t, adopted, s.tables(t))
	got = s.duly(t, "adopt", "main", "--key", "sub_1_"+yesterday(t, s)+"-1", "--reason", "once more")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Contains(t, got.out, "adopted already")
	require.Equal(t, adopted, s.tables(t))

	charges := len(s.sim.Ledger())
	run := s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitDone, run.code, run.err)
	require.Len(t, s.sim.Ledger(), charges, "nothing is charged again")
	require.Equal(t, int64(3), s.number(t, "SELECT COUNT(*) FROM subscriptions WHERE next_billing_date > UTC_DATE()"))
	require.Empty(t, s.sim.DoubleCharged())
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "audit").code)
}

// yesterday is the due date of those that enrol enrols, as keys have it.
func yesterday(t *testing.T, s *shop) string {
	t.Helper()
	var day string
	require.NoError(t, s.db.GetContext(t.Context(), &day, "SELECT DATE_FORMAT(UTC_DATE() - INTERVAL 1 DAY, '%Y%m%d')"))
	return day
}

// What the gateway says now is adopted, not what it said when it was listed.
func TestAdoptAsksAgain(t *testing.T) {
	t.Parallel()
	s := restored(t, "ok", "ok", "ok")
	ledger := s.charges()
	require.NoError(t, s.sim.Amend(ledger[0].ID, func(e *simulator.Entry) { e.Refunded = e.Amount }))
	require.NoError(t, s.sim.Amend(ledger[1].ID, func(e *simulator.Entry) { e.Refunded = e.Amount / 2 }))
	got := s.duly(t, "adopt", "main", "--reason", "restored", "--json")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	v := document[decide.AdoptView](t, got)
	as := map[string]string{}
	for _, c := range v.Charges {
		require.True(t, c.Done)
		as[c.PaymentID] = c.As
	}
	require.Equal(t, map[string]string{ledger[0].ID: "refunded", ledger[1].ID: "review", ledger[2].ID: "paid"}, as)
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'void'"))
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'review' AND review_reason LIKE '%of%was refunded at the gateway'"))

	s.sim.Update(func(c *simulator.Config) { c.Token = "another" })
	s.loseHistory(t)
	s.exec(t, "UPDATE unknown_charges SET adopted_at = NULL, adopted_as = NULL")
	before := s.tables(t)
	got = s.duly(t, "adopt", "main", "--reason", "restored")
	require.Equal(t, batch.ExitUsage, got.code, got.err)
	require.Contains(t, got.err, "could not be asked")
	require.Equal(t, before, s.tables(t), "without the gateway's word nothing is adopted")
}

// A second success under a period that is paid is an orphan: its number is passed over, and it is told of until the money
// is refunded.
func TestAdoptOfMoneyThatNoInvoiceAsksFor(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	id := s.enrol(t, "ok", 100)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	key := billing.Key(id, s.due(t), 2)
	inject := func(key, reference string) {
		_, err := s.sim.Inject(simulator.Entry{Key: key, Reference: reference, CustomerID: "cus_1", Method: "pm_ok", Amount: 100, Currency: "KRW"})
		require.NoError(t, err)
	}
	inject(key, strings.TrimSuffix(key, "-2"))
	inject("sub_999_20260101-1", "sub_999_20260101")
	s.listUnknown(t)

	got := s.duly(t, "adopt", "main", "--reason", "a second worker")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Contains(t, got.out, `next: duly resolve attempt 2 --as refunded --reason "…"`)
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM payment_attempts WHERE idempotency_key = ? AND status = 'review' AND attempt_no = 2", key))
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'paid' AND attempts = 2"))
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM audit_findings WHERE kind = 'charged_twice' AND resolved_at IS NULL"))
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM audit_findings WHERE kind = 'unknown_here' AND resolved_at IS NULL"), "of the subscription that is gone")
	require.Zero(t, s.number(t, "SELECT COUNT(*) FROM unknown_charges WHERE adopted_as IS NULL OR adopted_as <> 'orphan'"))

	resolve := []string{"resolve", "attempt", "2", "--as", "refunded", "--reason", "support refunded it"}
	require.Equal(t, batch.ExitUsage, s.duly(t, resolve...).code, "it is not refunded yet")
	for _, e := range s.charges() {
		if e.Key == key {
			require.NoError(t, s.sim.Amend(e.ID, func(e *simulator.Entry) { e.Refunded = e.Amount }))
		}
	}
	resolved := s.duly(t, resolve...)
	require.Equal(t, batch.ExitDone, resolved.code, resolved.err)
	require.Zero(t, s.number(t, "SELECT COUNT(*) FROM audit_findings WHERE kind = 'charged_twice' AND resolved_at IS NULL"))
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'paid'"), "the period stays paid")
}

// No word about a finding lets billing go on: only adopting its charge does.
func TestAFindingOfAnUnknownChargeIsAdopted(t *testing.T) {
	t.Parallel()
	s := restored(t, "ok")
	key := s.charges()[0].Key
	for _, as := range []string{"ignored", "refunded"} {
		got := s.duly(t, "resolve", "finding", "1", "--as", as, "--reason", "looks fine")
		require.Equal(t, batch.ExitUsage, got.code)
		require.Contains(t, got.err, "duly adopt main --key "+key+` --reason "…"`)
	}
	s.exec(t, "UPDATE audit_findings SET reference = 'of another'") // the gateway's word, not the key's
	require.Equal(t, batch.ExitUsage, s.duly(t, "resolve", "finding", "1", "--as", "ignored", "--reason", "looks fine").code)
	s.exec(t, "UPDATE audit_findings SET reference = ?", strings.TrimSuffix(key, "-1"))
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM audit_findings WHERE resolved_at IS NULL"))
	require.Equal(t, batch.ExitDone, s.duly(t, "adopt", "main", "--key", key, "--reason", "restored").code)
	require.Zero(t, s.number(t, "SELECT COUNT(*) FROM audit_findings WHERE resolved_at IS NULL"))
}

// The period's screen, and status, show what waits to be adopted.
func TestUnknownChargesAreShown(t *testing.T) {
	t.Parallel()
	s := restored(t, "ok", "ok")
	key := s.charges()[0].Key
	other := s.enrol(t, "ok", 100)
	for _, args := range [][]string{{"show", "subscription", "1"}, {"status"}} {
		got := s.duly(t, args...)
		require.Equal(t, batch.ExitDone, got.code, got.err)
		require.Contains(t, got.out, "duly adopt main", args)
	}
	require.NotContains(t, s.duly(t, "show", "subscription", fmt.Sprint(other)).out, "adopt")
	require.Contains(t, s.duly(t, "show", "subscription", "1").out, "next: duly adopt main --key "+key)
	require.Equal(t, []operator.GatewayCount{{Gateway: "main", Count: 2}}, document[inspect.StatusView](t, s.duly(t, "status", "--json")).UnknownCharges)
	s.exec(t, `INSERT INTO invoices (id, subscription_id, due_date, amount, currency, status, next_attempt_date, issued_date)
VALUES (50, 1, UTC_DATE() - INTERVAL 1 DAY, 100, 'KRW', 'open', UTC_DATE() - INTERVAL 1 DAY, UTC_DATE())`)
	require.Contains(t, s.duly(t, "show", "invoice", "50").out, "next: duly adopt main --key "+key)

	require.Equal(t, batch.ExitDone, s.duly(t, "adopt", "main", "--reason", "restored").code)
	require.NotContains(t, s.duly(t, "status").out, "duly adopt")
	require.NotContains(t, s.duly(t, "show", "invoice", "50").out, "duly adopt")
}

// Who looks may see the plan; who acts may adopt.
func TestTheRightsToAdopt(t *testing.T) {
	s := restored(t, "ok", "soft", "ok", "ok").guard(t)
	require.NoError(t, s.sim.Amend(s.charges()[2].ID, func(e *simulator.Entry) { e.Refunded = e.Amount }))
	s.exec(t, "DELETE FROM subscriptions WHERE id = 4")
	looking := s.as(operatorRole)
	got := looking.duly(t, "adopt", "main")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.NotEqual(t, batch.ExitDone, looking.duly(t, "adopt", "main", "--reason", "restored").code)
	got = s.as(actingRole).duly(t, "adopt", "main", "--reason", "restored")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Contains(t, got.out, "4 charges adopted")
}

// A row that a living run has in flight is refused, with what to do, and holds up no other.
func TestAdoptBesideARun(t *testing.T) {
	t.Parallel()
	s := restored(t, "ok", "ok")
	first := s.charges()[0]
	s.exec(t, `INSERT INTO job_runs (id, job, business_date, params, status, lease, lease_ms, host, pid, version)
VALUES (77, 'billing', UTC_DATE(), '{}', 'running', REPEAT('x', 16), 60000, 'elsewhere', 1, 'dev')`)
	s.exec(t, `INSERT INTO invoices (id, subscription_id, due_date, amount, currency, status, attempts, next_attempt_date, issued_date)
VALUES (50, 1, UTC_DATE() - INTERVAL 1 DAY, 100, 'KRW', 'charging', 1, UTC_DATE() - INTERVAL 1 DAY, UTC_DATE())`)
	s.exec(t, `INSERT INTO payment_attempts (id, invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount,
currency, gateway, payment_method, body_version, status, run_id, lease) VALUES (60, 50, 1, 1, 0, ?, ?, 'cus_1', 100, 'KRW', 'main', 'pm_ok', 1,
'in_flight', 77, REPEAT('y', 16))`, first.Key, first.Reference)
	got := s.duly(t, "adopt", "main", "--reason", "restored")
	require.Equal(t, batch.ExitUsage, got.code, got.err)
	require.Contains(t, got.err, "attempt 60 is in flight in run 77")
	require.Contains(t, got.out, "1 of 2 charges adopted, 1 refused")
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM payment_attempts WHERE id = 60 AND status = 'in_flight'"))

	s.exec(t, "UPDATE job_runs SET status = 'abandoned' WHERE id = 77")
	got = s.duly(t, "adopt", "main", "--reason", "restored")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM payment_attempts a JOIN invoices i ON i.id = a.invoice_id WHERE a.id = 60 AND a.status = 'succeeded' AND a.gateway_payment_id = ? AND i.status = 'paid'", first.ID))
}

// Every mistake is told of at once, and nothing is done.
func TestAdoptRefuses(t *testing.T) {
	t.Parallel()
	s := restored(t, "ok")
	for _, test := range []struct {
		args []string
		want []string
	}{
		{nil, []string{"say which gateway", "main"}},
		{[]string{"main", "second"}, []string{`"second" is one argument too many`}},
		{[]string{"second", "--reason", " "}, []string{`gateway "second" is not configured`, "--reason: say why"}},
		{[]string{"main", "--key", "sub_1", "--key", "sub_2"}, []string{`under "sub_1"`, `under "sub_2"`, "duly adopt main lists them"}},
	} {
		got := s.duly(t, append([]string{"adopt"}, test.args...)...)
		require.Equal(t, batch.ExitUsage, got.code, test.args)
		for _, want := range test.want {
			require.Contains(t, got.err, want)
		}
	}
	s.env = append(s.env, "DULY_GATEWAYS_MAIN_URL=http://127.0.0.1:1")
	got := s.duly(t, "adopt", "main", "--reason", "restored")
	require.Equal(t, batch.ExitUsage, got.code, got.err)
	require.Contains(t, got.err, "duly doctor --moved main http://127.0.0.1:")
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM unknown_charges WHERE adopted_at IS NULL"))
}

// What is printed fits a terminal, and says for each charge what became of it.
func TestAdoptGolden(t *testing.T) {
	t.Parallel()
	s := restored(t, "ok", "soft", "ok", "ok", "ok")
	ledger := s.charges()
	require.NoError(t, s.sim.Amend(ledger[2].ID, func(e *simulator.Entry) { e.Refunded = e.Amount }))
	require.NoError(t, s.sim.Amend(ledger[3].ID, func(e *simulator.Entry) { e.Amount-- }))
	s.exec(t, "DELETE FROM subscriptions WHERE id = ?", strings.Split(ledger[4].Key, "_")[1])
	s.each = func(a *app.Command) { a.Screen.Wide = 80 }
	var text strings.Builder
	for _, args := range [][]string{
		{"adopt", "main"}, {"adopt", "main", "--reason", "restored the backup of 3 May"}, {"adopt", "main"},
	} {
		got := s.duly(t, args...)
		require.Equal(t, batch.ExitDone, got.code, got.err)
		fmt.Fprintf(&text, "$ duly %s\n%s\n", strings.Join(args, " "), got.out)
	}
	golden.Equal(t, "adopt.golden", strings.ReplaceAll(steady(text.String()), yesterday(t, s), "YYYYMMDD"))
}

// due is the due date of those that enrol enrols.
func (s *shop) due(t *testing.T) (day payment.Date) {
	t.Helper()
	require.NoError(t, s.db.GetContext(t.Context(), &day, "SELECT UTC_DATE() - INTERVAL 1 DAY"))
	return day
}

// A run that met unknown charges says what ends them, and what it found itself is not from before.
func TestARunThatMetUnknownCharges(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.enrol(t, "ok", 100)
	s.enrol(t, "ok", 200)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	s.loseHistory(t)
	got := s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitFailed, got.code, got.out+got.err)
	require.EqualValues(t, 2, s.number(t, "SELECT COUNT(*) FROM audit_findings WHERE kind = 'unknown_here'"))
	require.Contains(t, got.out, "1. duly adopt main\n")
	require.NotContains(t, got.out, "duly doctor")
	require.NotContains(t, got.out, "from earlier runs")
	got = s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitFailed, got.code)
	require.Contains(t, got.out, "1. duly adopt main\n")
	require.Contains(t, got.out, "Findings   2 findings from earlier runs · duly list findings\n")
	require.Contains(t, s.duly(t, "show", "run", "2").out, "duly adopt main\n")
	require.Len(t, s.sim.DoubleCharged(), 0)
}
