package main

import (
	"github.com/spf13/cobra"

	"duly/internal/cli"
	"duly/internal/session"
)

// withoutSecrets takes the secrets of the configuration out of a --reason, before a command stores it: an operator who pastes a line of a log
// or of a request there may paste a token with it.
func withoutSecrets(ses *session.Session, cmd *cobra.Command) {
	f := cmd.Flags().Lookup(cli.FlagReason)
	if f == nil || !f.Changed {
		return
	}
	c, err := ses.Load()
	if err != nil {
		return // the command says so, and stores nothing
	}
	_ = f.Value.Set(ses.Printed(c).String(f.Value.String())) // a text takes any value
}
