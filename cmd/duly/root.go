package main

import (
	"github.com/spf13/cobra"

	"duly/config"
)

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "duly",
		Short: "Bills subscriptions and settles orders, and runs to completion",
		Long: "duly charges every subscription that is due, retries declined ones, and exits with a code that says\n" +
			"what is left. It works on MySQL 8+ or MariaDB 10.11+.",
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.PersistentFlags().StringVar(&a.file, "config", "", "configuration file (default duly.yaml, if it is there)")
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print one JSON document on standard output; logs go to standard error")
	root.AddCommand(a.runCommand(), a.migrateCommand(), a.demoCommand())
	return root
}

// load reads the configuration, once.
func (a *app) load() (*config.Config, error) {
	if a.config != nil {
		return a.config, nil
	}
	c, err := config.Load(config.Options{File: a.file, Env: a.env, Flags: a.flags})
	if err != nil {
		return nil, usage(err)
	}
	a.config = c
	return c, nil
}
