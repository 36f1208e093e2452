//go:build !man

package main

import "github.com/spf13/cobra"

// extra are the commands of a build for the project's own use: this is none.
func extra() []*cobra.Command { return nil }
