package notify

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/slack-go/slack"
)

// SlackConfig is what a Slack is made of: an incoming webhook, or a bot's token and a channel.
type SlackConfig struct {
	WebhookURL string
	Token      string
	Channel    string
	// APIURL is where the token's calls go; empty: Slack itself.
	APIURL string
	// Timeout of one request; 0: Timeout.
	Timeout time.Duration
	Now     func() time.Time
}

// Slack tells people of the events that wait for them.
type Slack struct {
	c         SlackConfig
	host      string
	client    *slack.Client
	http      *http.Client
	transport *http.Transport
}

const slackHost = "slack.com"

// NewSlack returns the sink for a channel. Close gives its connections back.
func NewSlack(c SlackConfig) (*Slack, error) {
	if c.Timeout == 0 {
		c.Timeout = Timeout
	}
	s := &Slack{c: c, host: slackHost, transport: transport(c.Timeout, 1)}
	s.http = &http.Client{
		Transport: s.transport, Timeout: c.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if c.WebhookURL != "" {
		address, err := url.Parse(c.WebhookURL)
		if err != nil || address.Host == "" {
			return nil, errors.New("webhook_url: not a web address")
		}
		s.host = address.Host
		return s, nil
	}
	if c.Token == "" || c.Channel == "" {
		return nil, errors.New("webhook_url, or token and channel, must be set")
	}
	options := []slack.Option{slack.OptionHTTPClient(s.http)}
	if c.APIURL != "" {
		options = append(options, slack.OptionAPIURL(c.APIURL))
	}
	s.client = slack.New(c.Token, options...)
	return s, nil
}

// Types implements Notifier: what a person must act on. The rest would be noise, and more than Slack takes.
func (*Slack) Types() []string { return []string{reviewNeeded, stockLow} }

// Parallelism implements Notifier: Slack takes about one message a second.
func (*Slack) Parallelism() int { return 1 }

// Close gives the idle connections back.
func (s *Slack) Close() { s.transport.CloseIdleConnections() }

// Notify implements Notifier.
func (s *Slack) Notify(ctx context.Context, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, s.c.Timeout)
	defer cancel()
	text := Text(m)
	var err error
	if s.client == nil {
		err = slack.PostWebhookCustomHTTPContext(ctx, s.c.WebhookURL, s.http, &slack.WebhookMessage{Text: text})
	} else {
		_, _, err = s.client.PostMessageContext(ctx, s.c.Channel, slack.MsgOptionText(text, false), slack.MsgOptionDisableLinkUnfurl())
	}
	if err == nil {
		return nil
	}
	return s.failure(ctx, err)
}

// failure says what an error of the library means, without the address that it may hold.
func (s *Slack) failure(ctx context.Context, err error) *DeliveryError {
	if limited, ok := errors.AsType[*slack.RateLimitedError](err); ok {
		return refusal(s.host, http.StatusTooManyRequests, min(max(limited.RetryAfter, 0), most))
	}
	if status, ok := errors.AsType[slack.StatusCodeError](err); ok {
		return refusal(s.host, status.Code, 0)
	}
	if said, ok := errors.AsType[slack.SlackErrorResponse](err); ok {
		return &DeliveryError{Reason: s.host + " answered " + said.Err}
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return unreachable(s.host, err)
}
