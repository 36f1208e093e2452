package steps_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/steps"
)

// register is a gateway that shows payments by key and by id, after a second.
type register struct {
	*provider

	mu     sync.Mutex
	shown  map[string]payment.Payment // by key or id; none: absent
	silent map[string]bool
	asked  []string
}

func (r *register) Look(_ context.Context, w payment.Ref) payment.LookupResult {
	time.Sleep(time.Second)
	r.mu.Lock()
	defer r.mu.Unlock()
	name := w.Key + w.ID
	r.asked = append(r.asked, name+strings.TrimSuffix(" of "+w.GatewayCustomer, " of "))
	if r.silent[name] {
		return payment.LookupResult{Reason: "timeout"}
	}
	if p, ok := r.shown[name]; ok {
		return payment.LookupResult{Payment: &p}
	}
	return payment.LookupResult{Absent: true}
}

func (r *register) forget(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.shown, name)
}

// control is a payment of ours that was made that long ago.
func control(name string, age time.Duration, own bool) payment.Control {
	return payment.Control{Key: name, Reference: "ref", CustomerID: "c", PaymentID: "pay_" + name, At: time.Now().Add(-age), Own: own}
}

func shows(controls ...payment.Control) map[string]payment.Payment {
	all := map[string]payment.Payment{}
	for _, c := range controls {
		p := payment.Payment{ID: c.PaymentID, Key: c.Key, Reference: c.Reference, CustomerID: c.CustomerID, Status: payment.Succeeded}
		all[c.Key], all[c.PaymentID] = p, p
	}
	return all
}

// registered is a register that shows what is given, as the gateway main, and what asks it for controls.
func registered(t *testing.T, shown ...payment.Control) (*steps.Controls, *gateway.Limited, *register) {
	t.Helper()
	r := &register{provider: ordinary(), shown: shows(shown...), silent: map[string]bool{}}
	g := gateway.Limit("main", r, gateway.Limits{Tries: 1, Now: time.Now})
	t.Cleanup(g.Close)
	return &steps.Controls{Now: time.Now}, g, r
}

// The first definite answer of a side counts, the nearest payment being asked for first.
func TestControlsOfASide(t *testing.T) {
	near, far, shop := control("near", time.Hour, true), control("far", 2*time.Hour, true), control("shop", time.Minute, false)
	for name, c := range map[string]struct {
		controls []payment.Control
		shown    []payment.Control
		silent   []string
		want     payment.ControlVerdict
		asked    []string
	}{
		"none":                                 {want: payment.ControlNone},
		"the nearest is shown":                 {[]payment.Control{near, far}, []payment.Control{near, far}, nil, payment.ControlPassed, []string{"near"}},
		"the nearest is not, a farther one is": {[]payment.Control{near, far}, []payment.Control{far}, nil, payment.ControlFailed, []string{"near"}},
		"no answer for the nearest":            {[]payment.Control{near, far}, []payment.Control{near, far}, []string{"near"}, payment.ControlPassed, []string{"near", "far"}},
		"no answer at all":                     {[]payment.Control{near, far}, nil, []string{"near", "far"}, payment.ControlUnknown, []string{"near", "far"}},
		"a shop's record that nobody shows":    {[]payment.Control{shop, near}, []payment.Control{near}, nil, payment.ControlPassed, []string{"shop", "near"}},
		"a shop's record alone":                {[]payment.Control{shop}, nil, nil, payment.ControlNone, []string{"shop"}},
		"a shop's record that is shown":        {[]payment.Control{shop}, []payment.Control{shop}, nil, payment.ControlPassed, []string{"shop"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				controls, g, r := registered(t, c.shown...)
				for _, name := range c.silent {
					r.silent[name] = true
				}
				v := controls.Vet(t.Context(), g, payment.Controls{Earlier: c.controls}, payment.EarlierSide)
				require.Equal(t, c.want, v.Earlier)
				require.Equal(t, payment.ControlUnknown, v.Later, "not asked for")
				require.Equal(t, c.asked, r.asked)
			})
		})
	}
}

