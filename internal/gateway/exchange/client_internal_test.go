package exchange

import (
	"bytes"
	"io"
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

// What a request is made of is used again: nothing of one stays for the next.
func TestNothingStaysOfARequest(t *testing.T) {
	t.Parallel()
	var sent []*http.Request
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if err != nil {
			t.Error(err)
		}
		sent = append(sent, r)
	}))
	t.Cleanup(s.Close)
	c, _ := dial(t, s.URL)
	header := http.Header{"Authorization": {"us"}}
	for range 3 {
		require.NoError(t, c.Send(t.Context(), Request{
			Method: http.MethodPost, Target: "/a", Template: "/a", Moves: true, Body: []byte("{}"), Header: header, Own: [owned]Header{{"X-Id", "1"}, {}, {"Key", "k"}},
		}).Err)
		require.NoError(t, c.Send(t.Context(), Request{Method: http.MethodGet, Target: "/b/1", Template: "/b/{id}", Header: header, Own: [owned]Header{{"X-Id", "2"}}}).Err)
		require.NoError(t, c.Send(t.Context(), Request{Method: http.MethodGet, Target: "/b", Template: "/b"}).Err)
	}
	require.Equal(t, http.Header{"Authorization": {"us"}}, header, "it is shared")
	require.Len(t, sent, 9)
	for i, want := range []struct {
		target, body string
		header       http.Header
	}{
		{"POST /a", "{}", http.Header{"Authorization": {"us"}, "X-Id": {"1"}, "Key": {"k"}, "Content-Length": {"2"}}},
		{"GET /b/1", "", http.Header{"Authorization": {"us"}, "X-Id": {"2"}}},
		{"GET /b", "", http.Header{}},
	} {
		want.header["Accept"], want.header["User-Agent"] = accept, agent
		for _, r := range []*http.Request{sent[i], sent[i+3], sent[i+6]} {
			body, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			require.Equal(t, want.target, r.Method+" "+r.URL.Path)
			require.Equal(t, want.body, string(body))
			require.Equal(t, want.header, r.Header)
		}
	}
}
