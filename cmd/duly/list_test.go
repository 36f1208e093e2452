package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/gateway/simulator"
	"duly/internal/inspect"
	"duly/internal/payment"
	"duly/internal/test/golden"
	"duly/internal/view"
)

// backlog fills a shop with a row of each sort that waits.
func backlog(t *testing.T) *shop {
	t.Helper()
	s := newShop(t)
	s.past(t)
	s.attempt(t, "review", "review", payment.Succeeded)
	s.attempt(t, "rejected", "review", "")
	s.attempt(t, "released", "review", "")
	gone, _ := s.attempt(t, "released", "review", "")
	s.exec(t, "DELETE FROM subscriptions WHERE id = ?", gone)
	s.attempt(t, "review", "paid", payment.Succeeded)
	s.exec(t, "UPDATE invoices SET review_reason = CONCAT('the payment of invoice ', id, ' differs') WHERE status = 'review'")
	s.attempt(t, "in_flight", "charging", payment.Succeeded)
	s.attempt(t, "in_doubt", "charging", payment.Succeeded)
	orphan, _ := s.attempt(t, "in_doubt", "charging", payment.Succeeded)
	s.exec(t, "DELETE FROM subscriptions WHERE id = ?", orphan)

	bad := s.enrol(t, "ok", 100)
	s.exec(t, "UPDATE subscriptions SET review_reason = 'gateway \"maim\" is not configured' WHERE id = ?", bad)
	s.exec(t, "UPDATE subscriptions SET status = 'on_hold' WHERE id = ?", s.enrol(t, "ok", 100))
	s.exec(t, "UPDATE subscriptions SET status = 'trialing' WHERE id = ?", s.enrol(t, "ok", 100))
	s.exec(t, "UPDATE subscriptions SET status = 'trialing', next_billing_date = UTC_DATE() + INTERVAL 20 DAY WHERE id = ?", s.enrol(t, "ok", 100))
	s.exec(t, "UPDATE subscriptions SET status = 'paused' WHERE id = ?", s.enrol(t, "ok", 100))

	s.exec(t, `INSERT INTO subscription_changes (id, subscription_id, effective_date, kind, value, outcome) VALUES (1, ?, '2099-06-01', 'amount', '14900', NULL),
(2, ?, '2026-01-31', 'amount', 'x', 'planned change 2 (amount from 2026-01-31): value "x" is not a whole number of minor units'), (3, ?, '2099-06-01', 'method', 'pm_2', NULL)`, bad, bad, gone)

	frozen, _, _ := s.settles(t, "shipped", "review", payment.Succeeded)
	bare, _, _ := s.settles(t, "pending", "refunded", "")
	s.exec(t, "INSERT INTO order_checks (order_id, reason, checked_at) VALUES (?, 'payment differs', UTC_TIMESTAMP(6)), (?, 'product 1 is gone', UTC_TIMESTAMP(6)), (4711, 'its row is gone', UTC_TIMESTAMP(6))", frozen, bare)
	due, _, _ := s.settles(t, "pending", "pending", payment.Succeeded)
	later, _, _ := s.settles(t, "pending", "pending", payment.Succeeded)
	s.exec(t, "INSERT INTO order_checks (order_id, checks, next_check_at) VALUES (?, 2, UTC_TIMESTAMP(6) - INTERVAL 1 MINUTE), (?, 3, UTC_TIMESTAMP(6) + INTERVAL 1 HOUR)", due, later)

	s.exec(t, `INSERT INTO audit_findings (id, kind, reference, gateway_payment_id, detail, run_id) VALUES
(1, 'unknown_there', 'sub_1_20260101', 'pay_1', '{"text": "the gateway does not know payment pay_1", "gateway": "main"}', 1),
(2, 'charged_twice', 'ord_1', 'pay_2', '{"text": "payment pay_2 was the second one", "gateway": "main"}', NULL),
(3, 'unknown_here', 'sub_9_20260101', 'pay_3', '{"text": "nobody knows payment pay_3", "gateway": "main"}', NULL)`)
	s.exec(t, `INSERT INTO unknown_charges (account_id, gateway, idempotency_key, reference, gateway_payment_id, record) VALUES (1, 'main', 'sub_9_20260101-1', 'sub_9_20260101', 'pay_3', '{}')`)
	s.exec(t, `INSERT INTO events (id, type, subject, payload) VALUES (901, 'invoice.paid', 'subscription:1', '{}'), (902, 'stock.low', 'product:1', '{}')`)
	s.exec(t, `INSERT INTO event_deliveries (event_id, sink, subject, status, last_error, run_id) VALUES (901, 'webhook', 'subscription:1', 'dead', 'answered 500', 1),
(902, 'webhook', 'product:1', 'dead', 'answered 404', NULL), (902, 'slack', 'product:1', 'dead', 'not in the channel', NULL), (901, 'slack', 'subscription:1', 'delivered', NULL, NULL)`)
	paid, _ := s.attempt(t, "succeeded", "paid", payment.Succeeded)
	s.exec(t, `INSERT INTO refunds (id, invoice_id, amount, currency, reason, status, unsettled, refunded_before, sent_amount, sent_at, gateway, detail)
VALUES (1, ?, 100, 'KRW', 'asked for', 'review', 1, 0, 100, UTC_TIMESTAMP(6), 'main', 'its answer was lost, and the gateway shows no refund of 100 KRW')`, paid)
	s.exec(t, `INSERT INTO refunds (id, invoice_id, reason) VALUES (2, ?, 'the rest')`, paid)
	return s
}

