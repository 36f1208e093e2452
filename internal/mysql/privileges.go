package mysql

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"
)

// need is what a worker does to a table beside reading it.
type need struct {
	insert, delete bool
	// update lists the columns that it changes; anyColumn: those of a table of its own.
	update []string
}

// anyColumn stands for the columns of a table that is duly's own: the right to change one is checked for them all.
func anyColumn(key string) []string { return []string{key} }

// needs lists what workers need, by table. deploy/sql/grants.sql gives exactly this.
func needs() map[string]need {
	return map[string]need{
		"subscriptions": {update: []string{"next_billing_date", "anchor_day", "review_reason", "status", "cancelled_at", "cancel_reason"}},
		"orders":        {update: []string{"status", "completed_at", "failed_at", "failure_reason"}},
		"order_items":   {},
		"products":      {update: []string{"stock"}},
		"payments": {update: []string{
			"status", "transaction_key", "failure_code", "failure_reason", "refunded_amount", "refunded_at",
		}},
		"invoices":            {insert: true, update: anyColumn("status")},
		"payment_attempts":    {insert: true, update: anyColumn("status")},
		"gateway_answers":     {insert: true},
		"order_checks":        {insert: true, update: anyColumn("order_id")},
		"events":              {insert: true, delete: true, update: anyColumn("type")},
		"event_deliveries":    {insert: true, delete: true, update: anyColumn("status")},
		"outbox_marks":        {insert: true, update: anyColumn("sink")},
		"job_runs":            {insert: true, delete: true, update: anyColumn("status")},
		"step_runs":           {insert: true, delete: true, update: anyColumn("status")},
		"pauses":              {insert: true},
		"schedule_firings":    {insert: true, delete: true, update: anyColumn("job")},
		"operator_actions":    {insert: true},
		"daily_order_stats":   {insert: true, delete: true, update: anyColumn("currency")},
		"daily_product_sales": {insert: true, delete: true},
		"audit_findings":      {insert: true, update: anyColumn("detail")},
		"gateway_accounts":    {insert: true, update: anyColumn("listed_to")},
		"gateway_controls":    {},
		"bookings":            {insert: true, update: anyColumn("row_id")},
		"unknown_charges":     {insert: true, update: anyColumn("record")},
		"known_servers":       {insert: true, update: anyColumn("suspicion")},
		"row_failures":        {insert: true, delete: true, update: anyColumn("runs")},
		"claim_probe":         {update: []string{"claimed_by", "claimed_at"}},
	}
}

// CheckPrivileges tries, in a transaction that is rolled back and changes no row, every kind of statement that
// a worker runs on each of its tables. What the user may not do is a Problem that says which rights to give.
func CheckPrivileges(ctx context.Context, db *DB) error {
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return Classify(ctx, err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was changed
	all := needs()
	var missing, grants []string
	for _, table := range slices.Sorted(maps.Keys(all)) {
		denied, err := all[table].denied(ctx, tx, table)
		if err != nil {
			return fmt.Errorf("%s: %w", table, Classify(ctx, err))
		}
		if len(denied) > 0 {
			missing = append(missing, strings.Join(denied, ", ")+" on "+table)
			grants = append(grants, "GRANT "+strings.Join(denied, ", ")+" ON "+db.Schema+"."+table)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &Problem{
		"not allowed: " + strings.Join(missing, "; "),
		"give the user of database.dsn the role duly_worker of deploy/sql/grants.sql, or " + strings.Join(grants, "; "),
	}
}

// denied lists the rights on the table that are missing, as GRANT names them. Nobody can show a right to write
// without the one to read.
func (n need) denied(ctx context.Context, tx *sqlx.Tx, table string) ([]string, error) {
	var denied []string
	try := func(right, statement string) error {
		_, err := tx.ExecContext(ctx, statement)
		if isDenied(err) {
			denied = append(denied, right)
			return nil
		}
		return notRefused(err)
	}
	// Every column, since the right to read one of them is enough for a statement that names none.
	if err := try("SELECT", "SELECT * FROM "+table+" WHERE FALSE"); err != nil {
		return denied, err
	}
	if n.insert {
		if err := try("INSERT", "INSERT INTO "+table+" SELECT * FROM "+table+" WHERE FALSE"); err != nil {
			return denied, err
		}
	}
	if n.delete {
		if err := try("DELETE", "DELETE FROM "+table+" WHERE FALSE"); err != nil {
			return denied, err
		}
	}
	var columns []string
	for _, column := range n.update {
		_, err := tx.ExecContext(ctx, changeNothing(table, []string{column}))
		if isDenied(err) {
			columns = append(columns, column)
		} else if err := notRefused(err); err != nil {
			return denied, err
		}
	}
	if len(columns) > 0 {
		denied = append(denied, "UPDATE ("+strings.Join(columns, ", ")+")")
	}
	return denied, nil
}

// notRefused is nil for an error that is about the table, not about the user; see [CheckWritable].
func notRefused(err error) error {
	switch number(err) {
	case codeNotUpdatable, codeColumnNotWritten, codeNotInsertable:
		return nil
	}
	return err
}

func isDenied(err error) bool {
	n := number(err)
	return n == codeTableDenied || n == codeColumnDenied || n == codeSchemaDenied
}
