package model

import "slices"

// Bounds is how much may happen in a search.
type Bounds struct {
	Crashes   uint8
	Presumed  uint8 // workers that live and are taken for dead
	Losses    uint8 // backups that are restored, or fail-overs
	Survivors bool  // processes may live through a loss
	Switches  uint8 // times that the URL leads away
	Requests  int   // on the way at once, at most 3
	Single    bool  // one worker only
}

// Scenario is one world to search.
type Scenario struct {
	Name    string
	Gateway Gateway
	Bounds  Bounds
	Other   Other
	Silent  bool // the other place has the same URL, and the gateway tells no account: only the credential differs
	OneWay  bool // the other place stays, and no run that began before works beside one that began after
	Drift   bool // the place changes under running processes, not between them
	Earlier bool // an earlier success of another invoice exists
	Later   bool // later successes of other invoices may happen
	Stops   bool // a process may be stopped for R between check and send
	Begins  Invoice
}

// Size says how large the bounds are.
type Size struct {
	KeyLife  uint8 // L in ticks
	Crashes  uint8
	Requests int
	// Answers: gateways decline and reject in scenarios with a loss too, and processes crash beside other faults.
	Answers bool
}

// Small returns the bounds of the tests.
func Small() Size { return Size{KeyLife: 3, Crashes: 1, Requests: 2} }

// Large returns the bounds of a search that may take long.
func Large() Size { return Size{KeyLife: 4, Crashes: 2, Requests: 3, Answers: true} }

// Gateways lists the kinds of gateways by name: what POST and look-up remember, and whether there is a list.
func (z Size) Gateways() map[string]Gateway {
	lasting := Gateway{KeyLife: z.KeyLife, Ask: AskForever}
	kept, forgetful, mute := lasting, lasting, lasting
	kept.KeepsKeys, forgetful.Ask, mute.Ask = true, AskKeyLife, CannotAsk
	noKeys, neither := Gateway{Ask: AskForever}, Gateway{}
	return map[string]Gateway{
		"keys kept":                kept,
		"POST forgets":             lasting,
		"forgets all":              forgetful,
		"mute":                     mute,
		"no keys":                  noKeys,
		"no keys, mute":            neither,
		"listed":                   lasting.listed(0),
		"mute, listed":             mute.listed(0),
		"mute, listed late":        mute.listed(1),
		"no keys, listed":          noKeys.listed(0),
		"no keys, mute, listed":    neither.listed(0),
		"no keys, mute, late list": neither.listed(1),
	}
}

func (g Gateway) listed(lag uint8) Gateway {
	g.List, g.Lag = true, lag
	return g
}

// Scenarios lists the worlds to search: each gateway with crashes and with a loss, gateways that deceive, and
// other places.
func (z Size) Scenarios() []Scenario {
	var all []Scenario
	for name, g := range z.Gateways() {
		g.Declines = true
		all = append(all, z.world(name+": crashes", g, Bounds{Crashes: z.Crashes}))
		g.Declines = z.Answers
		all = append(all, z.world(name+": a loss", g, Bounds{Losses: 1, Survivors: true}))
		if g.Declines, g.Rejects = false, true; z.Answers {
			all = append(all, z.world(name+": a loss, rejections", g, Bounds{Losses: 1, Survivors: true}))
		}
	}
	return slices.Concat(all, z.issues(), z.falseDeaths(), z.keptErrors(), z.deceptions(), z.places())
}

// issues lists scenarios that begin before the invoice is issued, so that it may be born with its first attempt. They end as the others do:
// a part of the gateways is enough.
func (z Size) issues() []Scenario {
	var all []Scenario
	gateways := z.Gateways()
	for _, name := range []string{"POST forgets", "mute", "no keys", "no keys, mute", "listed", "no keys, mute, listed"} {
		for kind, b := range map[string]Bounds{"crashes": {Crashes: z.Crashes}, "a loss": {Losses: 1, Survivors: true}} {
			sc := z.world("due, "+name+": "+kind, gateways[name], b)
			sc.Begins = InvoiceDue
			sc.Gateway.Declines = kind == "crashes" || z.Answers
			all = append(all, sc)
		}
	}
	return all
}

// falseDeaths lists scenarios in which a worker that lives is taken for dead before its lease is over, and what it holds is taken over.
func (z Size) falseDeaths() []Scenario {
	var all []Scenario
	gateways := z.Gateways()
	for _, name := range []string{"POST forgets", "forgets all", "mute", "no keys", "no keys, mute", "listed"} {
		sc := z.world(name+": taken for dead", gateways[name], Bounds{Crashes: z.Crashes - 1, Presumed: 1})
		sc.Gateway.Declines = true
		all = append(all, sc)
	}
	return all
}