// Each list has the rows that wait, and none else, for people and for programs.
func TestList(t *testing.T) {
	t.Parallel()
	s := backlog(t)
	var text strings.Builder
	for _, spec := range inspect.ListSpecs() {
		before := s.tables(t)
		grouped := s.duly(t, "list", spec.Name)
		require.Equal(t, batch.ExitDone, grouped.code, grouped.err)
		got := s.duly(t, "list", spec.Name, "--verbose")
		fmt.Fprintf(&text, "$ duly list %s\n%s\n$ duly list %[1]s --verbose\n%[3]s\n", spec.Name, grouped.out, got.out)
		doc := document[inspect.ListView](t, s.duly(t, "list", spec.Name, "--json"))
		require.Equal(t, spec.Name, doc.List)
		for _, row := range doc.Rows {
			require.Contains(t, got.out, fmt.Sprintf("%s %d", row.What, row.ID))
			require.NotEmpty(t, row.Next, "%s %d", row.What, row.ID)
			for _, way := range row.Next {
				require.Contains(t, got.out, way.Command)
			}
		}
		require.Equal(t, before, s.tables(t), "it only shows")
	}
	golden.Equal(t, "list.golden", strings.ReplaceAll(steady(text.String()), yesterday(t, s), "YYYYMMDD"))
}

