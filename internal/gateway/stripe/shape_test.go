package stripe

import (
	"bufio"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/payment"
	"duly/internal/test/canned"
)

// startMock starts Stripe's own stand-in for its API, which refuses what its OpenAPI document does not allow, and returns its address.
func startMock(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "stripe-mock")
	built, err := exec.CommandContext(t.Context(), "go", "build", "-C", "../../../tools/stripe", "-o", program, "github.com/stripe/stripe-mock").CombinedOutput()
	require.NoError(t, err, "build stripe-mock: %s", built)
	mock := exec.CommandContext(t.Context(), program, "-http-addr", "127.0.0.1:0", "-strict-version-check")
	out, err := mock.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, mock.Start())
	t.Cleanup(func() {
		_ = mock.Process.Kill()
		_ = mock.Wait()
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if _, address, ok := strings.Cut(lines.Text(), "Listening for HTTP at address: "); ok {
			return "http://" + address
		}
	}
	t.Fatal("stripe-mock did not say where it listens")
	return ""
}

// Every request is of a shape that Stripe's own description of the API allows, of the version that it is sent for.
func TestRequestsHaveTheShapeThatStripeDescribes(t *testing.T) {
	c := configFor(startMock(t))
	var answers []string
	c.Wrap = func(next http.RoundTripper) http.RoundTripper {
		return canned.RoundTrip(func(r *http.Request) (*http.Response, error) {
			answer, err := next.RoundTrip(r)
			if err == nil {
				answers = append(answers, fmt.Sprintf("%s %s %d", r.Method, r.URL.Path, answer.StatusCode))
			}
			return answer, err
		})
	}
	client, err := New(c)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	ctx := t.Context()

	require.NoError(t, client.Ping(ctx))
	o := client.Charge(ctx, charge())
	require.False(t, o.Unreadable, o.Reason)
	f := client.Find(ctx, charge(), "")
	require.NotContains(t, f.Outcome.Reason, "cannot be read")
	f = client.Find(ctx, charge(), "pi_123")
	require.NotContains(t, f.Outcome.Reason, "cannot be read")
	client.Look(ctx, payment.Ref{ID: "pi_123"})
	client.Cancel(ctx, payment.Cancel{Key: "k1", ID: "pi_123"})
	client.Cancel(ctx, payment.Cancel{Key: "k2", ID: "pi_123", Unfinished: true})
	client.Refund(ctx, payment.Refund{Key: "k3", ID: "pi_123", Amount: 100, Reason: "order_7"})
	_, err = client.List(ctx, payment.Window{From: now, To: now.Add(time.Hour)}, "")
	require.NoError(t, err)
	for _, a := range answers {
		require.True(t, strings.HasSuffix(a, " 200"), "%s", answers)
	}
	require.GreaterOrEqual(t, len(answers), 9, "%s", answers)

	wrong := &form{}
	wrong.add("amount", "1299")
	wrong.add("currency", "usd")
	wrong.add("off_sesion", "true")
	a := client.send(ctx, request{path: pathIntents, body: wrong, key: "k4"})
	require.Equal(t, http.StatusBadRequest, a.Status, "the control: a misspelt field is refused")
}
