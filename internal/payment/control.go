package payment

import (
	"fmt"
	"slices"
	"time"
)

// Control is a payment that a gateway must show if it is to be believed that it does not know another one.
type Control struct {
	Key        string
	Reference  string
	CustomerID string
	Money      Money
	PaymentID  string
	// GatewayCustomer is the second identifier of the method that was charged; empty if the tables do not tell it.
	GatewayCustomer string
	At              time.Time // when its charge was made, as far as the tables say
	// Own: duly's own answers or look-ups settled it, or an operator has shown it. A gateway that does not show it is
	// called at the wrong address, or has lost history. Any other is a record of the shop's, which counts only once the
	// gateway shows it.
	Own bool
}

// Shown reports whether p is the very payment of c. A copy of an environment shares keys, references, customers and
// money with it, but not the gateway's ids. What became of the payment since, its status and refunds, does not matter.
func (c Control) Shown(p Payment) bool {
	return c.PaymentID != "" && c.PaymentID == p.ID && c.Key == p.Key && c.Reference == p.Reference &&
		p.IsOf(c.CustomerID) && c.Money == p.Money
}

// Controls are the payments that an absence can be checked by, the nearest in time first: those that were made before
// the absent one was first sent, and those that were made after it.
type Controls struct{ Earlier, Later []Control }

// Without returns the controls but the payment of a key: no payment is its own control. An empty key leaves none out.
func (c Controls) Without(key string) Controls {
	if key == "" {
		return c
	}
	own := func(x Control) bool { return x.Key == key }
	return Controls{slices.DeleteFunc(slices.Clone(c.Earlier), own), slices.DeleteFunc(slices.Clone(c.Later), own)}
}

// MaxControls is how many payments an absence is checked by on each side.
const MaxControls = 3

// Sides are the sides on which an absence is checked.
type Sides uint8

// The sides. Sending again needs the earlier one alone, since the key guards it.
const (
	EarlierSide Sides = 1 << iota
	LaterSide
	BothSides = EarlierSide | LaterSide
)

// Control verdicts: what the controls of one side say.
const (
	// ControlUnknown: the gateway did not answer, or was not asked.
	ControlUnknown ControlVerdict = iota
	// ControlNone: there is nothing to check by.
	ControlNone
	// ControlPassed: a payment of ours is shown as it is.
	ControlPassed
	// ControlFailed: a payment of ours is not shown, or another one in its place.
	ControlFailed
)

// ControlVerdict is what the controls of one side say.
type ControlVerdict uint8

// Judge says what a look-up of c proves. Only what a gateway definitely says fails a control of our own; a record of
// the shop's that is not shown is none.
func (c Control) Judge(seen LookupResult) ControlVerdict {
	switch {
	case seen.Payment != nil && c.Shown(*seen.Payment):
		return ControlPassed
	case seen.Payment == nil && seen.Unaskable:
		return ControlNone
	case seen.Payment == nil && !seen.Absent:
		return ControlUnknown
	case c.Own:
		return ControlFailed
	}
	return ControlNone
}

// Vetting is what the controls of an absence say.
type Vetting struct {
	Earlier, Later ControlVerdict
	Denied         Control // the one that failed
}

// Proves reports whether an absence that was answered before the controls were asked for proves that nothing was executed.
func (v Vetting) Proves() bool { return v.Earlier == ControlPassed && v.Later == ControlPassed }

// Failed reports whether the gateway does not show what it took: nothing that it does not show is absent then.
func (v Vetting) Failed() bool { return v.Earlier == ControlFailed || v.Later == ControlFailed }

// Allows reports whether an attempt may be sent again under its key: the gateway shows an earlier payment of ours, or
// there is none that it could show.
func (v Vetting) Allows() bool { return v.Earlier == ControlPassed || v.Earlier == ControlNone }

