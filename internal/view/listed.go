package view

import (
	"fmt"
	"strings"

	"duly/config"
	"duly/internal/billing/guard"
	"duly/internal/query/worklist"
)

// AsListed is rows whose commands are yet to be found.
func AsListed(rows []worklist.Row) []Listed {
	list := make([]Listed, len(rows))
	for i, l := range rows {
		list[i].Row = l
	}
	return list
}

// NextOf returns the usual commands for rows. If money may have been taken, or an amount looks wrong, the command that shows the row comes first:
// an operator must look before he decides.
func NextOf(rows []Listed) []string {
	var next []string
	for _, row := range rows {
		if len(row.Next) == 0 {
			continue
		}
		command := row.Next[0].Command
		if guard.Check(row.AmountCheck).Holds() {
			command = fmt.Sprintf("duly show invoice %d", row.ID)
		}
		if strings.HasPrefix(command, "duly resolve attempt ") || strings.HasPrefix(command, "duly resolve payment ") {
			switch {
			case row.What == worklist.Order:
				command = fmt.Sprintf("duly show order %d", row.ID)
			case row.Invoice != 0:
				command = fmt.Sprintf("duly show invoice %d", row.Invoice)
			}
		}
		next = append(next, command)
	}
	return next
}

// Listed is a row with the commands that move it on.
type Listed struct {
	worklist.Row

	Next []WayOut `json:"next"`
}

// Asks reports of each gateway whether this host can ask it what became of a charge.
func Asks(c *config.Config) func(gateway string) bool {
	return func(gateway string) bool { return c.Gateways[gateway].LookUp }
}