// keptErrors lists scenarios with a gateway that answers with errors, and keeps them under the key.
func (z Size) keptErrors() []Scenario {
	var all []Scenario
	add := func(name, gateway string, b Bounds) *Scenario {
		sc := z.world("errors kept, "+name, z.Gateways()[gateway], b)
		sc.Gateway.Errs = true
		all = append(all, sc)
		return &all[len(all)-1]
	}
	add("crashes", "POST forgets", Bounds{Crashes: z.Crashes})
	add("keys kept: crashes", "keys kept", Bounds{Crashes: z.Crashes})
	add("forgets all: crashes", "forgets all", Bounds{Crashes: z.Crashes})
	add("a loss", "POST forgets", Bounds{Losses: 1, Survivors: z.Answers})
	add("listed: a loss", "listed", Bounds{Losses: 1, Survivors: z.Answers})
	stopped := add("stopped and taken for dead", "POST forgets", Bounds{Presumed: 1})
	stopped.Stops, stopped.Gateway.KeyLife = true, z.KeyLife+1
	return all
}

// world makes a scenario with controls at hand.
func (z Size) world(name string, g Gateway, b Bounds) Scenario {
	b.Requests = z.Requests
	return Scenario{Name: name, Gateway: g, Bounds: b, Earlier: true, Later: true}
}

// deceptions lists scenarios with answers that mislead, without controls, and with time that is short.
func (z Size) deceptions() []Scenario {
	gateways := z.Gateways()
	crash := Bounds{Crashes: z.Crashes}
	with := func(name string, gateway string, b Bounds, change func(*Scenario)) Scenario {
		sc := z.world(name, gateways[gateway], b)
		change(&sc)
		return sc
	}
	return []Scenario{
		with("rejections", "POST forgets", crash, func(sc *Scenario) { sc.Gateway.Rejects = true }),
		with("charges and answers 400", "POST forgets", crash, func(sc *Scenario) { sc.Gateway.Deceives = true }),
		with("charges and answers 400, mute", "mute", crash, func(sc *Scenario) { sc.Gateway.Deceives = true }),
		with("mixes up ids", "POST forgets", crash, func(sc *Scenario) { sc.Gateway.Mixes = true }),
		with("nothing to control by", "POST forgets", crash, func(sc *Scenario) { sc.Earlier, sc.Later = false, false }),
		with("stopped between check and send", "POST forgets", crash, func(sc *Scenario) { sc.Stops, sc.Gateway.KeyLife = true, z.KeyLife+1 }),
		with("declines and a restore, mute", "mute", Bounds{Losses: 1, Single: !z.Answers}, func(sc *Scenario) {
			sc.Gateway.Declines = true
		}),
		with("a restore within the key's life", "POST forgets", Bounds{Losses: 1, Single: !z.Answers}, func(sc *Scenario) {
			sc.Bounds.Requests--
			sc.Gateway.Rejects, sc.Gateway.KeyLife = true, z.KeyLife+4
		}),
		with("a loss with one run", "no keys", Bounds{Losses: 1, Survivors: true, Single: true}, func(sc *Scenario) { sc.Gateway.Declines = true }),
	}
}

// places lists scenarios in which the URL leads to another place for a while.
func (z Size) places() []Scenario {
	g := z.Gateways()["POST forgets"]
	away := Bounds{Switches: 1}
	if z.Answers {
		away.Crashes = 1
	}
	at := func(name string, change func(*Scenario)) Scenario {
		sc := z.world(name, g, away)
		sc.Bounds.Requests--
		change(&sc)
		return sc
	}
	return []Scenario{
		at("a wrong URL", func(sc *Scenario) { sc.Other, sc.Drift = Void, true }),
		at("a staging copy", func(sc *Scenario) { sc.Other, sc.Drift = Staging, true }),
		at("a stale copy", func(sc *Scenario) { sc.Other, sc.Drift = Stale, true }),
		at("a purged history", func(sc *Scenario) { sc.Other, sc.Drift = Purged, true }),
		at("another account", func(sc *Scenario) { sc.Other = Second }),
		at("another account, nothing earlier", func(sc *Scenario) { sc.Other, sc.Earlier = Second, false }),
		at("another account, unseen", func(sc *Scenario) { sc.Other, sc.Silent = Second, true }),
		at("another account, unseen, for good", func(sc *Scenario) { sc.Other, sc.Silent, sc.OneWay = Second, true, true }),
	}
}
