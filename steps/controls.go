package steps

import (
	"context"
	"fmt"
	"sync"
	"time"

	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/payment"
)

// Controls looks up payments that a gateway took, to find out whether its word that it does not know another one can be
// believed. Absences that wait for the same control share one look-up; none is given one that had begun before its
// own absence was answered: the address may have moved in between. A gateway that once did not show what it took is
// believed no absence any more. It is safe for concurrent use.
type Controls struct {
	Now func() time.Time // the business clock, by which keys age

	mu     sync.Mutex
	shared map[controlName]*sharedLook
	denied map[string]payment.Control // by gateway: the control that failed
	backs  map[string]*backLook       // by gateway
}

// backLook is whether a gateway has shown the newest payments that it took, in this run.
type backLook struct {
	mu    sync.Mutex
	shown bool
}

// controlName is a control as it is asked for at a gateway.
type controlName struct {
	gateway, key, id string
	byID, own        bool
}

// sharedLook is the look-ups of one control: the one under way, and the one that begins after it.
type sharedLook struct{ running, next *controlLook }

type controlLook struct {
	done    chan struct{}
	verdict payment.ControlVerdict
}

// Vet asks g for controls of the sides, after an absence was answered. A side that is not asked for stays unknown.
func (c *Controls) Vet(ctx context.Context, g *gateway.Limited, controls payment.Controls, sides payment.Sides) payment.Vetting {
	var v payment.Vetting
	if denied, failed := c.Denied(g.Name()); failed {
		return payment.Vetting{Earlier: payment.ControlFailed, Later: payment.ControlFailed, Denied: denied}
	}
	if sides&payment.EarlierSide != 0 {
		v.Earlier, v.Denied = c.side(ctx, g, controls.Earlier)
	}
	if sides&payment.LaterSide != 0 && !v.Failed() {
		v.Later, v.Denied = c.side(ctx, g, controls.Later)
	}
	if v.Failed() {
		c.deny(g.Name(), v.Denied)
	}
	return v
}

func (c *Controls) deny(gateway string, control payment.Control) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.denied == nil {
		c.denied = map[string]payment.Control{}
	}
	c.denied[gateway] = control
}

// ShowsNewest asks g for the newest payments that it took, once in a run, before the first request that gives money back or
// cancels a payment there: a stale copy of the account would take it, and the account keep the money. left says why nothing is
// sent, and why what g shows of another payment does not count. Empty: g shows them, or has none to show.
func (c *Controls) ShowsNewest(ctx context.Context, g *gateway.Limited, source ControlSource) (left string) {
	c.mu.Lock()
	if c.backs == nil {
		c.backs = map[string]*backLook{}
	}
	back := c.backs[g.Name()]
	if back == nil {
		back = &backLook{}
		c.backs[g.Name()] = back
	}
	c.mu.Unlock()
	back.mu.Lock() // who waits is told the same
	defer back.mu.Unlock()
	if notice := c.Notice(g.Name()); notice != "" || back.shown {
		return notice
	}
	newest, err := source.Newest(ctx, g.Name())
	if err != nil {
		return fmt.Sprintf("the payments that gateway %s took could not be read: %v", g.Name(), err)
	}
	denied, verdict := payment.NoneDenied(newest, func(control payment.Control) payment.ControlVerdict {
		return c.look(ctx, g, control, c.which(g.Capabilities(), control))
	})
	switch verdict {
	case payment.ControlFailed:
		c.deny(g.Name(), denied)
		return c.Notice(g.Name())
	case payment.ControlUnknown:
		return fmt.Sprintf("gateway %s did not answer for a payment that it took, so that it is sent no refund", g.Name())
	case payment.ControlNone, payment.ControlPassed:
	}
	back.shown = true
	return ""
}

