package inspect

import (
	"duly/internal/billing/dunning"
	"duly/internal/billing/explain"
	"duly/internal/cli"
)

// dunningLine says by which policy a subscription or an invoice is dunned; empty where that is the default one with its usual end.
func dunningLine(s explain.Standing) string {
	p := s.Dunning()
	switch {
	case p.Unknown != "":
		return capital(p.Unknown) + "."
	case p.Name == "" && (p.AfterLast == "" || p.AfterLast == dunning.CancelAfterLast):
		return ""
	}
	return "Dunning policy " + dunning.Words(p.Name, p.RetryDays, p.AfterLast) + "."
}

// dunning writes the line about the policy, if there is one.
func (c chargeAnswer) dunning(screen *cli.Screen) {
	if c.policy != "" {
		screen.Line("%s", c.policy)
	}
}
