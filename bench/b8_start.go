package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"duly/internal/gateway/simulator"
)

const (
	startRows    = 1_000_000
	startDue     = 10
	startTarget  = 3
	restartBound = 3 * time.Second
)

// startUp is B8: how long a process takes from its start to its first request, beside the client of the database that asks for one row;
// and the one that is started after a kill -9.
func startUp(ctx context.Context, l *lab) (rows []row, err error) {
	if err := l.build(ctx); err != nil {
		return nil, err
	}
	n := l.size(startRows)
	s, err := l.bareSchema(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	if err := s.mostlyNotDue(ctx, n); err != nil {
		return nil, err
	}
	first, charge, client, again := make([]float64, l.rounds), make([]float64, l.rounds), make([]float64, l.rounds), make([]float64, l.rounds)
	for i := range l.rounds {
		asked, err := l.client(ctx, s)
		if err != nil {
			return nil, err
		}
		m, err := l.startRound(ctx, s)
		if err != nil {
			return nil, err
		}
		first[i], charge[i], client[i], again[i] = m.first.Seconds(), m.charge.Seconds(), asked.Seconds(), m.again.Seconds()
		l.say("  first request after %s, first charge after %s, the client took %s; after kill -9 the first claimed charge was asked about after %s", m.first, m.charge, asked, m.again)
	}
	return []row{
		{
			what:     fmt.Sprintf("start, %d subscriptions of which %d are due: first request ÷ mariadb -e 'select 1'", n, startDue),
			figure:   fmt.Sprintf("%.0f ms", 1000*median(first)),
			baseline: fmt.Sprintf("%.0f ms", 1000*median(client)),
			ratio:    median(first) / median(client),
			rounds:   ratios(first, client),
			target:   target{atMost: true, limit: startTarget},
			notes: []string{fmt.Sprintf("From the start of the process to the first request that the gateway gets, which is for its list; the first charge comes after %.0f ms (median).",
				1000*median(charge))},
		},
		{
			what:     "restart after kill -9 on the same host: first request about a charge that the dead run had claimed",
			figure:   fmt.Sprintf("%.2f s", median(again)),
			baseline: restartBound.String(),
			ratio:    median(again),
			rounds:   again,
			target:   target{atMost: true, limit: restartBound.Seconds()},
			absolute: true,
			notes:    []string{"In seconds. All that is due is claimed by the run that is killed while its first request is under way; run.lease is 60 s."},
		},
	}, nil
}

// mostlyNotDue adds n subscriptions of which few are due.
func (s *schema) mostlyNotDue(ctx context.Context, n int) error {
	today := s.lab.today()
	err := s.fill(ctx, insertSubscriptions, n, func(id int) []any {
		due := today + 20
		if id <= startDue {
			due = today
		}
		e := enrolled(id)
		return []any{e.id, e.customer(), gatewayName, e.method(), enrolledFor, e.amount(), enrolledIn, "month", due}
	})
	if err != nil {
		return err
	}
	if _, err := s.ExecContext(ctx, "ANALYZE TABLE subscriptions"); err != nil {
		return fmt.Errorf("analyze: %w", err)
	}
	return s.lab.quiet(ctx)
}

// client is how long the database's own client takes for a statement.
func (l *lab) client(ctx context.Context, s *schema) (time.Duration, error) {
	at, err := driver.ParseDSN(s.dsn())
	if err != nil {
		return 0, err
	}
	command := exec.CommandContext(ctx, "mariadb", "--no-defaults", "--socket", at.Addr, "--user", at.User, s.name, "-e", "select 1") //nolint:gosec // G204: a server of our own
	done, err := l.timed(command)
	return done.wall, err
}

// door stands before the gateway: it tells of the first request of a process, and of the first that is about a charge.
type door struct {
	next http.Handler
	now  func() time.Time

	mu            sync.Mutex
	first, charge time.Time
	met           chan struct{} // closed with the first charge
	hold          chan struct{} // charges wait until it is closed
}

// await gets the door ready for a process. With hold its charges are not let through.
func (d *door) await(hold bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.first, d.charge, d.met, d.hold = time.Time{}, time.Time{}, make(chan struct{}), make(chan struct{})
	if !hold {
		close(d.hold)
	}
}

// ServeHTTP implements http.Handler.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	hold := d.note(r.Method == http.MethodPost || strings.Contains(r.URL.Path, "by-key"))
	select {
	case <-hold:
		d.next.ServeHTTP(w, r)
	case <-r.Context().Done():
	}
}

// note notes a request, and returns what it waits for.
func (d *door) note(charge bool) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.first.IsZero() {
		d.first = d.now()
	}
	if !charge {
		through := make(chan struct{})
		close(through)
		return through
	}
	if d.charge.IsZero() {
		d.charge = d.now()
		close(d.met)
	}
	return d.hold
}

// since is how long after the instant the first request came, and the first about a charge.
func (d *door) since(begun time.Time) (first, charge time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.first.Sub(begun), d.charge.Sub(begun)
}

// startTimes are what one round of B8 measured.
type startTimes struct {
	first, charge, again time.Duration
}

func (l *lab) startRound(ctx context.Context, s *schema) (m startTimes, err error) {
	sim := simulator.New(simulator.Config{Token: gatewayToken, Seed: 1, Now: l.now})
	defer sim.Close()
	d := &door{next: sim, now: l.now}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return m, fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: d, ReadHeaderTimeout: slotTimeout}
	go func() { _ = server.Serve(listener) }() // until it is closed
	defer func() { err = errors.Join(err, server.Close(), s.rewind(ctx)) }()
	url := "http://" + listener.Addr().String()
	if m.first, m.charge, err = l.started(ctx, s, d, url, true); err != nil {
		return m, err
	}
	_, m.again, err = l.started(ctx, s, d, url, false)
	return m, err
}

// started starts a billing run. With kill it is killed with its first charge under way, else it ends by itself.
func (l *lab) started(ctx context.Context, s *schema, d *door, url string, kill bool) (first, charge time.Duration, err error) {
	d.await(kill)
	var output bytes.Buffer
	command := l.duly(ctx, s, url, "billing", "DULY_RUN_WITNESS=none")
	command.Stdout, command.Stderr = &output, &output
	begun := l.now()
	if err := command.Start(); err != nil {
		return 0, 0, fmt.Errorf("start duly: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	select {
	case <-d.met:
	case err := <-ended:
		return 0, 0, fmt.Errorf("duly ended before it charged anybody: %w: %s", err, output.String())
	}
	if kill {
		_ = command.Process.Kill() // it may have ended
	}
	if err := <-ended; err != nil && !kill {
		return 0, 0, fmt.Errorf("duly: %w: %s", err, output.String())
	}
	first, charge = d.since(begun)
	return first, charge, nil
}

// rewind makes the same subscriptions due again, as if they had never been charged.
func (s *schema) rewind(ctx context.Context) error {
	for _, statement := range []string{
		"DELETE FROM payment_attempts", "DELETE FROM invoices", "DELETE FROM bookings", "DELETE FROM events", "DELETE FROM event_deliveries",
		"DELETE FROM step_runs", "DELETE FROM job_runs", "DELETE FROM gateway_accounts", "DELETE FROM known_servers",
	} {
		if _, err := s.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("rewind: %w", err)
		}
	}
	_, err := s.ExecContext(ctx, "UPDATE subscriptions SET next_billing_date = ?, status = 'active' WHERE id <= ?", s.lab.today(), startDue)
	return err
}
