package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"duly/internal/gateway/simulator"
	"duly/internal/payment"
	"duly/jobs"
)

const (
	auditMany = 1_000_000
	auditFew  = 100_000
	auditMax  = 64 << 20
)

// audit is A1: how much an audit holds does not depend on how many payments there are.
func audit(ctx context.Context, l *lab) ([]row, error) {
	if err := l.build(ctx); err != nil {
		return nil, err
	}
	sizes := []int{l.size(auditFew), l.size(auditMany)}
	peaks, rates := make([][]float64, len(sizes)), make([][]float64, len(sizes))
	for range l.rounds {
		for i, n := range sizes {
			peak, took, err := l.auditRound(ctx, n)
			if err != nil {
				return nil, err
			}
			peaks[i], rates[i] = append(peaks[i], float64(peak)), append(rates[i], float64(n)/took.Seconds())
			l.say("  %d payments: %s at its peak, %.1f s", n, mebibytes(float64(peak)), took.Seconds())
		}
	}
	few, many := median(peaks[0]), median(peaks[1])
	return []row{{
		what:     fmt.Sprintf("audit, memory for %d ÷ %d payments", sizes[1], sizes[0]),
		figure:   fmt.Sprintf("%s, %s", mebibytes(many), perSecond(median(rates[1]))),
		baseline: fmt.Sprintf("%s, %s", mebibytes(few), perSecond(median(rates[0]))),
		ratio:    many / few,
		rounds:   ratios(peaks[1], peaks[0]),
		target:   target{atMost: true, limit: 1.1, also: "< 64 MiB", failed: many >= auditMax},
		notes: []string{
			"Peak resident size (VmHWM) of a `duly run audit` process of its own with the default configuration, against a simulator over loopback HTTP that lists a page of the payments at a time. Nothing differs, so nothing is looked up. The rate counts the whole process, its start included.",
		},
	}}, nil
}

const insertCharged = `INSERT INTO payment_attempts (id, invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id,
amount, currency, gateway, payment_method, body_version, status, gateway_payment_id, run_id, created_at, settled_at) VALUES `

func (l *lab) auditRound(ctx context.Context, n int) (peak int64, took time.Duration, err error) {
	s, err := l.schema(ctx, 0)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	sim := simulator.New(simulator.Config{Token: gatewayToken, Now: l.now})
	url, stop, err := serve(ctx, sim)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if err := s.charged(ctx, sim, n); err != nil {
		return 0, 0, err
	}
	if err := l.quiet(ctx); err != nil {
		return 0, 0, err
	}
	begun := l.now()
	peak, err = l.peak(ctx, s, url, jobs.AuditJob)
	took = l.now().Sub(begun)
	if err != nil {
		return 0, 0, err
	}
	return peak, took, s.audited(ctx, n)
}

// charged books n payments of the last hours on both sides.
func (s *schema) charged(ctx context.Context, sim *simulator.Simulator, n int) error {
	const hours = 20 * time.Hour
	first := s.lab.now().UTC().Truncate(time.Second).Add(-hours - time.Hour)
	var booking error
	err := s.fill(ctx, insertCharged, n, func(i int) []any {
		reference := fmt.Sprintf("sub_%d_20260131", i)
		e := simulator.Entry{
			Key: reference + "-1", Reference: reference, CustomerID: staleCustomer(i), Method: "card", Amount: staleAmount, Currency: "KRW",
			Status: payment.Succeeded, CreatedAt: first.Add(hours / time.Duration(n) * time.Duration(i)),
		}
		id, err := sim.Inject(e)
		booking = errors.Join(booking, err)
		return []any{
			i, i, i, 1, 0, e.Key, e.Reference, e.CustomerID, e.Amount, e.Currency, gatewayName, e.Method, payment.BodyVersion(""), "succeeded", id, 1,
			e.CreatedAt, e.CreatedAt,
		}
	})
	if err == nil {
		_, err = s.ExecContext(ctx, "ANALYZE TABLE payment_attempts")
	}
	return errors.Join(booking, err)
}

// audited fails unless the audit read n payments and found nothing.
func (s *schema) audited(ctx context.Context, n int) error {
	var read, found int
	if err := s.GetContext(ctx, &read, `SELECT SUM(read_count) FROM step_runs WHERE step = ?`, jobs.StepMatch); err != nil {
		return fmt.Errorf("read what was audited: %w", err)
	}
	if err := s.GetContext(ctx, &found, `SELECT COUNT(*) FROM audit_findings`); err != nil {
		return fmt.Errorf("count the findings: %w", err)
	}
	if read != n || found != 0 {
		return fmt.Errorf("%d of %d payments were compared, %d differ", read, n, found)
	}
	return nil
}
