package query

import (
	"context"
	"encoding/json"
	"errors"

	"duly/internal/mysql"
)

// Settled is what a run that looked for the best parallelism of a gateway had found at its last heartbeat.
type Settled struct {
	Run         uint64
	Parallelism int
}

const selectNewestStates = `SELECT id, state FROM job_runs WHERE state IS NOT NULL ORDER BY id DESC LIMIT 50`

// LastParallelism is what the newest run found that used each gateway with `parallelism: auto`, by gateway.
func LastParallelism(ctx context.Context, db *mysql.DB) (map[string]Settled, error) {
	var newest []struct {
		ID    uint64 `db:"id"`
		State []byte `db:"state"`
	}
	if err := db.SelectContext(ctx, &newest, selectNewestStates); err != nil {
		return nil, mysql.Classify(ctx, err)
	}
	all := map[string]Settled{}
	var unreadable error
	for _, run := range newest {
		var state struct {
			Gateways map[string]struct {
				Requests int64 `json:"requests"`
				Auto     int   `json:"parallelism_auto"`
			} `json:"gateways"`
		}
		if err := json.Unmarshal(run.State, &state); err != nil {
			unreadable = errors.Join(unreadable, err)
			continue
		}
		for name, g := range state.Gateways {
			if _, known := all[name]; !known && g.Auto > 0 && g.Requests > 0 {
				all[name] = Settled{Run: run.ID, Parallelism: g.Auto}
			}
		}
	}
	return all, unreadable
}
