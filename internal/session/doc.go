// Package session is what every command works with: its configuration, clocks, database, gateways, receivers and logs. A command opens what it
// needs by it, and closes it.
package session