// Shown reports whether the gateway shows a payment of ours, and fails to show none.
func (v Vetting) Shown() bool {
	return !v.Failed() && !v.Unknown() && (v.Earlier == ControlPassed || v.Later == ControlPassed)
}

// Distrust says to people why a record of that gateway which frees an invoice for another charge does not count.
func (v Vetting) Distrust(gateway string) string {
	switch {
	case v.Failed():
		return v.Denied.DeniedBy(gateway)
	case v.Unknown():
		return fmt.Sprintf("gateway %s did not answer for a payment that it took", gateway)
	}
	return fmt.Sprintf("gateway %s says that nothing was taken, and shows no payment of ours by which it could be believed", gateway)
}

// Unknown reports whether the controls could not be asked for.
func (v Vetting) Unknown() bool {
	return !v.Failed() && (v.Earlier == ControlUnknown || v.Later == ControlUnknown)
}

// Missing names the side on which there is nothing to check by; empty for none.
func (v Vetting) Missing() string {
	switch {
	case v.Earlier == ControlNone && v.Later == ControlNone:
		return "before or after it"
	case v.Earlier == ControlNone:
		return "before it"
	case v.Later == ControlNone:
		return "after it"
	}
	return ""
}

// Reason says to people why an absence at that gateway does not count; empty if it does.
func (v Vetting) Reason(gateway string) string {
	switch {
	case v.Failed():
		return v.Denied.DeniedBy(gateway)
	case v.Proves():
		return ""
	case v.Missing() != "":
		return fmt.Sprintf("gateway %s does not know it, and shows no payment of ours from %s", gateway, v.Missing())
	}
	return fmt.Sprintf("gateway %s does not know it, and did not answer for a payment that it took", gateway)
}

// DeniedBy says to people that a gateway does not show c.
func (c Control) DeniedBy(gateway string) string {
	return fmt.Sprintf("gateway %s does not show payment %s, which it took on %s: wrong URL or account?",
		gateway, Cut(c.PaymentID, maxShownID), c.At.UTC().Format(time.DateOnly))
}

// AnyShown asks for the controls of one side until one is shown, which it returns. One of our own that is not shown fails the
// side, and is returned, only if no other is shown and each was answered for.
func AnyShown(controls []Control, ask func(Control) ControlVerdict) (Control, ControlVerdict) {
	verdict, denied := ControlNone, Control{}
	for _, c := range controls {
		switch ask(c) {
		case ControlPassed:
			return c, ControlPassed
		case ControlUnknown:
			verdict = ControlUnknown
		case ControlFailed:
			if verdict == ControlNone {
				verdict, denied = ControlFailed, c
			}
		case ControlNone:
		}
	}
	return denied, verdict
}

// NoneDenied asks for all of the controls of an account, before money is sent back there. One of our own that is not shown, which
// is returned, fails them all, also beside others that are: a stale copy of the account shows all but the newest.
func NoneDenied(controls []Control, ask func(Control) ControlVerdict) (denied Control, v ControlVerdict) {
	v = ControlNone
	for _, c := range controls {
		switch ask(c) {
		case ControlFailed:
			return c, ControlFailed
		case ControlPassed:
			v = ControlPassed
		case ControlUnknown:
			if v == ControlNone {
				v = ControlUnknown
			}
		case ControlNone:
		}
	}
	return Control{}, v
}

// maxShownID bounds ids in texts for people.
const maxShownID = 64

// Nearest picks the controls to ask for out of those of one side, the nearest in time first: three at most, and one of
// our own among them if there is one, since what a shop's records say may be nothing that a gateway can show.
func Nearest(sorted []Control) []Control {
	if len(sorted) <= MaxControls {
		return sorted
	}
	picked := append([]Control(nil), sorted[:MaxControls]...)
	for _, c := range picked {
		if c.Own {
			return picked
		}
	}
	for _, c := range sorted[MaxControls:] {
		if c.Own {
			picked[MaxControls-1] = c
			break
		}
	}
	return picked
}
