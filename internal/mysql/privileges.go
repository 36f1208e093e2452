package mysql

import (
	"context"
	"database/sql"
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
	// may lists columns that it changes where it can: the right is asked for, and a view that does not take the change is fine.
	may []string
}

// anyColumn stands for the columns of a table that is duly's own: the right to change one is checked for them all.
func anyColumn(key string) []string { return []string{key} }

// Role is one of the roles of deploy/sql/grants.sql that duly's own commands run under.
type Role string

// The roles. A user without any of them is judged as a worker.
const (
	RoleWorker   Role = "duly_worker"         // `duly run` and `duly schedule`
	RoleOperator Role = "duly_operator"       // commands that look
	RoleActing   Role = "duly_operator_write" // commands of people that change something
	RoleMigrator Role = "duly_migrator"       // `duly migrate`
)

// does says what a role is for.
func (r Role) does() string {
	switch r {
	case RoleOperator:
		return "an operator who looks"
	case RoleActing:
		return "an operator who acts"
	case RoleMigrator:
		return "who migrates"
	case RoleWorker:
	}
	return "a worker"
}

// String returns the role's name and what it is for.
func (r Role) String() string { return fmt.Sprintf("%s (%s)", string(r), r.does()) }

// RoleOf is the role that the user of db has, of several the one with the most rights, and [RoleWorker] if it has none of them:
// then what it may do is judged as a worker's.
func RoleOf(ctx context.Context, db *DB) (Role, error) {
	var names sql.NullString
	if err := db.GetContext(ctx, &names, "SELECT CURRENT_ROLE()"); err != nil {
		return RoleWorker, Classify(ctx, err)
	}
	var found []Role
	for name := range strings.SplitSeq(names.String, ",") { // MySQL lists them as `role`@`host`
		name, _, _ = strings.Cut(strings.TrimSpace(name), "@")
		found = append(found, Role(strings.Trim(name, "`")))
	}
	for _, role := range []Role{RoleMigrator, RoleWorker, RoleActing, RoleOperator} {
		if slices.Contains(found, role) {
			return role, nil
		}
	}
	return RoleWorker, nil
}

// needs lists what a role needs, by table. deploy/sql/grants.sql gives exactly this.
func (r Role) needs() map[string]need {
	all := workerNeeds()
	if r == RoleWorker || r == RoleMigrator {
		return all
	}
	acting := actingNeeds()
	for table := range all {
		all[table] = need{}
		if r == RoleActing {
			all[table] = acting[table]
		}
	}
	return all
}

// actingNeeds lists what an operator's commands do to tables beside reading them.
func actingNeeds() map[string]need {
	return map[string]need{
		"subscriptions":        {update: []string{"status", "cancelled_at", "cancel_reason", "next_billing_date", "anchor_day"}},
		"subscription_changes": {update: []string{"applied_at", "outcome"}},

		"orders":           {update: []string{"updated_at"}},
		"products":         {update: []string{"stock"}},
		"payments":         {update: []string{"status", "transaction_key", "failure_code", "failure_reason", "refunded_amount", "refunded_at"}},
		"invoices":         {insert: true, update: anyColumn("status")},
		"payment_attempts": {insert: true, update: anyColumn("status")},
		"order_checks":     {insert: true, update: anyColumn("order_id")},
		"events":           {insert: true, update: anyColumn("type")},
		"event_deliveries": {update: anyColumn("status")},
		"job_runs":         {update: []string{"control"}},
		"pauses":           {insert: true, delete: true, update: anyColumn("reason")},
		"operator_actions": {insert: true},
		"audit_findings":   {insert: true, update: anyColumn("detail")},
		"gateway_accounts": {insert: true, update: anyColumn("joined_to")},
		"gateway_controls": {insert: true, update: anyColumn("reference")},
		"bookings":         {insert: true, update: anyColumn("row_id")},
		"unknown_charges":  {insert: true, update: anyColumn("record")},
		"known_servers":    {insert: true, update: anyColumn("suspicion")},
		"refunds":          {insert: true, update: anyColumn("status")},
	}
}

// workerNeeds lists what workers do to tables beside reading them.
func workerNeeds() map[string]need {
	return map[string]need{
		"subscriptions": {
			update: []string{"next_billing_date", "anchor_day", "review_reason", "status", "cancelled_at", "cancel_reason"},
			may:    []string{"payment_method"},
		},
		"subscription_changes": {update: []string{"applied_at", "outcome"}},

		"orders":      {update: []string{"status", "completed_at", "failed_at", "failure_reason"}},
		"order_items": {},
		"products":    {update: []string{"stock"}},
		"payments": {update: []string{
			"status", "transaction_key", "failure_code", "failure_reason", "refunded_amount", "refunded_at",
		}},
		"invoices":            {insert: true, update: anyColumn("status")},
		"payment_attempts":    {insert: true, update: anyColumn("status")},
		"gateway_answers":     {insert: true},
		"order_checks":        {insert: true, update: anyColumn("order_id")},
		"notices":             {insert: true, delete: true, update: anyColumn("no")},
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
		"refunds":             {insert: true, update: anyColumn("status")},
		"row_failures":        {insert: true, delete: true, update: anyColumn("runs")},
		"claim_probe":         {update: []string{"claimed_by", "claimed_at"}},
	}
}

// CheckPrivileges tries, in a transaction that is rolled back and changes no row, every kind of statement that
// who has the role runs on each table. What the user may not do is a Problem that says which rights to give; key is the
// configuration's key of the user. Tables that are named as an exception are passed over.
func CheckPrivileges(ctx context.Context, db *DB, role Role, key string, except ...string) error {
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return Classify(ctx, err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was changed
	all := role.needs()
	var missing, grants []string
	for _, table := range slices.Sorted(maps.Keys(all)) {
		if slices.Contains(except, table) {
			continue
		}
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
		mendFirst: true,

		What: "not allowed: " + strings.Join(missing, "; "),
		Mend: "give the user of " + key + " the role " + string(role) + " of deploy/sql/grants.sql, or " + strings.Join(grants, "; "),
	}
}

// denied lists the rights on the table that are missing, as GRANT names them. Nobody can show a right to write
// without the one to read.
func (n need) denied(ctx context.Context, tx *sqlx.Tx, table string) ([]string, error) {
	var denied []string
	try := func(right, statement string) error {
		_, err := tx.ExecContext(ctx, statement)
		if IsDenied(err) {
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
		if IsDenied(err) {
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

// IsDenied reports whether the login lacks a right.
func IsDenied(err error) bool {
	n := number(err)
	return n == codeTableDenied || n == codeColumnDenied || n == codeSchemaDenied
}
