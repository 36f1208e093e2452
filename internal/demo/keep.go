package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"duly/internal/exit"
	"duly/internal/payment"
)

// tryNext prints commands to type next.
func (d *showcase) tryNext() {
	program := cmp.Or(programName(), "duly")
	d.screen.text(fmt.Sprintf("Try next: %[1]s demo --keep · %[1]s demo --verbose · %[1]s doctor", program), 0)
}

// programName is how this program was called, unless it is found as duly.
func programName() string {
	if _, err := exec.LookPath("duly"); err == nil || len(os.Args) == 0 {
		return ""
	}
	return os.Args[0]
}

// hold keeps the database and the gateway up, prints how to look into them, and returns when ctx ends.
func (d *showcase) hold(ctx context.Context) error {
	env, err := d.writeEnvFile(d.program)
	if err != nil {
		return err
	}
	shown, err := d.worthShowing(ctx)
	if err != nil {
		return err
	}
	next := payment.DateOf(d.due.Time().AddDate(0, 1, 0))
	d.screen.text("", 0)
	d.screen.text("The shop and its gateway stay up until Ctrl-C. In another terminal:", 0)
	for _, command := range []string{
		". " + env,
		fmt.Sprintf("duly show subscription %d", shown),
		fmt.Sprintf("duly run billing --dry-run --date %s", next),
		"duly doctor",
	} {
		d.screen.Command("  %s", command)
	}
	select {
	case <-ctx.Done():
		return nil
	case <-d.server.Done():
		return exit.Failed(errors.New("the demo's database has ended"))
	}
}

const foundPaid = `SELECT subscription_id FROM payment_attempts WHERE idempotency_key = ?`

// worthShowing is a subscription with a story: one that was charged when its worker died, or else the first.
func (d *showcase) worthShowing(ctx context.Context) (id uint64, err error) {
	if d.witness == "" {
		return 1, nil
	}
	if err := d.db.GetContext(ctx, &id, foundPaid, d.witness); err != nil {
		return 0, exit.Failed(fmt.Errorf("look for a subscription to show: %w", err))
	}
	return id, nil
}
