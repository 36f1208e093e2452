package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// side is one way to write the rows, how fast it was, in items a second, and what an item cost, by round.
type side struct {
	name  string
	chunk int
	run   func(ctx context.Context, s *schema) (time.Duration, error)
	apart bool // run starts a process, whose processor time loads do not have
	rates []float64
	loads []load
}

// inTurn measures each side once a round, on n due subscriptions of its own. All must write the same rows. A round over
// midnight, when what is due changes, is measured again.
func (l *lab) inTurn(ctx context.Context, sides []*side, n int, columns columns) error {
	for round := 0; round < l.rounds; {
		day, written := l.today(), ""
		for _, x := range sides {
			sum, err := l.sideRound(ctx, x, n, columns)
			switch {
			case err != nil:
				return err
			case l.today() == day && written != "" && sum != written:
				return fmt.Errorf("%s wrote other rows: %s, not %s", x.name, sum, written)
			}
			written = sum
		}
		round++
		if l.today() != day {
			l.say("  midnight has passed: once more")
			round--
			for _, x := range sides {
				x.rates, x.loads = x.rates[:round], x.loads[:round]
			}
		}
	}
	return nil
}

func (l *lab) sideRound(ctx context.Context, x *side, n int, columns columns) (sum string, err error) {
	s, err := l.schema(ctx, n)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	if err := l.countStatements(ctx); err != nil {
		return "", err
	}
	before, err := l.meter(ctx)
	if err != nil {
		return "", err
	}
	took, err := x.run(ctx, s)
	if err != nil {
		return "", err
	}
	after, err := l.meter(ctx)
	if err != nil {
		return "", err
	}
	rate, spent := float64(n)/took.Seconds(), after.since(before, n)
	x.rates, x.loads = append(x.rates, rate), append(x.loads, spent)
	cost := spent.String()
	if x.apart {
		cost = spent.ofServer()
	}
	l.say("  %s, chunks of %d: %s; %s", x.name, x.chunk, perSecond(rate), cost)
	if err := l.sayStatements(ctx, n); err != nil {
		return "", err
	}
	return s.sum(ctx, columns)
}

func perSecond(rate float64) string { return fmt.Sprintf("%.0f/s", rate) }

func (x *side) String() string {
	texts := make([]string, len(x.rates))
	for i, r := range x.rates {
		texts[i] = perSecond(r)
	}
	return strings.Join(texts, ", ")
}

// load is what one item cost the database, and the processors.
type load struct{ statements, rows, server, client float64 }

func (c load) String() string {
	return fmt.Sprintf("%s and %.0f µs in the worker", c.ofServer(), c.client)
}

func (c load) ofServer() string {
	return fmt.Sprintf("%.3f statements and %.1f rows read an item, %.0f µs of processor time in the server", c.statements, c.rows, c.server)
}

// columns says which columns of attempts two sides have in common, beside those that all have.
type columns string

// What sides may have in common: all but ids, instants and the names of leases; not the leases; nor what the gateway
// numbers in the order of arrival.
const (
	everyColumn columns = ", lease IS NULL, gateway_payment_id"
	noLeases    columns = ", gateway_payment_id"
	noNumbers   columns = ", gateway_payment_id IS NULL"
)

// What both sides must have written alike, one line a table.
const (
	sumSubscriptions = `SELECT CONCAT(COUNT(*), ':', SUM(CRC32(CONCAT_WS('|', id, status, next_billing_date, anchor_day)))) FROM subscriptions`
	sumInvoices      = `SELECT CONCAT(COUNT(*), ':', SUM(CRC32(CONCAT_WS('|', subscription_id, due_date, amount, currency, status, stage, attempts,
next_attempt_date, issued_date, paid_at IS NULL)))) FROM invoices`
	sumAttempts = `SELECT CONCAT(COUNT(*), ':', SUM(CRC32(CONCAT_WS('|', subscription_id, attempt_no, stage, idempotency_key, reference, customer_id,
amount, currency, gateway, payment_method, method_type, description, body_version, status, doubted, message, settled_at IS NULL`
	sumEvents   = `SELECT CONCAT(COUNT(*), ':', SUM(CRC32(CONCAT_WS('|', type, subject, JSON_REMOVE(payload, '$.invoice_id', '$.attempt_id', '$.gateway_payment_id'), dedupe_key)))) FROM events`
	sumBookings = `SELECT CONCAT(COUNT(*), ':', SUM(CRC32(CONCAT_WS('|', gateway_payment_id, kind, proof IS NULL)))) FROM bookings`
)

// sum is a check sum of what a billing run writes.
func (s *schema) sum(ctx context.Context, columns columns) (string, error) {
	var sums []string
	queries := []string{sumSubscriptions, sumInvoices, sumAttempts + string(columns) + ")))) FROM payment_attempts", sumEvents}
	if columns == everyColumn {
		queries = append(queries, sumBookings)
	}
	for _, query := range queries {
		var sum string
		if err := s.GetContext(ctx, &sum, query); err != nil {
			return "", fmt.Errorf("sum the rows up: %w", err)
		}
		sums = append(sums, sum)
	}
	return strings.Join(sums, " "), nil
}
