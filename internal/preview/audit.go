package preview

import (
	"context"
	"maps"
	"slices"
	"time"

	"duly/internal/query"
	"duly/jobs"
)

// AuditForecast is what an audit would compare.
type AuditForecast struct {
	// From and To are the window: To is not in it. It is empty if there is nothing to audit yet.
	From time.Time `json:"window_from"`
	To   time.Time `json:"window_to"`
	// AuditedAt is the end of what was audited before; nil: nothing was.
	AuditedAt *time.Time `json:"audited_at,omitempty"`
	// Payments are sums of our payments in the window, whatever became of them.
	Payments []query.AuditSum `json:"payments"`
	// Listed are the gateways that would be asked for a list, Asked those that list nothing, where every settled
	// payment would be looked up; LeftAlone are paused.
	Listed    []string `json:"listed"`
	Asked     []string `json:"looked_up"`
	LeftAlone []string `json:"left_alone"`
}

// Audit says what [jobs.Audit] with the same arguments would compare, without writing anything or calling a gateway.
func Audit(ctx context.Context, d jobs.Deps, o jobs.AuditOptions) (AuditForecast, error) {
	f := AuditForecast{Payments: []query.AuditSum{}, Listed: []string{}, Asked: []string{}, LeftAlone: []string{}}
	audited, err := query.AuditedTo(ctx, d.DB)
	if err != nil {
		return f, err
	}
	if !audited.IsZero() {
		f.AuditedAt = &audited
	}
	for _, name := range slices.Sorted(maps.Keys(d.Gateways)) {
		list := &f.Asked
		switch {
		case closed(d, name):
			list = &f.LeftAlone
		case d.Gateways[name].Capabilities().List:
			list = &f.Listed
		}
		*list = append(*list, name)
	}
	window := o.Span(audited, d.Business(), d.Zone)
	if f.From, f.To = window.From.UTC(), window.To.UTC(); !f.From.Before(f.To) {
		return f, nil
	}
	f.Payments, err = query.AuditSums(ctx, d.DB, window)
	return f, err
}