// Every command of a list is one that there is. Those that ask no gateway are accepted as they stand; of the others, refusals say in a
// line what to type instead.
func TestEveryCommandOfAList(t *testing.T) {
	t.Parallel()
	s := backlog(t)
	accepted, sure, typed := 0, map[string]int{}, map[string]bool{}
	for _, spec := range inspect.ListSpecs() {
		rows := document[inspect.ListView](t, s.duly(t, "list", spec.Name, "--json")).Rows
		require.NotEmpty(t, rows, spec.Name)
		for _, row := range rows {
			for _, way := range row.Next {
				if strings.HasPrefix(way.Command, "duly run") || strings.HasPrefix(way.Command, "duly adopt") {
					continue // the first ends every doubt at once, and the record of the second is made up: see below
				}
				if typed[way.Command] {
					continue // an event that two receivers have not got
				}
				typed[way.Command] = true
				got := s.duly(t, words(strings.ReplaceAll(way.Command, "…", "why"))[1:]...)
				if !way.Asks {
					require.Equal(t, batch.ExitDone, got.code, "%s: %s", way.Command, got.err)
					sure[spec.Name]++
					continue
				}
				require.Contains(t, []int{batch.ExitDone, batch.ExitUsage}, got.code, "%s: %s", way.Command, got.err)
				if got.code == batch.ExitDone {
					accepted++
					break // it is moved on
				}
				require.Equal(t, 1, strings.Count(got.err, "\n"), got.err)
			}
		}
	}
	require.Equal(t, []int{10, 1, 2, 2, 2}, []int{sure["review"], sure["doubt"], sure["findings"], sure["dead-events"], sure["unknown"]})
	require.Zero(t, accepted, "nothing here is borne out by the gateway")
	for _, row := range document[inspect.ListView](t, s.duly(t, "list", "doubt", "--json")).Rows {
		got := s.duly(t, words(row.Next[0].Command)[1:]...)
		require.NotEqual(t, batch.ExitUsage, got.code, "%s: %s", row.Next[0].Command, got.err)
	}
}

// Filters narrow a list down; what is not listed is counted.
func TestListFilters(t *testing.T) {
	t.Parallel()
	s := backlog(t)
	for line, want := range map[string]string{
		"list review --what invoice":                    "invoice 1 invoice 2 invoice 3 invoice 4",
		"list review --what invoice --limit 1":          "invoice 1 +3",
		"list review --what attempt,subscription":       "attempt 5 subscription 9",
		"list review --what subscription --gateway man": "",
		"list review --reason MAIM":                     "subscription 9",
		"list review --what order":                      "order 1 order 2 order 4711",
		"list review --gateway main --what order":       "order 1 order 2",
		"list review --run 1 --what invoice":            "invoice 1 invoice 2",
		"list review --until 2026-01-31":                "",
		"list review --since 2020-01-31 --what attempt": "attempt 5",
		"list doubt --what attempt":                     "attempt 6 attempt 7 attempt 8",
		"list findings --kind unknown_there":            "finding 1",
		"list findings --run 1":                         "finding 1",
		"list findings --reason SECOND":                 "finding 2",
		"list dead-events --sink slack":                 "event 902",
		"list dead-events --reason 404":                 "event 902",
		"list unknown --what charge":                    "charge 1",
		"list unknown --what subscription":              "subscription 10 subscription 11",
		"list unknown --since 2999-01-01T00:00:00Z":     "",
	} {
		doc := document[inspect.ListView](t, s.duly(t, append(strings.Fields(line), "--json")...))
		var names []string
		for _, row := range doc.Rows {
			names = append(names, fmt.Sprintf("%s %d", row.What, row.ID))
		}
		if doc.More > 0 {
			names = append(names, fmt.Sprintf("+%d", doc.More))
		}
		require.Equal(t, want, strings.Join(names, " "), line)
	}
	require.Contains(t, s.duly(t, "list", "review", "--limit", "2").out, "and 8 more; --limit 10 lists them\n")
	require.Contains(t, s.duly(t, "list", "review", "--until", "2000-01-01").out, "no such row: nothing is in review\n")
}

func TestMistakesOfList(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for line, want := range map[string]string{
		"list":                                    "duly: duly list needs a command: changes, dead-events, doubt, findings, refunds, review, unknown\n",
		"list reviews":                            "duly: unknown command \"list reviews\"; did you mean duly list review?\n",
		"list review 7":                           "duly: duly list review takes no argument, and was given \"7\"\n",
		"list review --what finding":              "duly: --what: unknown value \"finding\": it is invoice, attempt, subscription, order or refund\n",
		"list findings --kind odd":                "duly: --kind: unknown value \"odd\": it is " + cli.Alternatives(inspect.FindingKinds()) + "\n",
		"list dead-events --sink webhok":          "duly: --sink: unknown value \"webhok\"; did you mean webhook?\n",
		"requeue event --dead --sink slack,tweet": "duly: --sink: unknown value \"tweet\": it is webhook or slack\n",
		"list review --limit 0":                   "duly: --limit: 0 is not a number from 1 to 10000\n",
		"list review --run 7":                     "duly: --run: no run 7; see duly runs\n",
		"list review --since tomorrow":            "duly: --since: \"tomorrow\" is neither a day such as 2026-01-31 nor an instant such as 2026-01-31T09:00:00Z\n",
	} {
		got := s.duly(t, strings.Fields(line)...)
		require.Equal(t, batch.ExitUsage, got.code, line)
		require.Equal(t, want, got.err, line)
	}
}

