package checkup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"duly/config"
	"duly/internal/notify"
)

// testEvent is the type of the event that `duly doctor --webhook` sends. No table has it.
const testEvent = "duly.test"

// webhookOf checks that the webhook can be reached, and if it is to be tried, that it takes an event with our signature.
func (d *Checkup) webhookOf(ctx context.Context, c *config.Config, try bool) {
	const check, mend = "webhook", "check outbox.url and outbox.secret, and that this host may reach it"
	if c.Outbox.URL == "" {
		if try {
			d.note(check, errors.New("not configured"), "", "set outbox.url and outbox.secret")
		}
		return
	}
	hook, err := d.Webhook(c)
	if err != nil {
		d.note(check, err, "", mend)
		return
	}
	defer hook.Close()
	if !try {
		status, err := hook.Reach(ctx)
		d.note(check, err, fmt.Sprintf("%s answers (%d to HEAD); not tried: duly doctor --webhook sends a test event", c.Outbox.URL, status), mend)
		return
	}
	now := d.Now()
	err = hook.Notify(ctx, notify.Message{
		ID: fmt.Sprintf("test_%d", now.UnixNano()), Type: testEvent, Subject: "doctor:" + d.Version, At: now, Data: json.RawMessage("{}"),
	})
	d.note(check, err, c.Outbox.URL.String()+" took a test event", mend)
}
