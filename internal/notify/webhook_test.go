package notify_test

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"duly/internal/notify"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func message() notify.Message {
	return notify.Message{
		ID: "evt_0123", Event: 42, Type: "order.completed", Subject: "order:7",
		At:   time.Date(2026, 1, 31, 9, 30, 0, 123456000, time.FixedZone("KST", 9*3600)),
		Data: json.RawMessage(`{"order_id": 7, "amount": 9007199254740993, "name": "<ü>"}`),
	}
}

func webhook(t *testing.T, url string, change func(*notify.WebhookConfig)) *notify.Webhook {
	t.Helper()
	c := notify.WebhookConfig{URL: url, Secret: secret, Version: "1.2", Now: time.Now}
	if change != nil {
		change(&c)
	}
	w, err := notify.NewWebhook(c)
	require.NoError(t, err)
	t.Cleanup(w.Close)
	return w
}

// failure sends a message that must not be taken.
func failure(t *testing.T, n notify.Notifier) *notify.DeliveryError {
	t.Helper()
	err := n.Notify(t.Context(), message())
	f, ok := errors.AsType[*notify.DeliveryError](err)
	require.True(t, ok, "%v", err)
	return f
}

// What is sent is a POST that the standard's own library verifies, and its body is what the standard asks for.
func TestAWebhookIsSignedAsTheStandardSays(t *testing.T) {
	var got *http.Request
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	}))
	t.Cleanup(server.Close)
	url := strings.Replace(server.URL, "http://", "http://me:pass@", 1) + "/hooks?x=1"
	require.NoError(t, webhook(t, url, nil).Notify(t.Context(), message()))

	verifier, err := standardwebhooks.NewWebhook(secret)
	require.NoError(t, err)
	require.NoError(t, verifier.Verify(body, got.Header))
	require.ErrorIs(t, verifier.Verify(append(body, ' '), got.Header), standardwebhooks.ErrNoMatchingSignature)
	got.Header.Set("webhook-id", "evt_other")
	require.ErrorIs(t, verifier.Verify(body, got.Header), standardwebhooks.ErrNoMatchingSignature)
	other, err := standardwebhooks.NewWebhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx")
	require.NoError(t, err)
	require.Error(t, other.Verify(body, got.Header))

	require.Equal(t, http.MethodPost, got.Method)
	require.Equal(t, "/hooks?x=1", got.RequestURI)
	require.Equal(t, "application/json", got.Header.Get("Content-Type"))
	require.Equal(t, "duly/1.2", got.UserAgent())
	user, password, _ := got.BasicAuth()
	require.Equal(t, "me pass", user+" "+password)
	require.JSONEq(t, `{"type": "order.completed", "timestamp": "2026-01-31T00:30:00.123456Z", "subject": "order:7", "event_id": 42,
"data": {"order_id": 7, "amount": 9007199254740993, "name": "<ü>"}}`, string(body))
	require.Contains(t, string(body), "9007199254740993", "no number goes through a float")
}

// While a secret is rotated, a receiver that knows only the old one takes a delivery, and so does one that knows only the new one; afterwards
// the old one is worth nothing.
func TestASecretIsRotated(t *testing.T) {
	const old, next = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx"
	receiver := func(secret string) *httptest.Server {
		verifier, err := standardwebhooks.NewWebhook(secret)
		require.NoError(t, err)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if verifier.Verify(body, r.Header) != nil {
				w.WriteHeader(http.StatusUnauthorized)
			}
		}))
		t.Cleanup(server.Close)
		return server
	}
	knowsOld, knowsNext := receiver(old), receiver(next)
	for _, c := range []struct {
		secret, previous string
		old, next        bool
	}{
		{old, "", true, false},
		{next, old, true, true},
		{old, next, true, true},
		{next, "", false, true},
	} {
		for server, takes := range map[*httptest.Server]bool{knowsOld: c.old, knowsNext: c.next} {
			w := webhook(t, server.URL, func(x *notify.WebhookConfig) { x.Secret, x.PreviousSecret = c.secret, c.previous })
			if takes {
				require.NoError(t, w.Notify(t.Context(), message()))
				continue
			}
			require.Contains(t, failure(t, w).Reason, "401")
		}
	}
	_, err := notify.NewWebhook(notify.WebhookConfig{URL: "http://h", Secret: old, PreviousSecret: "whsec_short", Now: time.Now})
	require.EqualError(t, err, "previous_secret: "+notify.ErrSecret.Error())
}

// A signature of a known message, computed with openssl.
func TestAKnownSignature(t *testing.T) {
	var got http.Header
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	t.Cleanup(server.Close)
	w := webhook(t, server.URL, func(c *notify.WebhookConfig) {
		c.Now = func() time.Time { return time.Unix(1674087231, 999) }
	})
	require.NoError(t, w.Notify(t.Context(), notify.Message{ID: "evt_1", Event: 1, Type: "a.b", Subject: "order:1", At: time.Unix(0, 0), Data: json.RawMessage(`{}`)}))
	require.Equal(t, "evt_1", got.Get("webhook-id"))
	require.Equal(t, "1674087231", got.Get("webhook-timestamp"))
	require.Equal(t, "v1,TrGJaY9/GOhbctk+xaiKIAhWLWuQm6ly7HAl7GYs7xs=", got.Get("webhook-signature"))
}