// shown asks g for the controls of one side, after an absence was answered, until one is shown, and returns that one.
// byID: the absent payment was asked for by its id, so that controls are too. Unlike for [Controls.Vet] one of our own
// that is not shown, which is then returned, fails the side only if no other is: an audit looks for holes in what a
// gateway shows, and the nearest payments may lie in the same one.
func (c *Controls) shown(ctx context.Context, g *gateway.Limited, controls []payment.Control, byID bool) (payment.Control, payment.ControlVerdict) {
	return payment.AnyShown(controls, func(control payment.Control) payment.ControlVerdict {
		which := c.which(g.Capabilities(), control)
		if byID {
			which = payment.Ref{ID: control.PaymentID, RequestID: which.RequestID}
		}
		return c.look(ctx, g, control, which)
	})
}

// Denied is the control that a gateway did not show in this run, if there is one.
func (c *Controls) Denied(gateway string) (payment.Control, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	control, failed := c.denied[gateway]
	return control, failed
}

// side asks for the controls of one side, the nearest first, until one is definite.
func (c *Controls) side(ctx context.Context, g *gateway.Limited, controls []payment.Control) (payment.ControlVerdict, payment.Control) {
	verdict := payment.ControlNone
	for _, control := range controls {
		switch c.look(ctx, g, control, c.which(g.Capabilities(), control)) {
		case payment.ControlPassed:
			return payment.ControlPassed, payment.Control{}
		case payment.ControlFailed:
			return payment.ControlFailed, control
		case payment.ControlUnknown:
			verdict = payment.ControlUnknown
		case payment.ControlNone:
		}
	}
	return verdict, payment.Control{}
}

// look joins the next look-up of a control, and makes it if nobody else waits for it.
func (c *Controls) look(ctx context.Context, g *gateway.Limited, control payment.Control, which payment.Ref) payment.ControlVerdict {
	if which.Key == "" && which.ID == "" {
		return payment.ControlNone
	}
	name := controlName{g.Name(), control.Key, control.PaymentID, which.ID != "", control.Own}
	c.mu.Lock()
	if c.shared == nil {
		c.shared = map[controlName]*sharedLook{}
	}
	s := c.shared[name]
	if s == nil {
		s = &sharedLook{}
		c.shared[name] = s
	}
	if s.next != nil {
		mine := s.next
		c.mu.Unlock()
		<-mine.done // the goroutine that makes it returns early as the run stops
		return mine.verdict
	}
	mine, before := &controlLook{done: make(chan struct{})}, s.running
	s.next = mine
	c.mu.Unlock()
	if before != nil {
		<-before.done
	}
	c.mu.Lock()
	s.running, s.next = mine, nil // who comes from now on waits for another
	c.mu.Unlock()
	defer close(mine.done)
	mine.verdict = control.Judge(g.Look(stoppableAnywhere(ctx), which))
	return mine.verdict
}

// which says how a control is asked for: by key, as the absence was, and by id where its key cannot be asked for or keys are
// forgotten in the end.
func (c *Controls) which(a gateway.Capabilities, control payment.Control) payment.Ref {
	w := payment.Ref{RequestID: "control-" + control.PaymentID}
	askable := a.FindByKey && (!a.FindNeedsCustomer || control.GatewayCustomer != "")
	if askable && (a.LookupOutlivesKey || c.Now().Sub(control.At) < a.KeyLife-a.LongestRequest) {
		w.Key, w.GatewayCustomer = control.Key, control.GatewayCustomer
	} else {
		w.ID = control.PaymentID
	}
	return w
}

// Notice says of a gateway that did not show what it took what that means and what to do; empty for any other.
func (c *Controls) Notice(gateway string) string {
	control, failed := c.Denied(gateway)
	if !failed {
		return ""
	}
	return fmt.Sprintf("%s (nothing that it does not know is settled; check gateways.%s.url and .token, then duly doctor)", control.DeniedBy(gateway), gateway)
}

// stoppableAnywhere ends waiting when the run is to stop, if ctx belongs to one.
func stoppableAnywhere(ctx context.Context) context.Context {
	if batch.Execution(ctx) == nil {
		return ctx
	}
	return stoppable(ctx)
}
