package stripe

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/internal/test/canned"
)

// A connection that has carried a request and breaks with the next one: net/http sends a request with an Idempotency-Key again by itself
// there, if it can read its body anew.
func TestStripeAKeptConnectionThatBreaksSendsNoSecondPOST(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var posts, connections atomic.Int32
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			all.Go(func() {
				defer func() { _ = conn.Close() }()
				for in := bufio.NewReader(conn); ; {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					if r.Method == http.MethodPost {
						posts.Add(1)
						return // the answer is lost
					}
					body := listOf(false)
					_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	client := open(t, "http://"+l.Addr().String())
	t.Cleanup(client.Close)
	require.True(t, client.Find(t.Context(), charge(), "").Absent)
	o := client.Charge(t.Context(), charge())
	require.Equal(t, payment.Outcome{Failure: true, Reason: "connection closed before the answer was whole"}, o)
	require.Equal(t, int32(1), posts.Load())
	require.Equal(t, int32(1), connections.Load(), "the connection had been kept")
}

func TestAGuardKeepsEveryPOSTBack(t *testing.T) {
	client := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("arrived") })
	ctx := gateway.WithGuard(t.Context(), gateway.Guard{Check: func() error { return fmt.Errorf("%w: the lease is over", gateway.ErrGuard) }})
	require.Equal(t, payment.Outcome{Kind: payment.NotExecuted, Reason: "not sent: the lease is over"}, client.Charge(ctx, charge()))
	require.Equal(t, payment.EffectNone, client.Cancel(ctx, payment.Cancel{Key: "k", ID: "pi_1"}).Effect)
	require.Equal(t, payment.EffectNone, client.Refund(ctx, payment.Refund{Key: "k", ID: "pi_1", Amount: 1}).Effect)
}

// No template holds what a card is charged by, nor a payment's id.
func TestStripePathsAreTracedByTheirTemplates(t *testing.T) {
	templates := map[string]bool{}
	c := configFor("http://127.0.0.1:1")
	c.Wrap = func(http.RoundTripper) http.RoundTripper {
		return canned.RoundTrip(func(r *http.Request) (*http.Response, error) {
			templates[gateway.Template(r.Context())] = true
			return nil, errors.New("nothing is sent")
		})
	}
	client, err := New(c)
	require.NoError(t, err)
	client.Charge(t.Context(), charge())
	client.Find(t.Context(), charge(), "")
	client.Look(t.Context(), payment.Ref{ID: "pi_1"})
	client.Cancel(t.Context(), payment.Cancel{Key: "k", ID: "pi_1"})
	client.Refund(t.Context(), payment.Refund{Key: "k", ID: "pi_1", Amount: 1})
	require.Equal(t, map[string]bool{
		"/v1/payment_intents": true, "/v1/payment_intents/{id}": true, "/v1/payment_intents/{id}/cancel": true, "/v1/refunds": true,
	}, templates)
}
