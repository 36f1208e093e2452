package query

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/audit"
	"duly/internal/mysql"
	"duly/internal/store"
)

// Finding is a difference as it stands in audit_findings.
type Finding struct {
	ID         uint64          `json:"id"`
	Kind       string          `json:"kind"`
	Reference  string          `json:"reference,omitempty"`
	PaymentID  string          `json:"gateway_payment_id,omitempty" db:"gateway_payment_id"`
	Detail     json.RawMessage `json:"detail"`
	RunID      *uint64         `json:"run_id,omitempty" db:"run_id"` // the run that tells of it: the one that found it, or the next if that one could not
	FirstSeen  time.Time       `json:"first_seen_at" db:"first_seen_at"`
	LastSeen   time.Time       `json:"last_seen_at" db:"last_seen_at"`
	Resolved   *time.Time      `json:"resolved_at,omitempty" db:"resolved_at"`
	Resolution *string         `json:"resolution,omitempty"`
}

// Text is what people are told of it.
func (f Finding) Text() string {
	var d audit.Detail
	if err := json.Unmarshal(f.Detail, &d); err != nil {
		return f.Kind
	}
	return d.Text
}

// Found is the finding as the rules read it.
func (f Finding) Found() audit.Finding {
	found := audit.Finding{Kind: audit.Kind(f.Kind), Reference: f.Reference, GatewayPaymentID: f.PaymentID}
	_ = json.Unmarshal(f.Detail, &found.Detail) // one that cannot be read says nothing
	return found
}

// Next is the command that closes it, and what must be done before.
func (f Finding) Next() string { return audit.Next(f.ID, f.Found()) }

// Command is the command that closes it.
func (f Finding) Command() string { return audit.Command(f.ID, f.Found()) }

const (
	findingColumns = `SELECT id, kind, reference, gateway_payment_id, detail, run_id, first_seen_at, last_seen_at, resolved_at, resolution
FROM audit_findings`
	selectOpenFindings = findingColumns + ` WHERE resolved_at IS NULL ORDER BY id DESC LIMIT ?`
	oneFinding         = findingColumns + ` WHERE id = ?`
	countFindings      = `SELECT COUNT(*) FROM audit_findings WHERE resolved_at IS NULL`
	selectNewFindings  = `SELECT COUNT(*) FROM audit_findings WHERE run_id = ?`
	runFindings        = findingColumns + ` WHERE run_id = ? ORDER BY id LIMIT ?`
)

// OpenFindings lists the findings that nobody has resolved, newest first, and counts them all.
func OpenFindings(ctx context.Context, db *mysql.DB, limit int) ([]Finding, int64, error) {
	list, err := findings(ctx, db, selectOpenFindings, limit)
	if err != nil {
		return list, 0, err
	}
	n, err := store.Count(ctx, db, countFindings)
	return list, n, mysql.Classify(ctx, err)
}

// FindFinding reads one finding; nil if there is none of that id.
func FindFinding(ctx context.Context, db *mysql.DB, id uint64) (*Finding, error) {
	list, err := findings(ctx, db, oneFinding, id)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// FindingsOf lists the first findings that are new with a run.
func FindingsOf(ctx context.Context, db *mysql.DB, run uint64, limit int) ([]Finding, error) {
	return findings(ctx, db, runFindings, run, limit)
}

// NewFindings counts the findings that are new with a run.
func NewFindings(ctx context.Context, db *mysql.DB, run uint64) (int64, error) {
	n, err := store.Count(ctx, db, selectNewFindings, run)
	return n, mysql.Classify(ctx, err)
}

func findings(ctx context.Context, q sqlx.QueryerContext, query string, args ...any) ([]Finding, error) {
	list := []Finding{}
	if err := sqlx.SelectContext(ctx, q, &list, query, args...); err != nil {
		return nil, fmt.Errorf("read findings: %w", mysql.Classify(ctx, err))
	}
	return list, nil
}

// An audit carries on what the one before it knew, so that the newest few tell it, whatever became of them.
const selectAuditedTo = `SELECT COALESCE(MAX(audited), '') FROM (SELECT JSON_UNQUOTE(JSON_EXTRACT(params, '$.audited_to')) AS audited
FROM job_runs WHERE job = 'audit' ORDER BY id DESC LIMIT 20) newest`

const selectListedTo = `SELECT MAX(listed_to) FROM gateway_accounts WHERE gateway IN (?)`

// ListedTo is the newest instant up to which the list of one of the gateways was compared before it was charged; zero for
// none.
func ListedTo(ctx context.Context, db *mysql.DB, gateways []string) (time.Time, error) {
	if len(gateways) == 0 {
		return time.Time{}, nil
	}
	var at []sql.NullTime
	if err := mysql.SelectIn(ctx, db, &at, selectListedTo, gateways); err != nil {
		return time.Time{}, fmt.Errorf("look for the marks of the gateways: %w", mysql.Classify(ctx, err))
	}
	return at[0].Time, nil
}

// AuditedTo is the instant up to which earlier audits have seen everything; zero for none.
func AuditedTo(ctx context.Context, db *mysql.DB) (time.Time, error) {
	var text string
	if err := db.GetContext(ctx, &text, selectAuditedTo); err != nil {
		return time.Time{}, fmt.Errorf("look for the last audit: %w", mysql.Classify(ctx, err))
	}
	t, err := time.Parse(audit.InstantLayout, text)
	if err != nil { // none yet
		return time.Time{}, nil //nolint:nilerr // an audit that knows of no earlier one has written nothing
	}
	return t, nil
}