// A run names the rows that it sent to review, with the command that moves each on, and the command that lists them all.
func TestARunNamesWhatItSendsToReview(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for range 7 {
		s.enrol(t, "", 100)
	}
	s.exec(t, "UPDATE subscriptions SET customer_id = CONCAT('cus_', id), payment_method = CONCAT('card:', id), amount = IF(id = 1, -1, 100)")
	s.sim.Update(func(c *simulator.Config) { c.Shares = simulator.Shares{Reject: 1} })
	got := s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitReview, got.code, got.out+got.err)
	require.Contains(t, got.out, "Review     7 need you · duly list review\n")
	require.Regexp(t, `\n           6 invoices      .* \(\d+, \d+, \d+ and 3 more\) · duly requeue invoice \d+\n`, got.out)
	require.Contains(t, got.out, "\n           subscription 1  amount -1 is negative: fix the row\n")
	rows := document[inspect.ListView](t, s.duly(t, "list", "review", "--run", "1", "--json")).Rows
	require.Len(t, rows, 7)

	s.exec(t, "UPDATE invoices SET status = 'paid' WHERE id > 1")
	doc := document[view.Summary](t, s.duly(t, "run", "billing", "--json"))
	require.Empty(t, doc.Reviewed, "what waited before is counted, not named")
	require.Equal(t, int64(2), doc.OlderReview)
}

// What waited before a run is counted as the lists show it, and each list is named.
func TestWhatWaitedBeforeARunIsCountedByList(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.past(t)
	s.attempt(t, "review", "paid", "")
	s.exec(t, `INSERT INTO order_checks (order_id, reason, checked_at) VALUES (91, 'odd', UTC_TIMESTAMP(6)), (92, 'odd', UTC_TIMESTAMP(6))`)
	s.exec(t, `INSERT INTO event_deliveries (event_id, sink, status) VALUES (1, 'webhook', 'dead'), (1, 'slack', 'dead')`)
	s.exec(t, `INSERT INTO audit_findings (kind, reference, detail) VALUES ('unknown_here', 'a', '{}')`)
	got := s.duly(t, "run", "report")
	require.Equal(t, batch.ExitDone, got.code, got.out+got.err)
	require.Contains(t, got.out, "\nReview     3 from earlier runs · duly list review\n"+
		"Given up   2 events from earlier runs · duly list dead-events\nFindings   1 finding from earlier runs · duly list findings\n")
	require.Len(t, document[inspect.ListView](t, s.duly(t, "list", "review", "--json")).Rows, 3)
	require.Equal(t, int64(6), document[view.Summary](t, s.duly(t, "run", "report", "--json")).OlderReview)
	require.Contains(t, s.duly(t, "status").out, "Review    3, oldest ")
}

