package adapters

import (
	"maps"
	"slices"
	"strconv"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/internal/cli"
	"duly/internal/gateway"
	"duly/internal/gateway/kakaopay"
	"duly/internal/gateway/portone"
	"duly/internal/gateway/stripe"
	"duly/internal/gateway/toss"
)

// tables are the codes of providers, by the type of their gateways.
func tables() map[string]func() []gateway.Code {
	return map[string]func() []gateway.Code{"kakaopay": kakaopay.Codes, "portone": portone.Codes, "stripe": stripe.Codes, "toss": toss.Codes}
}

// CodeTables lists the types of gateways that have a table of their provider's codes.
func CodeTables() []string { return slices.Sorted(maps.Keys(tables())) }

// Codes is the document of `duly gateways codes`.
type Codes struct {
	Type  string         `json:"type"`
	Codes []gateway.Code `json:"codes"`
}

// CodesOf is what the adapter of a type knows of its provider's answers; empty for a type that has no table.
func CodesOf(name string) Codes {
	if codes, ok := tables()[name]; ok {
		return Codes{name, codes()}
	}
	return Codes{name, []gateway.Code{}}
}

// Show prints c for people or as a document.
func (c Codes) Show(screen *cli.Screen) error {
	if screen.JSON {
		return screen.Print(c)
	}
	rows := make([]table.Row, len(c.Codes))
	for i, code := range c.Codes {
		status := ""
		if code.Status != 0 {
			status = strconv.Itoa(code.Status)
		}
		rows[i] = table.Row{code.Of, code.Code, status, code.Class, code.Meaning, code.Certainty}
	}
	screen.Table(table.Row{"of", "code", "HTTP", "taken for", "meaning", "sure"}, rows)
	return nil
}
