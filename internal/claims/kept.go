package claims

import (
	"context"
	"encoding/json"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing/answers"
	"duly/internal/mysql"
)

// KeptAnswers reads the saved answers under keys, in their order.
const KeptAnswers = `SELECT idempotency_key, answer FROM gateway_answers WHERE idempotency_key IN (?) ORDER BY idempotency_key, id`

// Kept reads the saved answers under keys.
func Kept(ctx context.Context, tx *sqlx.Tx, keys []string) (map[string][]answers.Kept, error) {
	var found []struct {
		Key    string `db:"idempotency_key"`
		Answer []byte
	}
	if err := mysql.SelectIn(ctx, tx, &found, KeptAnswers, keys); err != nil {
		return nil, err
	}
	out := make(map[string][]answers.Kept, len(found))
	for _, f := range found {
		var answer answers.Kept
		if err := json.Unmarshal(f.Answer, &answer); err != nil {
			continue // not one of ours; the gateway is asked instead
		}
		out[f.Key] = append(out[f.Key], answer)
	}
	return out, nil
}
