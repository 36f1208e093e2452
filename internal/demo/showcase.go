package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/gateway/simulator"
	"duly/internal/payment"
	"duly/internal/session"
	"duly/jobs"
)

// Runner executes one command line of duly with a configuration, by a clock that is ahead by shift. It prints to out and errs.
type Runner = func(ctx context.Context, out, errs io.Writer, c *config.Config, shift time.Duration, args []string) (code int, err error)

// Options says what a demo shows.
type Options struct {
	Subscriptions, Orders int
	// Gateway is whose API the gateway speaks: one of [Gateways].
	Gateway string
	// Keep holds the database and the gateway until the context ends.
	Keep bool
	// Verbose prints what every night prints, and every ending.
	Verbose bool
}

// check finds what cannot be shown.
func (o Options) check() error {
	switch {
	case o.Subscriptions < 1:
		return exit.Usagef("--subscriptions: at least 1")
	case o.Orders < 0:
		return exit.Usagef("--orders: %d is negative", o.Orders)
	case !slices.Contains(Gateways(), o.Gateway):
		return exit.Usagef("--gateway: %q is none of %s", o.Gateway, strings.Join(Gateways(), ", "))
	}
	return nil
}

// showcase is a running demo.
type showcase struct {
	*session.Session
	*environment

	Options

	screen  *screen
	run     Runner
	program string // this one's file
	began   time.Time
	due     payment.Date
	booked  int // payments at the gateway before the first night
	page    string
	kills   int
	witness string   // the key of a charge that was found paid after a worker died; empty: there is none
	said    Standing // how the subscriptions and orders stood when it was told last
}

// Run shows four nights of a shop: a worker that is killed in the first, the next one that recovers what it left, the retries, and the
// count that must add up. It fails if anything does not.
func Run(ctx context.Context, ses *session.Session, run Runner, o Options) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	d := &showcase{Session: ses, Options: o, screen: newScreen(ses.Screen), run: run, began: ses.Now()}
	if d.program, err = os.Executable(); err != nil {
		return exit.Failed(fmt.Errorf("find this program's file: %w", err))
	}
	d.environment, err = startEnvironment(ctx, o.Gateway)
	defer func() { err = errors.Join(err, d.end(ctx)) }()
	if err != nil {
		return err
	}
	if err := d.open(ctx); err != nil {
		return err
	}
	if err := EachNight(d.sim, d.Gateway, func(day int) error { return d.night(ctx, day) }); err != nil {
		d.explain(err)
		return err
	}
	err = d.account(ctx)
	if d.Keep {
		err = errors.Join(err, d.hold(ctx))
	}
	return err
}

// explain writes the end of what the nights printed, if it was not shown.
func (d *showcase) explain(err error) {
	const lines = 40
	if text := tail(d.printed, lines); text != "" && !d.Verbose && !errors.Is(err, context.Canceled) {
		fmt.Fprintf(d.Screen.Err, "what the nights printed last:\n%s\n", text)
	}
}

// open fills the shop.
func (d *showcase) open(ctx context.Context) error {
	c, err := d.configure()
	if err != nil {
		return err
	}
	d.due = payment.DateOf(d.Now().In(c.Business.Location()))
	if err := Enrol(ctx, d.db, gatewayName, d.Gateway, d.Subscriptions, d.due); err != nil {
		return exit.Failed(err)
	}
	if err := Orders(ctx, d.db, d.sim, gatewayName, d.Gateway, d.Options.Orders, d.Now()); err != nil {
		return exit.Failed(err)
	}
	d.booked = d.sim.Stats().Payments
	if d.said, err = StandingOf(ctx, d.db); err != nil {
		return err
	}
	line := cli.Things(int64(d.Subscriptions), "subscription") + " due, "
	if d.Options.Orders > 0 {
		line += cli.Things(d.said.Open, "unsettled order") + ", "
	}
	d.screen.text(line+title(d.Gateway)+" that loses answers", 0)
	return nil
}

