package notify

import (
	"errors"
	"fmt"
)

// Mend says how to fix what err says of Slack.
func (s *Slack) Mend(err error) string {
	failure, ok := errors.AsType[*DeliveryError](err)
	switch {
	case !ok:
		return "check the keys under slack"
	case failure.After > 0 || failure.Code == "ratelimited" || failure.Code == "rate_limited":
		return "wait a minute and try again: Slack takes about one message a second"
	case failure.Down && failure.Code == "":
		return fmt.Sprintf("check that this host may reach https://%s (a proxy is taken from HTTPS_PROXY)", s.host)
	case failure.Down:
		return "try again later: https://slack-status.com says whether Slack is up"
	case s.client == nil:
		return mendWebhook(failure.Code)
	}
	return s.mendToken(failure.Code)
}

func mendWebhook(code string) string {
	switch code {
	case "403", "404", "410":
		return "the webhook was removed, or may not post to its channel any more: add one under Incoming Webhooks in the Slack app, and set slack.webhook_url to it"
	}
	return "copy the address under Incoming Webhooks in the Slack app to slack.webhook_url anew"
}

func (s *Slack) mendToken(code string) string {
	switch code {
	case "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "not_allowed_token_type":
		return "set slack.token to the Bot User OAuth Token (xoxb-…) under OAuth & Permissions in the Slack app"
	case "missing_scope", "no_permission":
		return "give the Slack app the bot scope chat:write under OAuth & Permissions, and install it again"
	case "not_in_channel":
		return fmt.Sprintf("invite the bot to the channel: type /invite @ and its name in %s", s.c.Channel)
	case "channel_not_found":
		return fmt.Sprintf("check slack.channel, %q: its name or id; to a private channel the bot must be invited", s.c.Channel)
	case "is_archived":
		return fmt.Sprintf("%s is archived: set slack.channel to another", s.c.Channel)
	}
	return "https://docs.slack.dev/reference/methods/chat.postMessage/ explains the word; check slack.token and slack.channel"
}