// A run names what it left.
func TestARunNamesWhatItLeaves(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.past(t)
	id, _ := s.attempt(t, "in_doubt", "charging", "")
	s.exec(t, "UPDATE payment_attempts SET next_check_at = UTC_TIMESTAMP(6) + INTERVAL 1 HOUR, checks = 3")
	due := s.enrol(t, "ok", 100)
	s.exec(t, `INSERT INTO pauses (subject, who, reason) VALUES ('gateway:main', 'kim', 'down')`)
	got := s.duly(t, "run", "billing", "--json")
	require.Equal(t, batch.ExitUnfinished, got.code, got.out+got.err)
	doc := document[view.Summary](t, got)
	var names []string
	for _, row := range doc.LeftRows {
		names = append(names, fmt.Sprintf("%s %d of subscription %d: %s", row.What, row.ID, row.Subscription, row.Next[0].Command))
	}
	require.Contains(t, names, fmt.Sprintf("attempt %d of subscription %d: duly run billing --subscription %d", id, id, id))
	require.Contains(t, strings.Join(names, "\n"), fmt.Sprintf("of subscription %d: duly run billing --subscription %d", due, due))
	require.Contains(t, doc.Next, "duly list doubt")
	require.WithinDuration(t, time.Now(), doc.LeftRows[0].Since, 48*time.Hour*30)
}

// A run that nothing is in review after names the list that has what waits: what nobody bills for its status.
func TestARunNamesTheListOfWhatIsUnknown(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.exec(t, "UPDATE subscriptions SET status = 'on_hold' WHERE id = ?", s.enrol(t, "ok", 100))
	got := s.duly(t, "run", "billing", "--json")
	require.Equal(t, batch.ExitReview, got.code, got.out+got.err)
	require.Equal(t, []string{"duly list unknown"}, document[view.Summary](t, got).Next)

	s.exec(t, "UPDATE subscriptions SET amount = -1 WHERE id = ?", s.enrol(t, "ok", 100))
	doc := document[view.Summary](t, s.duly(t, "run", "billing", "--json"))
	require.Len(t, doc.Reviewed, 1)
	require.Contains(t, doc.Next, fmt.Sprintf("duly list review --run %d", doc.Run))
	require.Contains(t, doc.Next, "duly list unknown")
}

// A row whose date is none is listed once, where the database takes 0000-00-00 for no date as well.
func TestAnUnknownStatusWithoutADateIsListedOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	id := s.enrol(t, "ok", 100)
	s.exec(t, fmt.Sprintf(`SET SESSION sql_mode = 'ALLOW_INVALID_DATES'; UPDATE subscriptions SET status = 'on_hold', next_billing_date = '0000-00-00' WHERE id = %d;
SET SESSION sql_mode = DEFAULT`, id))
	rows := document[inspect.ListView](t, s.duly(t, "list", "unknown", "--json")).Rows
	require.Len(t, rows, 1)
}

// An order that the shop shipped before its payment succeeded is checked again: of the payment there is nothing to decide.
func TestTheWayOutOfAnOrderThatWasShippedFirst(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.past(t)
	id, paid, _ := s.settles(t, "shipped", "succeeded", payment.Succeeded)
	s.exec(t, "INSERT INTO order_checks (order_id, reason, checked_at) VALUES (?, 'the payment succeeded while the order was shipped', UTC_TIMESTAMP(6))", id)
	ways := func() []string {
		var commands []string
		for _, w := range document[inspect.ListView](t, s.duly(t, "list", "review", "--json")).Rows[0].Next {
			commands = append(commands, w.Command)
		}
		return commands
	}
	require.Equal(t, []string{fmt.Sprintf("duly requeue order %d", id)}, ways())
	require.Contains(t, s.duly(t, "show", "order", fmt.Sprint(id)).out, ways()[0])

	s.exec(t, `INSERT INTO payments (order_id, gateway, status, amount, currency, created_at, updated_at)
SELECT order_id, gateway, 'review', amount, currency, created_at, updated_at FROM payments WHERE id = ?`, paid)
	require.Contains(t, ways()[0], fmt.Sprintf("duly resolve payment %d --as not_executed", paid+1))
	s.exec(t, "DELETE FROM payments WHERE id > ?", paid)
	s.does(t, strings.TrimPrefix(ways()[0], "duly "))
	s.after(t, "reconcile")
	require.Empty(t, document[inspect.ListView](t, s.duly(t, "list", "review", "--json")).Rows)
}
