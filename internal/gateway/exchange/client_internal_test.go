package exchange

import (
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"duly/internal/payment"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestConnectionThatDiesBeforeTheFirstByteIsNotExecuted(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	c := New(Config{
		Base: s.URL, Timeout: 5 * time.Second, ConnectTimeout: time.Second, MaxConns: 1, Now: func() time.Time { return time.Time{} },
		Wrap: func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				return next.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
					GotConn: func(info httptrace.GotConnInfo) { socketOf(info.Conn).seal() },
				})))
			})
		},
	})
	defer c.Close()
	a := c.Send(t.Context(), Request{Method: http.MethodPost, Target: "/", Moves: true, Body: []byte("{}")})
	require.False(t, a.Left)
	o, unanswered := a.Unanswered()
	require.True(t, unanswered)
	require.Equal(t, payment.NotExecuted, o.Kind)
	require.True(t, o.Failure)
}
