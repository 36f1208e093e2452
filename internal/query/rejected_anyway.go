package query

import (
	"context"

	"duly/internal/billing"
	"duly/internal/billing/record"
	"duly/internal/mysql"
)

const (
	rejectedOpen = `SELECT u.gateway, u.idempotency_key, u.gateway_payment_id, u.record, a.id, a.status, COALESCE(a.proof, '') AS proof,
COALESCE(a.message, '') AS message, a.reference, a.customer_id, COALESCE(i.status = 'void', FALSE) AS void
FROM unknown_charges u JOIN payment_attempts a ON a.idempotency_key = u.idempotency_key LEFT JOIN invoices i ON i.id = a.invoice_id
WHERE u.adopted_at IS NULL AND a.status = 'rejected'`

	rejectedOfAccounts = rejectedOpen + ` AND u.account_id IN (?) ORDER BY u.id`
	rejectedOfGateways = rejectedOpen + ` AND u.gateway IN (?) ORDER BY u.id`

	selectHoldingCharges = `SELECT gateway, COUNT(*) AS count FROM unknown_charges WHERE adopted_at IS NULL GROUP BY gateway ORDER BY gateway`
)

// RejectedAnyway reads the charges of gateways that wait to be adopted, and that rejected attempts account for.
func RejectedAnyway(ctx context.Context, db *mysql.DB, gateways []string) ([]billing.RejectedAnyway, error) {
	if len(gateways) == 0 {
		return nil, nil
	}
	return readRejected(ctx, db, rejectedOfGateways, gateways)
}

func readRejected[T any](ctx context.Context, db *mysql.DB, query string, of []T) ([]billing.RejectedAnyway, error) {
	var rows []struct {
		Gateway   string
		Key       string `db:"idempotency_key"`
		PaymentID string `db:"gateway_payment_id"`
		Record    []byte
		ID        uint64
		Status    string
		Proof     string
		Message   string
		Reference string
		Customer  string `db:"customer_id"`
		Void      bool
	}
	if err := mysql.SelectIn(ctx, db, &rows, query, of); err != nil {
		return nil, mysql.Classify(ctx, err)
	}
	var list []billing.RejectedAnyway
	for _, r := range rows {
		held := billing.Held{
			ID: r.ID, Status: billing.AttemptStatus(r.Status), Proof: billing.Proof(r.Proof), Message: r.Message,
			Reference: r.Reference, CustomerID: r.Customer, Void: r.Void,
		}
		p, err := record.Decode(r.Record)
		if err == nil && billing.TakenThoughRejected(p, held) { // one that cannot be read holds its gateway up
			list = append(list, billing.RejectedAnyway{Attempt: r.ID, Key: r.Key, Reference: r.Reference, Gateway: r.Gateway, PaymentID: r.PaymentID, Message: r.Message})
		}
	}
	return list, nil
}

// HeldGateway is a gateway that is sent nothing, and how many unknown charges hold it up.
type HeldGateway struct {
	Gateway string `json:"gateway"`
	Count   int64  `json:"count"`
}

// HoldingCharges counts the charges that wait to be adopted and hold their gateway up, by gateway.
func HoldingCharges(ctx context.Context, db *mysql.DB) ([]HeldGateway, error) {
	var list []HeldGateway
	if err := db.SelectContext(ctx, &list, selectHoldingCharges); err != nil {
		return nil, mysql.Classify(ctx, err)
	}
	names := make([]string, len(list))
	for i, g := range list {
		names[i] = g.Gateway
	}
	rejected, err := RejectedAnyway(ctx, db, names)
	if err != nil {
		return nil, err
	}
	holding := list[:0]
	for _, g := range list {
		for _, r := range rejected {
			if r.Gateway == g.Gateway {
				g.Count--
			}
		}
		if g.Count > 0 {
			holding = append(holding, g)
		}
	}
	return holding, nil
}
