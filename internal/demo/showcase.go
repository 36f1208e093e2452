package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/gateway/simulator"
	"duly/internal/mysql"
	"duly/internal/mysql/private"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/session"
	"duly/migrations"
)

// demoGateway is the name of the demo's payment provider.
const demoGateway = "simulator"

// Runner executes one command line of duly with a configuration, by a clock that is ahead by shift.
type Runner = func(ctx context.Context, c *config.Config, shift time.Duration, args []string) (code int, err error)

// showcase is a running demo.
type showcase struct {
	*session.Session

	run Runner

	dir    string
	server *private.Server
	db     *mysql.DB
	sim    *simulator.Simulator
	http   *http.Server
	dsn    string
	url    string
	due    payment.Date
	orders int
	report string // the file of the first night's
}

func Run(ctx context.Context, ses *session.Session, run Runner, subscriptions, orders int, keep bool) (err error) {
	d := &showcase{Session: ses, run: run, orders: orders}
	defer func() { err = errors.Join(err, d.end(ctx, keep && err == nil)) }()
	if err := d.start(ctx, keep); err != nil {
		return err
	}
	ses.Screen.Line("A shop with %s that are due on %s, and %s of the last hours, most of them left half-way. "+
		"Its gateway declines some, fails now and then, and loses answers.", cli.Plural(int64(subscriptions), "subscription"), d.due, cli.Plural(int64(orders), "order"))
	if err := Enrol(ctx, d.db, demoGateway, subscriptions, d.due); err != nil {
		return exit.Failed(err)
	}
	if err := Orders(ctx, d.db, d.sim, demoGateway, orders, d.Now()); err != nil {
		return exit.Failed(err)
	}
	if err := EachNight(d.sim, func(day int) error { return d.night(ctx, day) }); err != nil {
		return err
	}
	return d.account(ctx)
}

// EachNight calls night for the due date and for each day of a retry. The gateway's clock goes on as the shop's does, by whole days.
func EachNight(sim *simulator.Simulator, night func(day int) error) error {
	last := 0
	for _, day := range []int{0, 1, 3, 5} {
		sim.Advance(time.Duration(day-last) * 24 * time.Hour)
		if err := night(day); err != nil {
			return err
		}
		last = day
	}
	return nil
}

