package inspect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"duly/config"
	"duly/internal/mysql"
	"duly/internal/operator"
	"duly/internal/query/worklist"
	"duly/internal/runs"
	"duly/internal/session"
)

// ReadCompletions reads the completions of a command line from the configured database, without a write. It fails if that takes longer than
// limit. It starts no private server, and returns an error instead.
func ReadCompletions(ctx context.Context, ses *session.Session, limit time.Duration, read func(ctx context.Context, db *session.Database) ([]string, error)) ([]string, error) {
	c, err := ses.Load()
	if err != nil {
		return nil, err
	}
	if c.Database.DSN == "" || c.Database.DSN.Reveal() == config.Private {
		return nil, errors.New("no database is configured but a private one")
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ses.Dry = true
	db, err := ses.Open(ctx, c)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return read(ctx, db)
}

// word is what is completed, and what it is.
func word(text, what string) string { return text + "\t" + what }

// CompletedRuns are the ids of runs, newest first; live: of those that have not ended alone.
func CompletedRuns(ctx context.Context, db *session.Database, live bool, limit int) ([]string, error) {
	list := runs.LiveRuns
	if !live {
		list = func(ctx context.Context, db *mysql.DB) ([]runs.PastRun, error) { return runs.Runs(ctx, db, limit) }
	}
	past, err := list(ctx, db.DB)
	var found []string
	for _, r := range past {
		found = append(found, word(strconv.FormatUint(r.ID, 10), fmt.Sprintf("%s for %s, %s", r.Job, r.BusinessDate, r.Status)))
	}
	return found, err
}

// CompletedIDs are the ids of what waits for an operator, but for those that are typed.
func CompletedIDs(ctx context.Context, db *session.Database, what string, limit int, typed []string) ([]string, error) {
	ids, err := worklist.IDs(ctx, db.DB, what, limit)
	var found []string
	for _, id := range ids {
		if text := strconv.FormatUint(id, 10); !slices.Contains(typed, text) {
			found = append(found, text)
		}
	}
	return found, err
}

// CompletedKeys are the keys of the charges of a gateway that wait to be adopted.
func CompletedKeys(ctx context.Context, db *session.Database, gateway string, limit int) ([]string, error) {
	rows, err := operator.UnknownCharges(ctx, db.DB, gateway, nil)
	var found []string
	for _, u := range rows[:min(len(rows), limit)] {
		found = append(found, word(u.Key, "payment "+u.PaymentID))
	}
	return found, err
}
