package main

import "github.com/spf13/cobra"

// withoutSecrets takes the secrets of the configuration out of a --reason, before a command stores it: an operator who pastes a line of a log
// or of a request there may paste a token with it.
func withoutSecrets(ses *Session, cmd *cobra.Command) {
	f := cmd.Flags().Lookup(flagReason)
	if f == nil || !f.Changed {
		return
	}
	c, err := ses.load()
	if err != nil {
		return // the command says so, and stores nothing
	}
	_ = f.Value.Set(ses.printed(c).String(f.Value.String())) // a text takes any value
}
