package notify

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// WebhookConfig is what a Webhook is made of.
type WebhookConfig struct {
	URL    string
	Secret string // whsec_ and base64
	// PreviousSecret is another one that every message is signed with as well, for receivers that do not know Secret yet; empty: none.
	PreviousSecret string
	// Timeout of one request; 0: Timeout.
	Timeout time.Duration
	Version string
	// Now is the process's own clock: receivers refuse signatures that are older than a few minutes.
	Now func() time.Time
}

// Webhook sends messages as Standard Webhooks: a POST, signed with HMAC-SHA256.
type Webhook struct {
	c         WebhookConfig
	host      string
	url       *url.URL
	signers   []*standardwebhooks.Webhook
	transport *http.Transport
}

const (
	secretPrefix = "whsec_"
	// leastSecret and mostSecret are bytes, as the standard bounds secrets.
	leastSecret, mostSecret = 24, 64

	webhookParallelism = 10
	idleConnection     = 30 * time.Second
	maxAnswer          = 64 << 10
)

// ErrSecret is returned for a secret that no signature can be made with. It never shows the secret.
var ErrSecret = errors.New("must be whsec_ and the base64 of 24 to 64 random bytes, e.g. from: echo whsec_$(openssl rand -base64 32)")

// NewWebhook returns the sink for an address. Close gives its connections back.
func NewWebhook(c WebhookConfig) (*Webhook, error) {
	signers, err := signersOf(c)
	if err != nil {
		return nil, err
	}
	address, err := url.Parse(c.URL)
	if err != nil || address.Host == "" {
		return nil, errors.New("url: not a web address")
	}
	if c.Timeout == 0 {
		c.Timeout = timeout
	}
	return &Webhook{c: c, host: address.Host, url: address, signers: signers, transport: transport(c.Timeout, webhookParallelism)}, nil
}

// signersOf returns what messages are signed with, the newest secret first.
func signersOf(c WebhookConfig) ([]*standardwebhooks.Webhook, error) {
	signer, err := signerOf(c.Secret)
	if err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	signers := []*standardwebhooks.Webhook{signer}
	if c.PreviousSecret == "" {
		return signers, nil
	}
	previous, err := signerOf(c.PreviousSecret)
	if err != nil {
		return nil, fmt.Errorf("previous_secret: %w", err)
	}
	return append(signers, previous), nil
}

func signerOf(secret string) (*standardwebhooks.Webhook, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, secretPrefix))
	if err != nil || !strings.HasPrefix(secret, secretPrefix) || len(key) < leastSecret || len(key) > mostSecret {
		return nil, ErrSecret
	}
	signer, err := standardwebhooks.NewWebhookRaw(key)
	if err != nil {
		return nil, ErrSecret
	}
	return signer, nil
}

// sign returns the signatures of a message by every secret, with a space between them, as the standard has it for a rotation.
func (w *Webhook) sign(id string, at time.Time, body []byte) (string, error) {
	signatures := make([]string, len(w.signers))
	for i, signer := range w.signers {
		var err error
		if signatures[i], err = signer.Sign(id, at, body); err != nil {
			return "", &DeliveryError{Reason: "the message cannot be signed", Never: true}
		}
	}
	return strings.Join(signatures, " "), nil
}

// transport makes a pool of connections. Requests go through it directly, and not through a client, so that no
// redirect is followed and no error holds the address.
func transport(timeout time.Duration, connections int) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: timeout}).DialContext,
		TLSHandshakeTimeout:    timeout,
		MaxConnsPerHost:        connections,
		MaxIdleConnsPerHost:    connections,
		IdleConnTimeout:        idleConnection,
		MaxResponseHeaderBytes: maxAnswer,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
	}
}

// Types implements Notifier: a webhook gets everything.
func (*Webhook) Types() []string { return nil }

// Parallelism implements Notifier.
func (*Webhook) Parallelism() int { return webhookParallelism }

// Close gives the idle connections back.
func (w *Webhook) Close() { w.transport.CloseIdleConnections() }

// envelope is the body of a webhook.
type envelope struct {
	Type      string          `json:"type"`
	Timestamp time.Time       `json:"timestamp"`
	Subject   string          `json:"subject"`
	EventID   uint64          `json:"event_id"`
	Data      json.RawMessage `json:"data"`
}

// Body is what a webhook is sent for m.
func Body(m Message) ([]byte, error) {
	body, err := json.Marshal(envelope{Type: m.Type, Timestamp: m.At.UTC(), Subject: m.Subject, EventID: m.Event, Data: m.Data})
	if err != nil {
		return nil, &DeliveryError{Reason: "the payload is not JSON", Never: true}
	}
	return body, nil
}

// Notify implements Notifier. Only a 2xx is success.
func (w *Webhook) Notify(ctx context.Context, m Message) error {
	body, err := Body(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, w.c.Timeout)
	defer cancel()
	request, err := w.request(ctx, m.ID, body)
	if err != nil {
		return err
	}
	response, err := w.transport.RoundTrip(request)
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return unreachable(w.host, err)
	}
	// What the receiver says beside its status is nobody's, and may repeat the address; it is read so that the
	// connection can be used again.
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer))
	_ = response.Body.Close()
	if response.StatusCode >= 200 && response.StatusCode < 300 {
		return nil
	}
	return refusal(w.host, response.StatusCode, wish(response.Header, w.c.Now()))
}

// Reach asks for the headers of the address, without an event, and returns the HTTP status of the answer, whatever it is. The
// error is that there was none.
func (w *Webhook) Reach(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, w.c.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, w.url.String(), http.NoBody)
	if err != nil {
		return 0, &DeliveryError{Reason: w.host + ": the address cannot be used"}
	}
	request.Header.Set("User-Agent", strings.TrimSuffix("duly/"+w.c.Version, "/"))
	response, err := w.transport.RoundTrip(request)
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return 0, unreachable(w.host, err)
	}
	_ = response.Body.Close() // it is empty
	return response.StatusCode, nil
}

func (w *Webhook) request(ctx context.Context, id string, body []byte) (*http.Request, error) {
	now := w.c.Now()
	signature, err := w.sign(id, now, body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url.String(), bytes.NewReader(body))
	if err != nil {
		return nil, &DeliveryError{Reason: w.host + ": the address cannot be used"}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", strings.TrimSuffix("duly/"+w.c.Version, "/"))
	request.Header.Set(standardwebhooks.HeaderWebhookID, id)
	request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	if user := w.url.User; user != nil {
		password, _ := user.Password()
		request.SetBasicAuth(user.Username(), password)
	}
	return request, nil
}
