// Package billable reads what decides whether due subscriptions are invoiced, and charged now.
package billable
