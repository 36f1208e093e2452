package checkup

import (
	"context"
	"errors"
	"net/url"
	"os"
	"strings"

	"duly/config"
	"duly/internal/notify"
)

// slackOf checks Slack: what its keys look like, and, if that is asked for, by a message.
func (d *Checkup) slackOf(ctx context.Context, c *config.Config, try bool) {
	const check = "slack"
	if !c.Slack.Enabled() {
		if try {
			d.note(check, errors.New("not configured"), "", "set slack.webhook_url to an incoming webhook, or slack.token to a bot's token and slack.channel")
		}
		return
	}
	way := "the bot of slack.token writes to " + c.Slack.Channel
	if c.Slack.WebhookURL != "" {
		way = "the webhook " + c.Slack.WebhookURL.String()
	}
	mend, err := slackShape(c.Slack)
	if err != nil || !try {
		d.note(check, err, way+", not tried: duly doctor --slack sends a test message", mend)
		return
	}
	slack, err := d.Slack(c)
	if err != nil {
		d.note(check, err, "", "correct the keys under slack")
		return
	}
	defer slack.Close()
	ctx, cancel := context.WithTimeout(ctx, d.AlertWithin)
	defer cancel()
	err = slack.Alert(ctx, testAlert(d.Version))
	d.note(check, err, way+": a test message was sent", slack.Mend(err))
}

// slackShape finds what can be seen of a webhook or a token to be wrong, and how to mend it.
func slackShape(s config.Slack) (mend string, wrong error) {
	if s.WebhookURL != "" {
		address, err := url.Parse(s.WebhookURL.Reveal())
		if err == nil && address.Host == "hooks.slack.com" && (address.Scheme != "https" || !webhookPath(address.Path)) {
			return "copy it anew from Incoming Webhooks in the Slack app", errors.New("slack.webhook_url is not of the form https://hooks.slack.com/services/T…/B…/…")
		}
		return "", nil
	}
	if !strings.HasPrefix(s.Token.Reveal(), "xoxb-") && !strings.HasPrefix(s.Token.Reveal(), "xoxe.xoxb-") {
		return "set it to the Bot User OAuth Token under OAuth & Permissions in the Slack app", errors.New("slack.token is not a bot's token: those begin with xoxb-")
	}
	return "", nil
}

// webhookPath says whether a path is like /services/T0/B0/x or /workflows/….
func webhookPath(path string) bool {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	return len(parts) >= 4 && (parts[0] == "services" || parts[0] == "workflows" || parts[0] == "triggers")
}

func testAlert(version string) notify.Alert {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return notify.Alert{
		Title: "duly: a test message", Summary: host + " · version " + version,
		Reasons: []string{"runs of this host that end badly are told of here; there is nothing to do"},
	}
}
