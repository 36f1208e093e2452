package notify_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/notify"
)

func deadman(t *testing.T, address string, within time.Duration) *notify.Deadman {
	t.Helper()
	d, err := notify.NewDeadman(address, "v1", within)
	require.NoError(t, err)
	t.Cleanup(d.Close)
	return d
}

func TestDeadmanIsAskedForByHowARunGoes(t *testing.T) {
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		asked = append(asked, r.Method+" "+r.URL.String()+" "+user+password+" "+r.UserAgent())
		w.WriteHeader(http.StatusNoContent)
	}))
	defer s.Close()
	d := deadman(t, "http://u:p@"+s.Listener.Addr().String()+"/ping/sesame?rid=1", time.Second)
	require.NoError(t, d.Started(t.Context()))
	require.NoError(t, d.Ended(t.Context(), 0))
	require.NoError(t, d.Ended(t.Context(), 143))
	require.Equal(t, []string{
		"GET /ping/sesame/start?rid=1 up duly/v1", "GET /ping/sesame?rid=1 up duly/v1", "GET /ping/sesame/143?rid=1 up duly/v1",
	}, asked)
}

func TestDeadmanThatFailsIsToldOfByItsHost(t *testing.T) {
	release := make(chan struct{})
	for said, h := range map[string]http.HandlerFunc{
		"answered 404 Not Found": func(w http.ResponseWriter, r *http.Request) { http.Error(w, r.URL.String(), http.StatusNotFound) },
		"redirects are not followed": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/sesame/elsewhere", http.StatusFound)
		},
		"no answer in time": func(http.ResponseWriter, *http.Request) { <-release },
	} {
		t.Run(said, func(t *testing.T) {
			s := httptest.NewServer(h)
			defer s.Close()
			if said == "no answer in time" {
				defer close(release)
			}
			err := deadman(t, s.URL+"/sesame", 100*time.Millisecond).Ended(t.Context(), 1)
			require.ErrorContains(t, err, said)
			require.NotContains(t, err.Error(), "sesame")
		})
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	err := deadman(t, gone.URL+"/sesame", time.Second).Started(t.Context())
	require.ErrorContains(t, err, "connection refused")
	require.NotContains(t, err.Error(), "sesame")
	_, err = notify.NewDeadman("sesame", "", time.Second)
	require.EqualError(t, err, "not a web address")
}
