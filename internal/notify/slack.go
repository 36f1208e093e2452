package notify

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
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
		c.Timeout = timeout
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
	return s.post(ctx, Text(m))
}

// Joins implements Joiner: a burst of one type is one message, since Slack takes about one a second.
func (*Slack) Joins(kind string) bool { return kind == reviewNeeded || kind == stockLow }

// NotifyTogether implements Joiner.
func (s *Slack) NotifyTogether(ctx context.Context, list []Message) error {
	ctx, cancel := context.WithTimeout(ctx, s.c.Timeout)
	defer cancel()
	return s.post(ctx, Digest(list))
}

// Alert tells people of a, once; see Persist. It returns nil only if Slack has taken it, else a *DeliveryError.
func (s *Slack) Alert(ctx context.Context, a Alert) error {
	return s.post(ctx, a.text(), a.blocks()...)
}

// post sends one message; text stands for the blocks where they are not shown.
func (s *Slack) post(ctx context.Context, text string, blocks ...slack.Block) error {
	var err error
	if s.client == nil {
		m := &slack.WebhookMessage{Text: text, Parse: "none"}
		if len(blocks) > 0 {
			m.Blocks = &slack.Blocks{BlockSet: blocks}
		}
		err = slack.PostWebhookCustomHTTPContext(ctx, s.c.WebhookURL, s.http, m)
	} else {
		options := []slack.MsgOption{slack.MsgOptionText(text, false), slack.MsgOptionParse(false), slack.MsgOptionDisableLinkUnfurl()}
		if len(blocks) > 0 {
			options = append(options, slack.MsgOptionBlocks(blocks...))
		}
		_, _, err = s.client.PostMessageContext(ctx, s.c.Channel, options...)
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
		f := refusal(s.host, status.Code, 0)
		f.Code = strconv.Itoa(status.Code)
		return f
	}
	if said, ok := errors.AsType[slack.SlackErrorResponse](err); ok {
		return &DeliveryError{Reason: s.host + " answered " + said.Err, Code: said.Err, Down: passing(said.Err)}
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return unreachable(s.host, err)
}

// passing says whether one of Slack's words for an error is about Slack at the moment, and not about what it was sent.
func passing(code string) bool {
	switch code {
	case "ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout":
		return true
	}
	return false
}
