package refunds

import "fmt"

// Scenario is a gateway, what is asked for, and how much bad luck there is.
type Scenario struct {
	Name    string
	Gateway Gateway
	Wants   [rows]uint8 // units of each row; 0: all that is left
	Single  bool        // there is one row alone

	Requests  int   // on their way at once
	Sends     uint8 // requests of a claim, at a gateway that keeps keys
	Hands     uint8 // refunds by somebody at the provider
	Crashes   uint8
	Presumed  uint8
	Audits    bool
	TakesBack bool
	Restores  bool // the tables are set back to the first state, once
}

// begin is the first state.
func (sc Scenario) begin() State {
	var s State
	for i, want := range sc.Wants {
		if i == 0 || !sc.Single {
			s.Rows[i] = Row{Status: Requested, Want: want}
		}
	}
	return s
}

// Size is how large the bounds are.
type Size struct {
	KeyLife  uint8
	Requests int
	Sends    uint8
	Hands    uint8
	Crashes  uint8
	Presumed uint8
	Every    bool // each gateway beside each request and each kind of bad luck
}

// Small is what every run of the tests searches.
func Small() Size { return Size{KeyLife: 3, Requests: 1, Sends: 1, Hands: 1, Crashes: 1, Presumed: 1} }

// Large is what takes minutes.
func Large() Size {
	return Size{KeyLife: 4, Requests: 2, Sends: 2, Hands: 2, Crashes: 2, Presumed: 1, Every: true}
}

// Scenarios are what is searched.
func (z Size) Scenarios() []Scenario {
	gateways := []struct {
		name string
		Gateway
	}{
		{"keys", Gateway{KeyLife: z.KeyLife}},
		{"keys kept", Gateway{KeyLife: z.KeyLife, Keeps: true}},
		{"no keys", Gateway{}},
	}
	wants := []struct {
		name   string
		wants  [rows]uint8
		single bool
	}{
		{"a part", [rows]uint8{1}, true},
		{"all", [rows]uint8{0}, true},
		{"two parts", [rows]uint8{1, 1}, false},
		{"a part and the rest", [rows]uint8{1, 0}, false},
		{"too much", [rows]uint8{2, 2}, false},
	}
	var out []Scenario
	for _, g := range gateways {
		for _, w := range wants {
			sc := Scenario{Gateway: g.Gateway, Wants: w.wants, Single: w.single, Requests: z.Requests, Sends: z.Sends}
			add := func(name string, change func(*Scenario)) {
				next := sc
				next.Name = fmt.Sprintf("%s, %s: %s", g.name, w.name, name)
				change(&next)
				out = append(out, next)
			}
			add("crashes", func(sc *Scenario) { sc.Crashes, sc.TakesBack = z.Crashes, true })
			add("taken for dead", func(sc *Scenario) { sc.Presumed = z.Presumed; sc.Requests = 2 })
			if w.single {
				add("refuses late", func(sc *Scenario) { sc.Gateway.Rejects, sc.Requests = true, 2 })
				add("busy, taken for dead", func(sc *Scenario) { sc.Gateway.Busies, sc.Presumed, sc.Requests = true, z.Presumed, 2 })
			}
			if w.wants[0] == 1 && w.wants[1] != 0 || w.single && w.wants[0] > 0 {
				add("restored", func(sc *Scenario) { sc.Restores, sc.Audits, sc.Hands = true, true, z.Hands })
			}
			add("busy, somebody at the provider", func(sc *Scenario) { sc.Gateway.Busies, sc.Hands = true, z.Hands })
			if !z.Every && (w.wants[1] != w.wants[0] || w.wants[0] > 1) && !w.single {
				continue
			}
			add("audited", func(sc *Scenario) { sc.Hands, sc.Audits = z.Hands, true })
			if !w.single {
				add("refuses", func(sc *Scenario) { sc.Gateway.Rejects, sc.Hands = true, z.Hands })
			}
		}
	}
	mute := Scenario{Name: "mute", Gateway: Gateway{KeyLife: z.KeyLife, Mute: true}, Wants: [rows]uint8{1, 1}, Requests: z.Requests, Sends: z.Sends, Crashes: z.Crashes}
	return append(out, mute)
}