func TestStatuses(t *testing.T) {
	now := time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		status     int
		retryAfter string
		want       notify.DeliveryError // without the host
	}{
		{400, "", notify.DeliveryError{Reason: " answered 400 Bad Request"}},
		{401, "", notify.DeliveryError{Reason: " answered 401 Unauthorized"}},
		{500, "", notify.DeliveryError{Reason: " answered 500 Internal Server Error"}},
		{502, "", notify.DeliveryError{Reason: " answered 502 Bad Gateway", Down: true}},
		{503, "120", notify.DeliveryError{Reason: " answered 503 Service Unavailable", Down: true, After: 2 * time.Minute}},
		{504, "", notify.DeliveryError{Reason: " answered 504 Gateway Timeout", Down: true}},
		{429, "Sun, 01 Feb 2026 12:00:30 GMT", notify.DeliveryError{Reason: " answered 429 Too Many Requests", Down: true, After: 30 * time.Second}},
		{429, "Sun, 01 Feb 2026 11:00:30 GMT", notify.DeliveryError{Reason: " answered 429 Too Many Requests", Down: true}},
		{429, "99999999", notify.DeliveryError{Reason: " answered 429 Too Many Requests", Down: true, After: 24 * time.Hour}},
		{429, "99999999999999999999", notify.DeliveryError{Reason: " answered 429 Too Many Requests", Down: true}},
		{429, "-5", notify.DeliveryError{Reason: " answered 429 Too Many Requests", Down: true}},
		{410, "", notify.DeliveryError{Reason: " answered 410 Gone", Gone: true}},
		{302, "", notify.DeliveryError{Reason: " answered 302 Found, and redirects are not followed"}},
		{304, "", notify.DeliveryError{Reason: " answered 304 Not Modified, and redirects are not followed"}},
		{999, "", notify.DeliveryError{Reason: " answered 999"}},
		{200, "", notify.DeliveryError{}},
		{204, "", notify.DeliveryError{}},
		{299, "", notify.DeliveryError{}},
	} {
		t.Run(http.StatusText(c.status), func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if c.retryAfter != "" {
					w.Header().Set("Retry-After", c.retryAfter)
				}
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(c.status)
			}))
			t.Cleanup(server.Close)
			w := webhook(t, server.URL, func(c *notify.WebhookConfig) { c.Now = func() time.Time { return now } })
			if c.want.Reason == "" {
				require.NoError(t, w.Notify(t.Context(), message()))
				return
			}
			c.want.Reason = strings.TrimPrefix(server.URL, "http://") + c.want.Reason
			require.Equal(t, &c.want, failure(t, w))
		})
	}
}

// However a receiver cannot be reached: it is down, and no reason holds its address.
func TestUnreachableReceivers(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	encrypted := httptest.NewTLSServer(http.NotFoundHandler())
	encrypted.Config.ErrorLog = discard()
	t.Cleanup(encrypted.Close)
	for name, c := range map[string]struct{ url, reason string }{
		"refused":             {closed.URL, ": connection refused"},
		"no such name":        {"http://nowhere.invalid", ": its name cannot be resolved: "},
		"silent":              {"http://" + silent.Addr().String(), ": no answer in time"},
		"TLS on a plain port": {strings.Replace(plain.URL, "http:", "https:", 1), ": TLS: "},
		"unknown authority":   {encrypted.URL, ": TLS: "},
	} {
		t.Run(name, func(t *testing.T) {
			f := failure(t, webhook(t, c.url+"/secret-path?token=abc", func(w *notify.WebhookConfig) {
				if w.Timeout = 10 * time.Second; name == "silent" {
					w.Timeout = 100 * time.Millisecond
				}
			}))
			require.True(t, f.Down)
			require.Contains(t, f.Reason, c.reason)
			require.NotContains(t, f.Reason, "secret-path")
			require.NotContains(t, f.Reason, "abc")
		})
	}
}

// An endless answer is read to a bound; the status counts.
func TestAnEndlessAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 4096)); err != nil {
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	require.NoError(t, webhook(t, server.URL, nil).Notify(t.Context(), message()))
}

func TestAPayloadThatIsNotJSON(t *testing.T) {
	m := message()
	m.Data = json.RawMessage(`{`)
	require.EqualError(t, webhook(t, "http://127.0.0.1:1", nil).Notify(t.Context(), m), "the payload is not JSON")
}

func TestWebhookConfiguration(t *testing.T) {
	for name, bad := range map[string]string{
		"no prefix": "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "not base64": "whsec_change-me", "short": "whsec_MTIzNDU2", "empty": "",
		"long": "whsec_" + strings.Repeat("AAAA", 22),
	} {
		_, err := notify.NewWebhook(notify.WebhookConfig{URL: "http://h", Secret: bad, Now: time.Now})
		require.ErrorIs(t, err, notify.ErrSecret, name)
		if bad != "" {
			require.NotContains(t, err.Error(), bad, name)
		}
	}
	_, err := notify.NewWebhook(notify.WebhookConfig{URL: "nowhere", Secret: secret, Now: time.Now})
	require.EqualError(t, err, "url: not a web address")
	w := webhook(t, "http://h", nil)
	require.Equal(t, 10, w.Parallelism())
	require.Nil(t, w.Types())
}
