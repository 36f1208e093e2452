// Package alert makes the one message that Slack gets when a command ends badly, however many runs the command had.
package alert
