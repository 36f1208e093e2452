package decide

import (
	"context"
	"fmt"

	"duly/internal/audit"
	"duly/internal/exit"
	"duly/internal/gateway"
	"duly/internal/operator"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/session"
)

// resolveFinding closes a finding, if the gateway and our rows bear out what the operator says of it.
func resolveFinding(ctx context.Context, ses *session.Session, db *session.Database, id uint64, named string, as payment.Resolution, action operator.Action) (string, error) {
	if err := audit.Takes(id, as); err != nil {
		return "", exit.Usage(err)
	}
	business, err := ses.Clock(ctx, db.DB)
	if err != nil {
		return "", err
	}
	row, err := query.FindFinding(ctx, db.DB, id)
	if err != nil {
		return "", err
	}
	if row != nil && row.Resolved == nil && row.Found().Kind == audit.UnknownHere {
		if err := operator.UnlessUnadopted(ctx, db.DB, id, row.Found().GatewayPaymentID); err != nil {
			return "", err
		}
	}
	if row != nil && row.Resolved == nil && as != payment.AsIgnored {
		if err := believe(ctx, ses, db, row.Found(), named, as, action.Subject); err != nil {
			return "", err
		}
	}
	return "it is closed, and opens again only if an audit finds something else", operator.ResolveFinding(ctx, db.DB, id, as, business(), action)
}

// believe asks about a finding what an operator says of it.
func believe(ctx context.Context, ses *session.Session, db *session.Database, f audit.Finding, named string, as payment.Resolution, request string) error {
	if named != "" && f.GatewayPaymentID != "" && named != f.GatewayPaymentID {
		return exit.Usagef("the finding is about payment %s, not about %s", f.GatewayPaymentID, named)
	}
	rows, err := query.FindingRows(ctx, db.DB, f)
	if err != nil {
		return err
	}
	e := audit.Evidence{Rows: rows}
	for _, q := range audit.Questions(f, rows) {
		q.Which.RequestID = request
		seen, err := look(ctx, ses, q.Gateway, q.Which)
		if err != nil {
			return err
		}
		e.Sights = append(e.Sights, seen)
	}
	if err := audit.Resolve(f, as, e); err != nil {
		return exit.Usage(err)
	}
	return nil
}

// look asks a gateway about one payment.
func look(ctx context.Context, ses *session.Session, name string, w payment.Ref) (payment.LookupResult, error) {
	c, err := ses.Load()
	if err != nil {
		return payment.LookupResult{}, err
	}
	g, ok := c.Gateways[name]
	if !ok {
		return payment.LookupResult{Unaskable: true, Reason: "gateway " + name + " is not configured"}, nil
	}
	client, err := ses.Adapter(name, g)
	if err != nil {
		return payment.LookupResult{}, exit.Usage(fmt.Errorf("gateways.%s: %w", name, err))
	}
	paced := gateway.Limit(name, client, gateway.Limits{Tries: g.Tries, Backoff: g.Backoff, Now: ses.Now})
	defer paced.Close()
	return paced.Look(ctx, w), nil
}