// Absences that wait share a look-up, but none is given one that had begun before it was answered.
func TestControlsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := control("one", time.Hour, true)
		c, g, r := registered(t, one)
		var group sync.WaitGroup
		verdicts := make(chan payment.ControlVerdict, 21)
		wait := func() {
			group.Go(func() {
				verdicts <- c.Vet(t.Context(), g, payment.Controls{Earlier: []payment.Control{one}}, payment.EarlierSide).Earlier
			})
		}
		wait() // begins a look-up
		synctest.Wait()
		for range 20 {
			wait()
		}
		synctest.Wait()
		require.Empty(t, verdicts)
		group.Wait()
		require.Len(t, r.asked, 2, "the first, and one for the other twenty")
		for range 21 {
			require.Equal(t, payment.ControlPassed, <-verdicts)
		}
	})
}

// A look-up that had begun, or ended, before an absence was answered says nothing about it: the address may have moved since.
func TestNoControlFromBeforeTheAbsence(t *testing.T) {
	one := control("one", time.Hour, true)
	vet := func(t *testing.T, c *steps.Controls, g *gateway.Limited) payment.Vetting {
		t.Helper()
		return c.Vet(t.Context(), g, payment.Controls{Earlier: []payment.Control{one}}, payment.EarlierSide)
	}
	t.Run("one that ended", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, g, r := registered(t, one)
			require.Equal(t, payment.ControlPassed, vet(t, c, g).Earlier)
			r.forget("one")
			v := vet(t, c, g)
			require.True(t, v.Failed())
			require.Equal(t, one, v.Denied)
		})
	})
	t.Run("one under way", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, g, r := registered(t, one)
			first, second := make(chan payment.Vetting, 1), make(chan payment.Vetting, 1)
			go func() { first <- vet(t, c, g) }() // answered after a second
			synctest.Wait()
			go func() { second <- vet(t, c, g) }()
			time.Sleep(1500 * time.Millisecond)
			r.forget("one")
			require.Equal(t, payment.ControlPassed, (<-first).Earlier)
			require.True(t, (<-second).Failed())
		})
	})
}

// A gateway that once did not show what it took is believed no absence for the rest of the run.
func TestAFailedControlCountsForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost, there := control("lost", time.Hour, true), control("there", time.Hour, true)
		c, g, r := registered(t, there)
		both := payment.Controls{Earlier: []payment.Control{there}, Later: []payment.Control{lost}}
		require.True(t, c.Vet(t.Context(), g, both, payment.BothSides).Failed())
		v := c.Vet(t.Context(), g, payment.Controls{Earlier: []payment.Control{there}, Later: []payment.Control{there}}, payment.BothSides)
		require.True(t, v.Failed())
		require.Equal(t, lost, v.Denied)
		require.Equal(t, []string{"there", "lost"}, r.asked, "and is asked for no more")
	})
}

// Where look-ups by key do not last, what is older than a key is asked for by id.
func TestControlsByID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		young, old := control("young", time.Hour, true), control("old", 25*time.Hour, true)
		c, g, r := registered(t, young, old)
		r.abilities.LookupOutlivesKey = false
		v := c.Vet(t.Context(), g, payment.Controls{Earlier: []payment.Control{old}, Later: []payment.Control{young}}, payment.BothSides)
		require.True(t, v.Proves())
		require.Equal(t, []string{"pay_old", "young"}, r.asked)
	})
}

// Where a key is found among the payments of one customer alone, a control is asked for by the key if its customer is known.
func TestControlsOfAGatewayThatNeedsTheCustomer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known, unknown := control("known", time.Hour, true), control("unknown", time.Hour, true)
		known.GatewayCustomer = "cus_1"
		c, g, r := registered(t, known, unknown)
		r.abilities.FindNeedsCustomer = true
		v := c.Vet(t.Context(), g, payment.Controls{Earlier: []payment.Control{known}, Later: []payment.Control{unknown}}, payment.BothSides)
		require.True(t, v.Proves())
		require.Equal(t, []string{"known of cus_1", "pay_unknown"}, r.asked)
	})
}
