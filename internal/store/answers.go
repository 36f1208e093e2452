package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/billing/answers"
	"duly/internal/mysql"
)

const insertAnswer = `INSERT INTO gateway_answers (idempotency_key, answer, run_id) VALUES `

// SavedAnswer is a definite answer of a gateway as it is kept outside of the database.
type SavedAnswer struct {
	Key     string       `json:"idempotency_key"`
	Run     uint64       `json:"run_id"`
	Answer  answers.Kept `json:"answer"`
	SavedAt time.Time    `json:"saved_at"`
}

// DefiniteAnswers returns the definite answers among results.
func DefiniteAnswers(run uint64, results []billing.Result, now time.Time) []SavedAnswer {
	var list []SavedAnswer
	for _, r := range results {
		if r.Definite() {
			list = append(list, SavedAnswer{Key: r.Claimed.Charge.Key, Run: run, Answer: r.Keep(), SavedAt: now.UTC()})
		}
	}
	return list
}

// AddAnswers stores the answers of gateways as they came, in the transaction that settles what they are about.
func AddAnswers(ctx context.Context, tx *sqlx.Tx, list []SavedAnswer) error {
	rows := make([][]any, len(list))
	for i, a := range list {
		answer, err := json.Marshal(a.Answer)
		if err != nil {
			return fmt.Errorf("answer for %s: %w", a.Key, err)
		}
		rows[i] = []any{a.Key, string(answer), a.Run}
	}
	_, err := mysql.Insert(ctx, tx, insertAnswer, rows, "")
	return err
}

// RestoreAnswers adds answers that were saved outside of the database to gateway_answers.
func RestoreAnswers(ctx context.Context, db *mysql.DB, list []SavedAnswer) error {
	return mysql.Repeat(ctx, db, "answers", func(tx *sqlx.Tx) error { return AddAnswers(ctx, tx, list) })
}
