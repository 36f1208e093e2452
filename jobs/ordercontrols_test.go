package jobs_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/test/worktest"
)

// turnout is an address that leads somewhere else when it is told to.
type turnout struct{ to atomic.Value }

func (s *turnout) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	to, _ := s.to.Load().(http.HandlerFunc)
	to(w, r)
}

func (s *turnout) lead(to http.Handler) { s.to.Store(http.HandlerFunc(to.ServeHTTP)) }

// turnedOut is the address of main, which leads to the gateway until it is told otherwise.
func (w *town) turnedOut() *turnout {
	w.t.Helper()
	s := &turnout{}
	s.lead(w.sims["main"])
	w.urls["main"] = serve(w.t, s)
	return s
}

// A shop that has orders alone is checked by the payments that duly settled: a gateway that does not show them any more fails no
// other order, and the run says that its address is wrong.
func TestAnOrdersPaymentThatIsNotShownAnyMore(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.accounts = true
	m.options.Policy.GiveUpAfter = 30 * time.Minute
	address := m.turnedOut()
	one := []worktest.Payment{{}}
	ids := m.sell(worktest.Order{Age: 3 * time.Hour, Payments: []worktest.Payment{{Age: 3 * time.Hour}}},
		worktest.Order{Age: 2 * time.Hour, Payments: []worktest.Payment{{Age: 2 * time.Hour}}}, worktest.Order{Payments: one})
	paid := m.took(ids[0], 1, nil)
	m.took(ids[2], 1, nil)
	m.only(ids[0], ids[2])
	require.Equal(t, batch.ExitDone, m.run().Exit)
	require.Equal(t, "completed | succeeded", m.order(ids[0]))

	address.lead(nowhere())
	m.only(ids[1])
	result := m.run()
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	left := strings.Join(result.Left, "\n")
	require.Contains(t, left, "gateway main does not show payment "+paid)
	require.Contains(t, left, "check gateways.main.url and .token")
	require.NotContains(t, left, "shows no payment of ours")
	require.Equal(t, "payment_in_progress | pending", m.order(ids[1]))
	require.NotContains(t, m.check(ids[1]), "(", "it waits for no operator")

	address.lead(m.sims["main"])
	require.Equal(t, batch.ExitDone, m.run().Exit)
	require.Contains(t, m.order(ids[1]), "failed (not paid: payment failed, request_failed")
}