// start starts the database and the gateway.
func (d *showcase) start(ctx context.Context, keep bool) error {
	var err error
	if d.dir, err = os.MkdirTemp("", "duly-demo-"); err != nil {
		return exit.Failed(fmt.Errorf("make a folder for the demo: %w", err))
	}
	if d.server, err = private.Start(ctx, private.Options{Dir: filepath.Join(d.dir, "db"), Fast: true, Tied: !keep}); err != nil {
		return exit.Usage(err)
	}
	if err := session.CreateSchema(ctx, d.server); err != nil {
		return exit.Failed(err)
	}
	d.dsn = d.server.DSN(session.PrivateSchema)
	if d.db, err = mysql.Open(d.dsn, mysql.Options{}); err != nil {
		return exit.Failed(err)
	}
	if _, err := migrations.Up(ctx, d.db.DB.DB); err != nil {
		return exit.Failed(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return exit.Failed(fmt.Errorf("start the simulator: %w", err))
	}
	d.sim = simulator.New(simulator.Demo())
	d.http = &http.Server{Handler: d.sim, ReadHeaderTimeout: time.Minute}
	go func() { _ = d.http.Serve(listener) }() // until end closes it
	d.url = "http://" + listener.Addr().String()
	c, err := d.configure()
	if err != nil {
		return err
	}
	d.due = payment.DateOf(d.Now().In(c.Business.Location()))
	return nil
}

// configure is the demo's configuration: the defaults, with pauses as short as its days.
func (d *showcase) configure() (*config.Config, error) {
	gateway := "gateways." + demoGateway + "."
	c, err := config.Load(config.Options{NoFile: true, Flags: map[string]any{
		"database.dsn": d.dsn, gateway + "url": d.url, gateway + "token": "demo",
		gateway + "timeout": "1s", gateway + "backoff": "20ms",
		"run.lease": "15s", "run.heartbeat": "1s", "run.drain": "5s", "log.level": "error",
	}})
	if err != nil {
		return nil, exit.Failed(err)
	}
	return c, nil
}

// again is how often a night is repeated while its runs say that they left something.
const again = 5

// night runs the job on the given day after the due date, and again while it exits with 4, as a VM would.
func (d *showcase) night(ctx context.Context, day int) error {
	fmt.Fprintf(d.Screen.Out, "\nDay %d\n", day)
	if day > 0 {
		cards, err := NewCards(ctx, d.db)
		if err != nil {
			return exit.Failed(err)
		}
		if cards > 0 {
			d.Screen.Line("%s entered another card after a decline.", cli.Things(cards, "customer"))
		}
	}
	if day == 1 {
		late, err := LateCharges(ctx, d.db, d.sim)
		if err != nil {
			return exit.Failed(err)
		}
		if late > 0 {
			fmt.Fprintf(d.Screen.Out, "%d charges for orders that were given up arrived after all.\n", late)
		}
	}
	for range again {
		c, err := d.configure()
		if err != nil {
			return err
		}
		args := []string{"run", "nightly"}
		if d.report == "" {
			if d.report, err = reportFile(); err != nil {
				return err
			}
			args = append(args, "--"+cli.FlagReport, d.report)
		}
		code, err := d.run(ctx, c, time.Duration(day)*24*time.Hour, args)
		if err != nil {
			return err
		}
		switch code {
		case batch.ExitDone, batch.ExitReview:
			return nil
		case batch.ExitUnfinished:
			fmt.Fprintln(d.Screen.Out, "Exit code 4 asks for another run; here it is.")
		default:
			return exit.With(code, fmt.Errorf("the demo's run on day %d ended with exit code %d", day, code))
		}
	}
	return nil
}

// reportFile is a file that outlives the demo.
func reportFile() (string, error) {
	f, err := os.CreateTemp("", "duly-demo-*.html")
	if err != nil {
		return "", exit.Failed(fmt.Errorf("make a file for the report: %w", err))
	}
	return f.Name(), exit.Failed(f.Close())
}

// account prints what became of every subscription, and compares the gateway's ledger with the tables.
func (d *showcase) account(ctx context.Context) error {
	lines, err := Endings(ctx, d.db)
	if err != nil {
		return exit.Failed(err)
	}
	fmt.Fprintln(d.Screen.Out, "\nResult")
	d.endings("subscriptions", lines)
	if err := d.accountOrders(ctx); err != nil {
		return err
	}

	collected, err := Collected(ctx, d.db)
	if err != nil {
		return exit.Failed(err)
	}
	ledger, missing := 0, 0
	for e := range d.sim.Entries() {
		if !e.TookMoney() {
			continue
		}
		ledger++
		if collected[e.Key] != (payment.Money{Amount: e.Amount, Currency: e.Currency}) {
			missing++
		}
	}
	double := len(d.sim.DoubleCharged())
	_, findings, err := query.OpenFindings(ctx, d.db, 0)
	if err != nil {
		return exit.Failed(err)
	}
	d.Screen.Line("The gateway kept %d payments, the tables say %d; %d differ, %d double charges. The audits found %s.",
		ledger, len(collected), missing, double, cli.Plural(findings, "difference"))
	if ledger != len(collected) || missing > 0 || double > 0 || findings > 0 {
		return exit.With(batch.ExitFailed, errors.New("the gateway's ledger and the tables differ"))
	}
	d.Screen.Line("The report of the first night: %s", d.report)
	return nil
}

// endings prints what became of all, and returns how many they are.
func (d *showcase) endings(what string, lines []Line) (total int64) {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{what, "", "money"})
	for _, l := range lines {
		t.AppendRow(table.Row{l.What, l.Count, payment.Money{Amount: l.Amount, Currency: l.Currency}})
		total += l.Count
	}
	t.AppendFooter(table.Row{"all", total, ""})
	fmt.Fprintln(d.Screen.Out, t.Render())
	return total
}

// accountOrders prints what became of every order, and what does not add up.
func (d *showcase) accountOrders(ctx context.Context) error {
	lines, err := OrderEndings(ctx, d.db)
	if err != nil {
		return exit.Failed(err)
	}
	total := d.endings("orders", lines)
	wrong, err := CheckOrders(ctx, d.db, d.sim, d.orders)
	if err != nil {
		return exit.Failed(err)
	}
	if total != int64(d.orders) {
		wrong = append(wrong, fmt.Sprintf("%d orders were placed", d.orders))
	}
	if len(wrong) > 0 {
		return exit.With(batch.ExitFailed, errors.New("the orders do not add up: "+strings.Join(wrong, "; ")))
	}
	d.Screen.Line("Every order is settled, the stock adds up, and money is kept for completed orders alone.")
	return nil
}

// end stops what start started, or leaves the database up and says how to look into it.
func (d *showcase) end(ctx context.Context, keep bool) error {
	if d.sim != nil {
		d.sim.Close()
		_ = d.http.Close() // nobody asks any more
	}
	if d.db != nil {
		_ = d.db.Close() // nothing is in flight any more
	}
	if keep {
		d.server.Leave()
		fmt.Fprintf(d.Screen.Out, "\nThe database is still up. Look into it:\n  DULY_DATABASE_DSN='%s' duly status\nEnd it:\n  kill %d && rm -r %s\n",
			d.dsn, d.server.Pid(), d.dir)
		return nil
	}
	var err error
	if d.server != nil {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		err = d.server.Stop(stop)
	}
	return errors.Join(err, os.RemoveAll(d.dir))
}
