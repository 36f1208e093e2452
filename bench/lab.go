package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"duly/bench/provider"
	"duly/internal/mysql"
	"duly/internal/mysql/private"
	"duly/internal/payment"
	"duly/migrations"
)

// lab is where benchmarks are made: a private server, and how much is to be measured.
type lab struct {
	rounds     int
	scale      float64
	profile    string
	statements bool   // print what each statement takes
	gateway    string // type of the gateways
	log        io.Writer
	now        func() time.Time

	dir      string
	server   *private.Server
	admin    *mysql.DB
	version  string // of the database server
	programs string // folder of the built programs; empty until they are
	last     int    // number of the schema made last
	costs    *costs // what B2 measured; nil until it did
}

// Both sides of every comparison run on this server: commits are durable, and the tables fit into its memory,
// as on a host that is made for them.
func serverOptions() []string {
	return []string{"--innodb-buffer-pool-size=1G", "--innodb-log-file-size=1G"}
}

func (l *lab) open(ctx context.Context) (err error) {
	if l.dir, err = os.MkdirTemp("", "duly-bench-"); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	options := serverOptions()
	if l.statements {
		options = append(options, statementOptions()...)
	}
	l.server, err = private.Start(ctx, private.Options{Dir: filepath.Join(l.dir, "db"), Args: options, Tied: true})
	if err != nil {
		return err
	}
	if l.admin, err = mysql.Open(l.server.DSN("mysql"), mysql.Options{MaxOpen: 1}); err != nil {
		return err
	}
	if err := l.admin.GetContext(ctx, &l.version, "SELECT SUBSTRING_INDEX(VERSION(), '-', 1)"); err != nil {
		return fmt.Errorf("ask for the server's version: %w", err)
	}
	return nil
}

func (l *lab) close() error {
	var errs []error
	if l.admin != nil {
		errs = append(errs, l.admin.Close())
	}
	if l.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		errs = append(errs, l.server.Stop(ctx))
	}
	return errors.Join(append(errs, os.RemoveAll(l.dir))...)
}

func (l *lab) say(format string, args ...any) {
	_, _ = fmt.Fprintf(l.log, format+"\n", args...)
}

// size is n at the scale of this run.
func (l *lab) size(n int) int { return max(100, int(float64(n)*l.scale)) }

// schema is a migrated schema of its own for one measurement.
type schema struct {
	*mysql.DB

	lab  *lab
	name string
}

