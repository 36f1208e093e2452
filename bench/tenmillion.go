package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"duly/bench/inprocess"
	"duly/bench/record"
)

const (
	millions       = 10_000_000
	oneDueIn       = 10
	millionsDisk   = 15 << 30 // for all of them
	millionsMemory = 1.1
	millionsRate   = 0.9
)

// tenMillion is 10M: one run over ten million subscriptions of which a million are due. Memory, claims and rate at its
// end are those of its begin.
func tenMillion(ctx context.Context, l *lab) (rows []row, err error) {
	n := l.size(millions)
	if err := l.enoughDisk(); err != nil {
		return nil, err
	}
	s, filled, err := l.millionsOf(ctx, n)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	before, err := s.sizes(ctx)
	if err != nil {
		return nil, err
	}
	l.say("  %d subscriptions in %.0f s: %s", n, filled.Seconds(), before)
	recorder, memory := &record.Spans{Now: l.now}, record.NewResidents(l.now, func() (int64, bool) { return residentSize(os.Getpid(), "VmRSS:") })
	stop := memory.Watch(ctx)
	done, err := worker{gateway: inprocess.Instant{}, parallelism: costParallelism, chunkSize: costChunk, trace: recorder.Trace}.bill(ctx, s)
	stop()
	if err != nil {
		return nil, err
	}
	due := n / oneDueIn
	if err := s.paid(ctx, due); err != nil {
		return nil, err
	}
	after, err := s.sizes(ctx)
	if err != nil {
		return nil, err
	}
	begin, end, err := recorder.Tenths()
	if err != nil {
		return nil, err
	}
	first, last, claims, err := recorder.Ends()
	if err != nil {
		return nil, err
	}
	few, many := memory.Within(begin), memory.Within(end)
	l.say("  %d charged in %.0f s, %s; memory %s to %s; claims %.1f to %.1f µs an item", due, done.took.Seconds(), perSecond(float64(due)/done.took.Seconds()),
		mebibytes(few), mebibytes(many), first, last)
	l.say("  now %s", after)
	return []row{
		{
			what: fmt.Sprintf("memory, last ÷ first tenth of %d due among %d", due, n), figure: mebibytes(many), baseline: mebibytes(few),
			ratio: many / few, target: target{atMost: true, limit: millionsMemory},
			notes: []string{"Largest resident size of this program, in which the worker runs, within the first and the last tenth of the charges."},
		},
		{
			what: fmt.Sprintf("claims, last %d ÷ first %d", claims, claims), figure: fmt.Sprintf("%.1f µs an item", last), baseline: fmt.Sprintf("%.1f µs at first", first),
			ratio: last / first, target: target{atMost: true, limit: flatTarget},
		},
		{
			what: "rate, last ÷ first tenth", figure: perSecond(end.Rate()), baseline: perSecond(begin.Rate()) + " at first",
			ratio: end.Rate() / begin.Rate(), target: target{limit: millionsRate},
			notes: []string{
				fmt.Sprintf("One run, %d slots, chunks of %d, a gateway in the process that answers at once: %.0f s, %s. Filling the table took %.0f s.",
					costParallelism, costChunk, done.took.Seconds(), perSecond(float64(due)/done.took.Seconds()), filled.Seconds()),
				"Before: " + before.String() + ".", "After: " + after.String() + ".",
			},
		},
	}, nil
}

// enoughDisk fails, with what is missing, unless there is room for the tables.
func (l *lab) enoughDisk() error {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(l.dir, &disk); err != nil {
		return fmt.Errorf("ask for the free disk: %w", err)
	}
	free, need := float64(disk.Bavail)*float64(disk.Bsize), millionsDisk*l.scale
	if free < need {
		return fmt.Errorf("needs %.1f GiB of free disk in %s, which has %.1f: set TMPDIR to a larger one, or -scale", need/(1<<30), os.TempDir(), free/(1<<30))
	}
	l.say("  %.1f GiB of disk are free, %.1f are needed", free/(1<<30), need/(1<<30))
	return nil
}

// The rows are made in the server, from its own tables of numbers. Those that are not due come due on one of the days
// of the month to come.
const insertMillions = `INSERT INTO subscriptions (id, customer_id, gateway, payment_method, description, amount, currency, interval_unit, next_billing_date)
SELECT seq, CONCAT('customer-', seq), ?, CONCAT('pm_ok:', seq), ?, 9900 + seq %% 50 * 100, ?, 'month',
IF(seq %% %d = 0, ?, ? + INTERVAL 1 + seq %% 28 DAY) FROM seq_%d_to_%d`

func (l *lab) millionsOf(ctx context.Context, n int) (s *schema, took time.Duration, err error) {
	if s, err = l.bareSchema(ctx); err != nil {
		return nil, 0, err
	}
	begun, today := l.now(), l.today()
	const chunk = 500_000
	for first := 1; first <= n; first += chunk {
		statement := fmt.Sprintf(insertMillions, oneDueIn, first, min(n, first+chunk-1))
		if _, err := s.ExecContext(ctx, statement, gatewayName, enrolledFor, enrolledIn, today, today); err != nil {
			return nil, 0, s.dropped(ctx, fmt.Errorf("fill the table: %w", err))
		}
	}
	if _, err := s.ExecContext(ctx, "ANALYZE TABLE subscriptions"); err != nil {
		return nil, 0, s.dropped(ctx, fmt.Errorf("analyze: %w", err))
	}
	took = l.now().Sub(begun)
	if err := l.quiet(ctx); err != nil {
		return nil, 0, s.dropped(ctx, err)
	}
	return s, took, nil
}
