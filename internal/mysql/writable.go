package mysql

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"
)

// writtenTogether lists, by table of the shop's, the columns that one statement changes.
func writtenTogether() map[string][][]string {
	return map[string][][]string{
		"subscriptions": {{"next_billing_date", "anchor_day"}, {"review_reason"}, {"status", "cancelled_at", "cancel_reason"}},
		"orders":        {{"status", "completed_at", "failed_at", "failure_reason"}},
		"products":      {{"stock"}},

		"subscription_changes": {{"applied_at", "outcome"}},
		"payments":             {{"status", "transaction_key", "failure_code", "failure_reason", "refunded_amount", "refunded_at"}},
	}
}

// WrittenTables lists the tables that workers change.
func WrittenTables() []string {
	var tables []string
	for table, n := range workerNeeds() {
		if n.insert || len(n.update) > 0 {
			tables = append(tables, table)
		}
	}
	slices.Sort(tables)
	return tables
}

// CheckWritable tries, in a transaction that is rolled back and changes no row, whether the tables of a job can be written as the
// job does. A table of the shop's may be a view, of which some columns can only be read. It costs one or two statements a table.
// What cannot be written is a [Problem] that names the columns.
func CheckWritable(ctx context.Context, db *DB, tables ...string) error {
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return Classify(ctx, err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was changed
	all := workerNeeds()
	var refused []refusal
	for _, table := range slices.Sorted(slices.Values(tables)) {
		found, err := all[table].refused(ctx, tx, table)
		if err != nil {
			return fmt.Errorf("%s: %w", table, Classify(ctx, err))
		}
		refused = append(refused, found...)
	}
	if len(refused) == 0 {
		return nil
	}
	return unwritable(refused)
}

// refusal is something that cannot be written, with the server's error.
type refusal struct {
	what string
	err  error
}

// mostRefusals is how many of them are named: a login without any rights would be told of every column.
const mostRefusals = 5

func unwritable(refused []refusal) *Problem {
	var named, mend []string
	denied := 0
	for i, r := range refused {
		if IsDenied(r.err) {
			denied++
		}
		if i < mostRefusals {
			named = append(named, r.what+" ("+Reason(r.err)+")")
		}
	}
	if more := len(refused) - len(named); more > 0 {
		named = append(named, fmt.Sprintf("and %d more", more))
	}
	if denied > 0 {
		mend = append(mend, "give the user of "+DSNKey+" the role "+string(RoleWorker)+" of deploy/sql/grants.sql")
	}
	if denied < len(refused) {
		mend = append(mend, "if it is a view, make these columns plain columns of one table")
	}
	return &Problem{What: "cannot write " + strings.Join(named, "; "), Mend: strings.Join(mend, "; "), mendFirst: true}
}

// refused lists what cannot be written to a table, with the server's reason.
func (n need) refused(ctx context.Context, tx *sqlx.Tx, table string) ([]refusal, error) {
	var refused []refusal
	try := func(what, statement string) error {
		_, err := tx.ExecContext(ctx, statement)
		if err != nil && !unavailable(err) && !repeatable(err) {
			refused = append(refused, refusal{what, err})
			return nil
		}
		return err
	}
	if n.insert {
		if err := try("new rows of "+table, "INSERT INTO "+table+" SELECT * FROM "+table+" WHERE FALSE"); err != nil {
			return nil, err
		}
	}
	if len(n.update) == 0 {
		return refused, nil
	}
	if _, err := tx.ExecContext(ctx, changeNothing(table, n.update)); err == nil {
		return refused, nil
	}
	groups := writtenTogether()[table]
	if groups == nil {
		groups = [][]string{n.update}
	}
	for _, columns := range groups {
		before := len(refused)
		for _, column := range columns {
			if err := try(column+" of "+table, changeNothing(table, []string{column})); err != nil {
				return nil, err
			}
		}
		if len(refused) > before || len(columns) == 1 {
			continue
		}
		if err := try(strings.Join(columns, ", ")+" of "+table+" together", changeNothing(table, columns)); err != nil {
			return nil, err
		}
	}
	return refused, nil
}

// changeNothing is a statement that changes columns of no row.
func changeNothing(table string, columns []string) string {
	sets := make([]string, len(columns))
	for i, column := range columns {
		sets[i] = column + " = " + column
	}
	return "UPDATE " + table + " SET " + strings.Join(sets, ", ") + " WHERE FALSE"
}

// RefusedUpdate tries to change columns of no row. why is the server's reason if the login may not, or a view does not take it.
func RefusedUpdate(ctx context.Context, db *DB, table string, columns []string) (why, _ error) {
	_, err := db.ExecContext(ctx, changeNothing(table, columns))
	if IsNotWritable(err) {
		return err, nil
	}
	return nil, Classify(ctx, err)
}