// schema makes one with n due subscriptions, and waits until the server is idle.
func (l *lab) schema(ctx context.Context, n int) (*schema, error) {
	s, err := l.bareSchema(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.enrol(ctx, n); err != nil {
		return nil, s.dropped(ctx, err)
	}
	return s, l.quiet(ctx)
}

// bareSchema makes a migrated schema without rows.
func (l *lab) bareSchema(ctx context.Context) (*schema, error) {
	l.last++
	s := &schema{lab: l, name: fmt.Sprintf("bench_%d", l.last)}
	if _, err := l.admin.ExecContext(ctx, "CREATE DATABASE "+s.name); err != nil {
		return nil, fmt.Errorf("make a schema: %w", err)
	}
	db, err := mysql.Open(s.dsn(), mysql.Options{})
	if err != nil {
		return nil, err
	}
	s.DB = db
	if _, err := migrations.Up(ctx, db.DB.DB); err != nil {
		return nil, s.dropped(ctx, err)
	}
	return s, nil
}

func (s *schema) dsn() string { return s.lab.server.DSN(s.name) }

func (s *schema) drop(ctx context.Context) error {
	_, err := s.lab.admin.ExecContext(context.WithoutCancel(ctx), "DROP DATABASE "+s.name)
	return errors.Join(err, s.Close())
}

// dropped drops the schema because of an error.
func (s *schema) dropped(ctx context.Context, err error) error { return errors.Join(err, s.drop(ctx)) }

// today is the business date of every run.
func (l *lab) today() payment.Date { return payment.DateOf(l.now().UTC()) }

const insertSubscriptions = `INSERT INTO subscriptions (id, customer_id, gateway, payment_method, description, amount, currency,
interval_unit, next_billing_date) VALUES `

// What all subscriptions have alike.
const (
	enrolledFor = "Membership, monthly"
	enrolledIn  = "KRW"
)

// enrolment is a subscription by its id.
type enrolment struct{ id int }

func enrolled(id int) enrolment { return enrolment{id} }

func (e enrolment) customer() string { return fmt.Sprintf("customer-%d", e.id) }
func (e enrolment) method() string   { return fmt.Sprintf("pm_ok:%d", e.id) }
func (e enrolment) amount() int64    { return int64(9900 + e.id%50*100) }

// charge is the first charge of what is due.
func (e enrolment) charge(due payment.Date) payment.Charge {
	reference := fmt.Sprintf("sub_%d_%s", e.id, strings.ReplaceAll(due.String(), "-", ""))
	return payment.Charge{
		Key: reference + "-1", Reference: reference, CustomerID: e.customer(), Method: e.method(), Description: enrolledFor,
		Money: payment.Money{Amount: e.amount(), Currency: enrolledIn}, BodyVersion: payment.BodyVersion(""),
	}
}

// enrol adds n subscriptions that are due today.
func (s *schema) enrol(ctx context.Context, n int) error {
	due := s.lab.today()
	err := s.fill(ctx, insertSubscriptions, n, func(id int) []any {
		e := enrolled(id)
		return []any{e.id, e.customer(), gatewayName, e.method(), enrolledFor, e.amount(), enrolledIn, "month", due}
	})
	if err != nil {
		return err
	}
	for _, statement := range []string{provider.Identify(s.lab.gateway), "ANALYZE TABLE subscriptions"} {
		if _, err := s.ExecContext(ctx, cmp.Or(statement, "DO 0")); err != nil {
			return fmt.Errorf("enrol: %w", err)
		}
	}
	return nil
}

// quiet waits until the server has cleaned up behind the measurement before, so that no side pays for another.
func (l *lab) quiet(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	// Without this an idle server leaves changed pages where they are, or takes its time.
	settings := []string{"innodb_max_dirty_pages_pct = 0", "innodb_io_capacity_max = 20000", "innodb_io_capacity = 20000"}
	for _, setting := range settings {
		if _, err := l.admin.ExecContext(ctx, "SET GLOBAL "+setting); err != nil {
			return fmt.Errorf("flush the server: %w", err)
		}
	}
	defer func() {
		for _, setting := range slices.Backward(settings) {
			name, _, _ := strings.Cut(setting, " ")
			_, back := l.admin.ExecContext(context.WithoutCancel(ctx), "SET GLOBAL "+name+" = DEFAULT")
			err = errors.Join(err, back)
		}
	}()
	for {
		busy, err := l.status(ctx, "Innodb_history_list_length", "Innodb_buffer_pool_pages_dirty")
		if err != nil {
			return err
		}
		if busy["Innodb_history_list_length"] < 100 && busy["Innodb_buffer_pool_pages_dirty"] < 500 {
			return nil
		}
		timer := time.NewTimer(200 * time.Millisecond)
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("wait for an idle server: %w (%v)", ctx.Err(), busy)
		case <-timer.C:
		}
	}
}

// status reads counters of the server.
func (l *lab) status(ctx context.Context, names ...string) (map[string]int64, error) {
	var found []struct {
		Name  string `db:"Variable_name"`
		Value int64  `db:"Value"`
	}
	quoted := "'" + strings.Join(names, "','") + "'"
	if err := l.admin.SelectContext(ctx, &found, "SHOW GLOBAL STATUS WHERE Variable_name IN ("+quoted+")"); err != nil {
		return nil, fmt.Errorf("read the server's counters: %w", err)
	}
	out := map[string]int64{}
	for _, f := range found {
		out[f.Name] = f.Value
	}
	return out, nil
}
