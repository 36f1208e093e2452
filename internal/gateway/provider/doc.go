// Package provider holds what the adapters of payment providers share that answer with codes of their own: classes of codes and what
// each leaves of a charge, ids that are derived from keys, and windows of time that are listed slice by slice.
package provider
