package session

import (
	"fmt"

	"duly/config"
	"duly/internal/notify"
	"duly/jobs"
)

// closer is a receiver with connections.
type closer interface{ Close() }

// Webhook is the receiver at outbox.url.
func (s *Session) Webhook(c *config.Config) (*notify.Webhook, error) {
	hook, err := notify.NewWebhook(notify.WebhookConfig{
		URL: c.Outbox.URL.Reveal(), Secret: c.Outbox.Secret.Reveal(), PreviousSecret: c.Outbox.PreviousSecret.Reveal(), Version: s.Version, Now: s.Now,
	})
	if err != nil {
		return nil, fmt.Errorf("outbox.%w", err)
	}
	return hook, nil
}

// Receivers makes the receivers of events by their names. The caller must close them.
func (s *Session) Receivers(c *config.Config) (map[string]notify.Notifier, error) {
	made := map[string]notify.Notifier{}
	if c.Outbox.URL != "" {
		hook, err := s.Webhook(c)
		if err != nil {
			return nil, err
		}
		made[jobs.SinkWebhook] = hook
	}
	if c.Slack.Enabled() {
		slack, err := s.Slack(c)
		if err != nil {
			CloseReceivers(made)
			return nil, err
		}
		made[jobs.SinkSlack] = slack
	}
	return made, nil
}

// CloseReceivers closes the receivers that can be closed.
func CloseReceivers(all map[string]notify.Notifier) {
	for _, r := range all {
		if c, ok := r.(closer); ok {
			c.Close()
		}
	}
}

// SinkNames lists the configured receivers.
func SinkNames(c *config.Config) []string {
	var names []string
	if c.Outbox.URL != "" {
		names = append(names, jobs.SinkWebhook)
	}
	if c.Slack.Enabled() {
		names = append(names, jobs.SinkSlack)
	}
	return names
}

// Slack is the configured Slack. The caller must close it.
func (s *Session) Slack(c *config.Config) (*notify.Slack, error) {
	slack, err := notify.NewSlack(notify.SlackConfig{
		WebhookURL: c.Slack.WebhookURL.Reveal(), Token: c.Slack.Token.Reveal(), Channel: c.Slack.Channel, APIURL: s.SlackAPI, Now: s.Now,
	})
	if err != nil {
		return nil, fmt.Errorf("slack.%w", err)
	}
	return slack, nil
}
