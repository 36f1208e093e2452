package schedule_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/schedule"
	"duly/internal/test/testdb"
)

func (c *clerk) ask(path string) (int, schedule.Health) {
	c.t.Helper()
	answer := httptest.NewRecorder()
	c.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(c.t.Context(), http.MethodGet, path, nil))
	var h schedule.Health
	if answer.Header().Get("Content-Type") == "application/json" {
		require.NoError(c.t, json.Unmarshal(answer.Body.Bytes(), &h))
	}
	return answer.Code, h
}

func TestHealth(t *testing.T) {
	h := newHall(t, "Europe/Berlin", "2026-03-28 12:00")
	proxy := testdb.NewProxy(t, h.db.DSN)
	c := h.candidate("vm", proxy.DSN, "nightly=30 2 * * *", "prune=0 4 1 * *")
	running, leave := make(chan struct{}, 2), make(chan struct{})
	c.Run = func(_ context.Context, _ string, began func(uint64)) int {
		began(42)
		running <- struct{}{}
		<-leave
		return 3
	}
	code, health := c.ask("/healthz")
	require.Equal(t, http.StatusServiceUnavailable, code, "it does not serve yet")
	require.Equal(t, schedule.StatusDown, health.Status)

	h.start(c)
	<-running
	h.settle(2)
	h.eventually(func() bool { return len(h.fired("run_id = 42")) == 1 })
	code, health = c.ask("/healthz")
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, schedule.StatusOK, health.Status)
	require.Equal(t, schedule.StatusOK, health.Database)
	require.Equal(t, "Europe/Berlin", health.Zone)
	nightly, prune := health.Jobs[0], health.Jobs[1]
	require.Equal(t, "2026-03-29T01:30:00Z", nightly.Next.Format(time.RFC3339), "the change of the clock is seen")
	require.Equal(t, "30 2 * * *", nightly.Schedule)
	require.Nil(t, nightly.Last)
	require.Equal(t, uint64(42), *nightly.Running.Run)
	require.Equal(t, "vm", nightly.Running.Host)
	require.Nil(t, nightly.Running.Exit)
	require.False(t, nightly.Running.Died)
	require.Nil(t, prune.Running)
	require.Nil(t, prune.Last)

	leave <- struct{}{}
	h.eventually(func() bool { return len(h.fired("exit_code = 3")) == 1 })
	_, health = c.ask("/healthz")
	require.Nil(t, health.Jobs[0].Running)
	require.Equal(t, 3, *health.Jobs[0].Last.Exit)
	require.Equal(t, uint64(42), *health.Jobs[0].Last.Run)
	require.Equal(t, "2026-03-28T01:30:00Z", health.Jobs[0].Last.At.Format(time.RFC3339))
	require.NotNil(t, health.Jobs[0].Last.Ended)

	proxy.Refuse()
	code, health = c.ask("/healthz")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Equal(t, schedule.StatusDown, health.Status)
	require.Equal(t, schedule.StatusDown, health.Database)
	require.False(t, health.Jobs[0].Next.IsZero())
	proxy.Admit()
	code, _ = c.ask("/healthz")
	require.Equal(t, http.StatusOK, code)

	code, _ = c.ask("/")
	require.Equal(t, http.StatusNotFound, code)

	c.stop()
	h.eventually(func() bool { _, health = c.ask("/healthz"); return health.Status == schedule.StatusStopping })
	code, _ = c.ask("/healthz")
	require.Equal(t, http.StatusServiceUnavailable, code)
}