// EachNight calls night for the due date and for each day of a retry at a gateway of a type. The gateway's clock goes on as the shop's does, by
// whole days.
func EachNight(sim *simulator.Simulator, gateway string, night func(day int) error) error {
	last := 0
	for _, day := range nights(gateway) {
		sim.Advance(time.Duration(day-last) * 24 * time.Hour)
		if err := night(day); err != nil {
			return err
		}
		last = day
	}
	return nil
}

// titles say what a night is about, by its day.
func titles(day int) string {
	switch day {
	case 0:
		return "due date"
	case 1:
		return "retry 1"
	case 3:
		return "retry 2"
	case 5:
		return "last retry"
	}
	return "retries that a card network put off"
}

// night shows one night: what happened since the last one, the jobs, and what became of everything.
func (d *showcase) night(ctx context.Context, day int) error {
	cards := int64(0)
	if day > 0 {
		var err error
		if cards, err = NewCards(ctx, d.db); err != nil {
			return exit.Failed(err)
		}
	}
	if day == 1 {
		if _, err := LateCharges(ctx, d.db, d.sim); err != nil {
			return exit.Failed(err)
		}
	}
	title := titles(day)
	if cards > 0 {
		title += " · " + cli.Things(cards, "new card")
	}
	date := payment.DateOf(d.due.Time().AddDate(0, 0, day))
	if day == 0 || d.Verbose {
		d.screen.text("", 0)
	}
	d.screen.text(fmt.Sprintf("Day %d  %s · %s", day, cli.DayOf(date.String()), title), 0)
	began := d.Now()
	charges := func() string {
		return fmt.Sprintf("  %s %s · %s at the gateway · %s", cli.SignLive, jobs.NightlyJob,
			cli.Things(int64(d.sim.Stats().Payments-d.booked), "charge"), cli.Took(d.Now().Sub(began)))
	}
	jobsOfNight := func() error { return d.repeat(ctx, day) }
	if day == 0 {
		jobsOfNight = func() error { return d.firstNight(ctx) }
	}
	if !d.Verbose {
		whole := jobsOfNight
		jobsOfNight = func() error { return d.screen.during(d.Every, charges, whole) }
	}
	if err := jobsOfNight(); err != nil {
		return err
	}
	return d.outcome(ctx, day)
}

// prints is where a night prints.
func (d *showcase) prints() (out, errs io.Writer) {
	if d.Verbose {
		return d.Screen.Out, d.Screen.Err
	}
	return d.printed, d.printed
}

// firstNight runs a night whose worker is killed, and then another that goes on. Without orders there is no payment from before the night by which
// the gateway's word could be checked that a charge did not arrive: such charges would wait for an operator, so nothing is killed.
func (d *showcase) firstNight(ctx context.Context) error {
	if d.Options.Orders == 0 {
		return d.repeat(ctx, 0)
	}
	out, _ := d.prints()
	w, err := d.startWorker(ctx, d.program, d.Screen.Env, out)
	if err != nil {
		return err
	}
	died, err := d.killWorker(ctx, w, d.Subscriptions, func() error { return d.settledOrders(ctx) })
	if err != nil {
		return err
	}
	if died != nil {
		d.kills++
		d.died(died)
	}
	if err := d.repeat(ctx, 0); err != nil || died == nil {
		return err
	}
	recovered, err := d.recovered(ctx, died)
	if err != nil {
		return err
	}
	d.witness = recovered.witness
	d.resumed(died, recovered)
	return nil
}

// again is how often a night is repeated while its runs say that they left something.
const again = 5

// repeat runs the job on the given day after the due date, and again while it exits with 4, as a VM would.
func (d *showcase) repeat(ctx context.Context, day int) error {
	for range again {
		c, err := d.configure()
		if err != nil {
			return err
		}
		args := []string{"run", jobs.NightlyJob}
		if d.page == "" {
			if d.page, err = pageFile(); err != nil {
				return err
			}
			args = append(args, "--"+cli.FlagReport, d.page)
		}
		out, errs := d.prints()
		code, err := d.run(ctx, out, errs, c, time.Duration(day)*24*time.Hour, args)
		if err != nil {
			return err
		}
		switch code {
		case batch.ExitDone, batch.ExitReview:
			return nil
		case batch.ExitUnfinished:
			if d.Verbose {
				d.screen.text("Exit code 4 asks for another run; here it is.", 0)
			}
		default:
			return exit.With(code, fmt.Errorf("the demo's run on day %d ended with exit code %d", day, code))
		}
	}
	return nil
}

