package jobs_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/httpapi"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// At a gateway without keys no more is claimed than can be on its way at once, whatever the size of a chunk. Others are
// charged meanwhile, as many as there are, and nothing is left in the end.
func TestAGatewayWithoutKeysIsClaimedAsItIsCharged(t *testing.T) {
	t.Parallel()
	t.Run("a fixed parallelism", func(t *testing.T) {
		t.Parallel()
		claimedAsCharged(t, 8, 0) // the town's
	})
	t.Run("one that duly finds", func(t *testing.T) {
		t.Parallel()
		claimedAsCharged(t, 4, 4)
	})
}

func claimedAsCharged(t *testing.T, parallelism, auto int) {
	t.Helper()
	w := newTown(t)
	w.lease = 10 * time.Minute
	w.limits.Auto = auto
	w.client = func(c *httpapi.Config) {
		c.Timeout = 2 * time.Minute
		if c.Name == "other" {
			c.KeyLife = 0
		}
	}
	const unkeyed, keyed = 40, 60
	worktest.Enrol(t, w.plain, unkeyed+keyed, day0, func(i int, s *worktest.Subscription) {
		if i <= unkeyed {
			s.Gateway = "other"
		}
	})
	charged := make(chan struct{}) // everybody else, or the test has failed already
	release := sync.OnceFunc(func() { close(charged) })
	var mu sync.Mutex
	most, requests := 0, map[string]int{}
	front := func(name string, before func(n int)) {
		server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost {
				w.sims[name].ServeHTTP(out, r)
				return
			}
			mu.Lock()
			requests[name]++
			before(requests[name])
			mu.Unlock()
			if name == "other" {
				select {
				case <-charged:
				case <-r.Context().Done():
				}
			}
			w.sims[name].ServeHTTP(out, r)
		}))
		t.Cleanup(server.Close)
		w.urls[name] = server.URL
	}
	front("main", func(n int) {
		if n == keyed {
			release()
		}
	})
	front("other", func(int) {
		most = max(most, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM payment_attempts WHERE gateway = 'other' AND status = 'in_flight'`))
		if most > parallelism {
			release()
		}
	})
	result := w.run(func(o *jobs.BillingOptions, _ *batch.Runner) { o.ChunkSize = 20 })
	require.Equal(t, parallelism, most)
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Equal(t, slices.Repeat([]string{"active paid 0 1"}, unkeyed+keyed), w.states())
	require.Equal(t, map[string]int{"main": keyed, "other": unkeyed}, requests)
	w.reconcile()
}
