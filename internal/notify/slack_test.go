package notify_test

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack/slacktest"
	"github.com/stretchr/testify/require"

	"duly/internal/notify"
)

func discard() *log.Logger { return log.New(io.Discard, "", 0) }

func people(t *testing.T, c notify.SlackConfig) *notify.Slack {
	t.Helper()
	c.Now = time.Now
	s, err := notify.NewSlack(c)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func review() notify.Message {
	return notify.Message{
		ID: "evt_1", Type: "review.needed", Subject: "order:7", Data: json.RawMessage(`{"order_id": 7, "reason": "paid 5 & not <9>"}`),
	}
}

// By token and channel, against the library's own test server: as it answers by itself, and with an eye on what
// comes in.
func TestSlackByToken(t *testing.T) {
	posts := make(chan string, 1)
	watch := func(c slacktest.Customize) {
		c.Handle("/chat.postMessage", func(w http.ResponseWriter, r *http.Request) {
			posts <- r.Header.Get("Authorization") + " " + r.FormValue("channel") + " " + r.FormValue("token") + r.FormValue("text")
			_, _ = w.Write([]byte(`{"ok": true}`))
		})
	}
	for _, server := range []*slacktest.Server{slacktest.NewTestServer(), slacktest.NewTestServer(watch)} {
		server.Start()
		t.Cleanup(server.Stop)
		s := people(t, notify.SlackConfig{Token: "xoxb-secret", Channel: "#billing", APIURL: server.GetAPIURL()})
		require.NoError(t, s.Notify(t.Context(), review()))
		require.Equal(t, []string{"review.needed", "stock.low"}, s.Types())
		require.Equal(t, 1, s.Parallelism())
	}
	post := <-posts
	require.Contains(t, post, "#billing")
	require.Contains(t, post, "xoxb-secret")
	require.Contains(t, post, notify.Text(review()))
}

// By an incoming webhook.
func TestSlackByWebhook(t *testing.T) {
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		_, _ = w.Write([]byte("ok"))
	}))
	t.Cleanup(server.Close)
	require.NoError(t, people(t, notify.SlackConfig{WebhookURL: server.URL + "/services/T0/B0/secret"}).Notify(t.Context(), review()))
	var sent struct{ Text string }
	require.NoError(t, json.Unmarshal(body, &sent))
	require.Equal(t, notify.Text(review()), sent.Text)
}

func TestSlackThatFails(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   notify.DeliveryError // of the reason, a part
		code   string
	}{
		{"rate limit", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(429)
		}, notify.DeliveryError{Reason: " answered 429 Too Many Requests", Down: true, After: 7 * time.Second}, ""},
		{"server error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, notify.DeliveryError{Reason: " answered 503", Down: true}, "503"},
		{"webhook removed", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, notify.DeliveryError{Reason: " answered 404"}, "404"},
		{"redirect", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/services/secret")
			w.WriteHeader(302)
		}, notify.DeliveryError{Reason: " answered 302"}, "302"},
		{"hangs", func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}, notify.DeliveryError{Reason: ": no answer in time", Down: true}, ""},
		{"refused", nil, notify.DeliveryError{Reason: ": connection refused", Down: true}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := closed.URL
			if c.answer != nil {
				server := httptest.NewServer(c.answer)
				t.Cleanup(server.Close)
				url = server.URL
			}
			for way, s := range map[string]*notify.Slack{
				"webhook": people(t, notify.SlackConfig{WebhookURL: url + "/services/secret", Timeout: 100 * time.Millisecond}),
				"token":   people(t, notify.SlackConfig{Token: "xoxb-secret", Channel: "#billing", APIURL: url + "/", Timeout: 100 * time.Millisecond}),
			} {
				f := failure(t, s)
				require.Contains(t, f.Reason, c.want.Reason, way)
				require.NotContains(t, f.Reason, "secret", way)
				require.Equal(t, c.code, f.Code, way)
				require.NotEmpty(t, s.Mend(f))
				f.Reason, f.Code = c.want.Reason, ""
				require.Equal(t, &c.want, f, way)
			}
		})
	}
}

func TestSlackThatSaysNo(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"ok": false, "error": "channel_not_found"}`))
	}))
	t.Cleanup(server.Close)
	f := failure(t, people(t, notify.SlackConfig{Token: "xoxb-secret", Channel: "#x", APIURL: server.URL + "/"}))
	require.Equal(t, "slack.com answered channel_not_found", f.Reason)
	require.Equal(t, "channel_not_found", f.Code)
	require.False(t, f.Down)
}

func TestSlackConfiguration(t *testing.T) {
	for _, c := range []notify.SlackConfig{{}, {Token: "x"}, {Channel: "#x"}, {WebhookURL: "nowhere"}} {
		_, err := notify.NewSlack(c)
		require.Error(t, err)
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct{ kind, subject, data, want string }{
		{"review.needed", "order:7", `{"reason": "paid 5 & not <9>"}`, ":mag: *order 7 needs a decision*: paid 5 &amp; not &lt;9&gt;\n`duly show order 7`"},
		{"review.needed", "subscription:42", `{"reason": "the gateway knows another amount"}`, ":mag: *subscription 42 needs a decision*: the gateway knows another amount\n`duly show subscription 42`"},
		{"review.needed", "shop", `[]`, ":mag: *shop needs a decision*"},
		{"stock.low", "product:3", `{"product_id": 3, "name": "Blue <mug>", "stock": 2, "low_stock_threshold": 5}`, ":package: *Blue &lt;mug&gt; (product 3) is running out*: 2 left, and you asked to be told at 5"},
		{"stock.low", "product:3", `{}`, ":package: *product 3 is running out*"},
		{"order.lost", "order:7", `{}`, "*order.lost*: order 7\n`duly show order 7`"},
	} {
		got := notify.Text(notify.Message{Type: c.kind, Subject: c.subject, Data: json.RawMessage(c.data)})
		require.Equal(t, c.want, got)
		require.False(t, strings.HasSuffix(got, "\n"))
	}
}
