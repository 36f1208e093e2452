package notify_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/slack-go/slack/slacktest"
	"github.com/stretchr/testify/require"

	"duly/internal/notify"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, text string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), text, "go test ./internal/notify -update writes it anew")
}

func unfinished() notify.Alert {
	return notify.Alert{
		Title: "Night of 31 Jan: 8 rows need you", Summary: "11,610,000 KRW + 5.00 USD · 900 of 1,000 paid · exit 3 · vm-1",
		Reasons: []string{
			"collect: the database\nwas lost", "6 invoices: gateway amount differs (2075, 2076, 2080 and 3 more)",
			"10 × declined: <do_not_honor> & *more*", "4", "5", "6", "7",
		},
		Commands: []string{"duly list review", "echo `id` <!channel>", "3", "4"},
	}
}

// What Slack is sent, word by word, by the webhook and by the bot.
func TestAlert(t *testing.T) {
	var hook struct {
		Text   string
		Blocks json.RawMessage
	}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&hook); err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(receiver.Close)
	require.NoError(t, people(t, notify.SlackConfig{WebhookURL: receiver.URL + "/services/secret"}).Alert(t.Context(), unfinished()))

	var text, blocks string
	api := slacktest.NewTestServer(func(c slacktest.Customize) {
		c.Handle("/chat.postMessage", func(w http.ResponseWriter, r *http.Request) {
			text, blocks = r.FormValue("text"), r.FormValue("blocks")
			_, _ = io.WriteString(w, `{"ok": true}`)
		})
	})
	api.Start()
	t.Cleanup(api.Stop)
	require.NoError(t, people(t, notify.SlackConfig{Token: "xoxb-secret", Channel: "#billing", APIURL: api.GetAPIURL()}).Alert(t.Context(), unfinished()))
	require.Equal(t, hook.Text, text)
	require.JSONEq(t, string(hook.Blocks), blocks)

	var shown []any
	require.NoError(t, json.Unmarshal(hook.Blocks, &shown))
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	require.NoError(t, encoder.Encode(shown))
	golden(t, "alert.golden", text+"\n\n"+out.String())
}

// However much there is to say, Slack takes it, and people can read it.
func TestAlertsStayWithinSlacksBounds(t *testing.T) {
	long := strings.Repeat("<&", 1000)
	many := make([]string, 20)
	for i := range many {
		many[i] = long
	}
	a := notify.Alert{Title: long, Summary: long, Reasons: many, Commands: many}
	for _, alert := range []notify.Alert{a, {}, {Title: "\xff\x00\n"}} {
		var m struct {
			Text   string
			Blocks []struct {
				Type string
				Text *struct{ Text string }
			}
		}
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _ = json.NewDecoder(r.Body).Decode(&m) }))
		t.Cleanup(server.Close)
		require.NoError(t, people(t, notify.SlackConfig{WebhookURL: server.URL}).Alert(t.Context(), alert))
		require.LessOrEqual(t, len(m.Text), 4000)
		require.LessOrEqual(t, len([]rune(html.UnescapeString(m.Text))), 1500)
		require.LessOrEqual(t, len(m.Blocks), 50)
		for _, b := range m.Blocks {
			if b.Text != nil {
				require.LessOrEqual(t, len([]rune(b.Text.Text)), map[string]int{"header": 150, "section": 3000}[b.Type])
				if b.Type == "header" {
					continue
				}
				require.NotContains(t, strings.NewReplacer("&amp;", "", "&lt;", "", "&gt;", "").Replace(b.Text.Text), "&", "no half of an escape")
			}
		}
	}
}

func TestMend(t *testing.T) {
	bot := people(t, notify.SlackConfig{Token: "xoxb-x", Channel: "#billing"})
	hook := people(t, notify.SlackConfig{WebhookURL: "https://hooks.example.com/x"})
	for _, c := range []struct {
		slack *notify.Slack
		err   error
		want  string
	}{
		{bot, &notify.DeliveryError{Code: "invalid_auth"}, "set slack.token to the Bot User OAuth Token"},
		{bot, &notify.DeliveryError{Code: "missing_scope"}, "chat:write"},
		{bot, &notify.DeliveryError{Code: "not_in_channel"}, "/invite @ and its name in #billing"},
		{bot, &notify.DeliveryError{Code: "channel_not_found"}, `check slack.channel, "#billing"`},
		{bot, &notify.DeliveryError{Code: "is_archived"}, "#billing is archived"},
		{bot, &notify.DeliveryError{Code: "something_new"}, "chat.postMessage"},
		{bot, &notify.DeliveryError{Code: "ratelimited", Down: true}, "wait a minute"},
		{bot, &notify.DeliveryError{Down: true, After: 1}, "wait a minute"},
		{bot, &notify.DeliveryError{Code: "503", Down: true}, "slack-status.com"},
		{bot, &notify.DeliveryError{Down: true}, "may reach https://slack.com"},
		{hook, &notify.DeliveryError{Down: true}, "may reach https://hooks.example.com"},
		{hook, &notify.DeliveryError{Code: "404"}, "add one under Incoming Webhooks"},
		{hook, &notify.DeliveryError{Code: "400"}, "copy the address"},
		{hook, fmt.Errorf("x"), "check the keys under slack"},
	} {
		require.Contains(t, c.slack.Mend(c.err), c.want, c.err)
	}
}
