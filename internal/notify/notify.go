// Package notify tells others of events: a webhook of the shop's, and people on Slack. It knows no database; who
// calls it decides what is sent, and when again.
package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Message is an event as it is sent.
type Message struct {
	// ID is what a receiver tells messages apart by; the same for every try.
	ID      string
	Event   uint64 // the row's id
	Type    string
	Subject string // subscription:42, order:7
	At      time.Time
	Data    json.RawMessage
}

// Notifier sends messages to one receiver. Its methods are safe for concurrent use.
type Notifier interface {
	// Types are the types of message that the receiver wants; nil: all.
	Types() []string
	// Parallelism is how many messages it may be sent at once.
	Parallelism() int
	// Notify sends the message once. It returns nil only if the receiver has taken it, else a *DeliveryError.
	Notify(ctx context.Context, m Message) error
}

// Joiner is a Notifier that takes several messages as one.
type Joiner interface {
	Notifier
	// Joins reports whether messages of a type may be sent together.
	Joins(kind string) bool
	// NotifyTogether sends messages of one type once, as one. It returns what Notify does.
	NotifyTogether(ctx context.Context, list []Message) error
}

// DeliveryError says why a message was not taken. It names the receiver's host at most: addresses hold secrets.
type DeliveryError struct {
	Reason string
	// Down: it is not the message that failed, the receiver could not be reached or is overloaded.
	Down bool
	// Gone: the receiver wants no message any more.
	Gone bool
	// Never: the message can never be sent, to anybody.
	Never bool
	// After is how long the receiver wants to be left alone; 0: it did not say.
	After time.Duration
	// Code is Slack's own word for it, such as invalid_auth, or the status of its answer; empty for other receivers, and
	// where there was no answer.
	Code string
}

// Error implements error.
func (f *DeliveryError) Error() string { return f.Reason }

// timeout is how long a receiver may take to answer.
const timeout = 15 * time.Second

// unreachable is the failure of a request that brought no answer. The error's own text is not used where it may
// hold an address.
func unreachable(host string, err error) *DeliveryError {
	return &DeliveryError{Reason: host + ": " + cause(err), Down: true}
}

func cause(err error) string {
	var network net.Error
	if name, ok := errors.AsType[*net.DNSError](err); ok {
		return "its name cannot be resolved: " + name.Err
	}
	switch {
	case errors.Is(err, context.Canceled):
		return "stopped before it answered"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "no answer in time"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	}
	text := err.Error()
	if strings.Contains(text, "EOF") || strings.Contains(text, "closed") {
		return "the connection was closed before an answer"
	}
	if strings.Contains(text, "tls:") || strings.Contains(text, "x509:") || strings.Contains(text, "HTTPS") {
		return "TLS: " + text
	}
	return fmt.Sprintf("no readable answer (%T)", err)
}

// refusal is the failure of a request that was answered with a status other than 2xx.
func refusal(host string, status int, after time.Duration) *DeliveryError {
	f := &DeliveryError{Reason: host + " answered " + strconv.Itoa(status), After: after}
	if text := http.StatusText(status); text != "" {
		f.Reason += " " + text
	}
	switch status {
	case http.StatusGone:
		f.Gone = true
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		f.Down = true
	default:
		if status >= 300 && status < 400 {
			f.Reason += ", and redirects are not followed"
		}
	}
	return f
}

// most is the longest wait that a Retry-After is believed.
const most = 24 * time.Hour

// wish reads a Retry-After header: seconds or a date.
func wish(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, most)
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), most)
}