// pageFile is a file that outlives the demo.
func pageFile() (string, error) {
	f, err := os.CreateTemp("", "duly-demo-*.html")
	if err != nil {
		return "", exit.Failed(fmt.Errorf("make a file for the page: %w", err))
	}
	return f.Name(), exit.Failed(f.Close())
}

// settledOrders tells what became of the orders, before the subscriptions are charged.
func (d *showcase) settledOrders(ctx context.Context) error {
	now, err := StandingOf(ctx, d.db)
	if err != nil {
		return err
	}
	failed := some(now.Failed-d.said.Failed, "failed")
	if refunded := now.Refunded.without(d.said.Refunded); refunded.count > 0 {
		failed += ", " + cli.Number(refunded.count) + " of them refunded"
	}
	text := joined(some(now.Completed-d.said.Completed, "completed"), failed, some(now.Open, "not settled yet"))
	d.screen.step(cli.SignDone, "orders", cmp.Or(text, "nothing to settle"))
	d.said = now
	return nil
}

// died tells of a worker that was killed.
func (d *showcase) died(w *death) {
	text := fmt.Sprintf("worker %d dies at %s of %s", w.pid, cli.Number(w.done), cli.Number(int64(d.Subscriptions)))
	if len(w.claimed) > 0 {
		text += " with " + cli.Number(int64(len(w.claimed))) + " claimed"
	}
	if paid := w.at(payment.Succeeded); paid > 0 {
		text += fmt.Sprintf("; %s of those are charged at the gateway and not yet recorded", cli.Number(int64(paid)))
	}
	d.screen.step(cli.SignFailed, "kill -9", text)
}

// resumed tells what the next worker did about it.
func (d *showcase) resumed(w *death, r recovery) {
	parts := []string{}
	if other := int64(d.Subscriptions) - w.done - int64(len(w.claimed)); other > 0 {
		parts = append(parts, "charges the other "+cli.Number(other))
	}
	if r.waited >= time.Second {
		parts = append(parts, "waits "+cli.Took(r.waited)+" for the lease")
	}
	d.screen.step(cli.SignDone, "restart", strings.TrimSuffix("new worker: "+strings.Join(parts, ", "), ": "))
	if len(w.claimed) == 0 {
		return
	}
	parts = parts[:0]
	for _, part := range []string{
		some(int64(r.paid), "found paid, not charged again"), some(int64(r.declined), "found declined"), some(int64(r.pending), "found pending"),
		some(int64(r.sent), "sent, same keys"), some(int64(r.left), "not settled yet"),
	} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	d.screen.step(cli.SignDone, jobs.StepRecover, cli.Number(int64(len(w.claimed)))+": "+strings.Join(parts, "; "))
}

// outcome tells what became of the subscriptions and of late refunds in a night.
func (d *showcase) outcome(ctx context.Context, day int) error {
	now, err := StandingOf(ctx, d.db)
	if err != nil {
		return err
	}
	paid := now.Paid.without(d.said.Paid)
	money := ""
	if paid.count > 0 {
		money = cli.Number(paid.count) + " paid · " + cli.MoneySums(paid.money)
	}
	unpaid := "unpaid"
	if day == 0 {
		unpaid = "declined"
	}
	sign := cli.SignDone
	if now.Unfinished > 0 {
		sign = cli.SignLook
	}
	text := joined(money, some(now.Declined, unpaid), some(now.Cancelled, "cancelled"), some(now.Review, "in review"), some(now.Unfinished, "not settled yet"))
	d.screen.outcome(sign, cmp.Or(text, "nothing was due"))
	if refunded := now.Refunded.without(d.said.Refunded); refunded.count > 0 {
		d.screen.outcome(cli.SignDone, cli.Things(refunded.count, "late payment")+" for failed orders refunded", cli.MoneySums(refunded.money))
	}
	d.said = now
	return nil
}
