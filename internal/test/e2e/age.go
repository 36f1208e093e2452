package e2e

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"
)

// Age moves every instant in the tables back by d, as if so much time had passed. Business dates stay: what was
// due that day still is.
func Age(t testing.TB, db *sqlx.DB, d time.Duration) {
	t.Helper()
	var columns []struct {
		Table  string `db:"t"`
		Column string `db:"c"`
	}
	require.NoError(t, db.SelectContext(t.Context(), &columns, `SELECT c.table_name AS t, c.column_name AS c FROM information_schema.columns c
JOIN information_schema.tables b ON b.table_schema = c.table_schema AND b.table_name = c.table_name AND b.table_type = 'BASE TABLE'
WHERE c.table_schema = DATABASE() AND c.data_type IN ('datetime', 'timestamp') ORDER BY 1, 2`))
	require.NotEmpty(t, columns)
	sets := map[string][]string{}
	for _, c := range columns {
		sets[c.Table] = append(sets[c.Table], fmt.Sprintf("%s = %s - INTERVAL %d MICROSECOND", c.Column, c.Column, d.Microseconds()))
	}
	for table, set := range sets {
		_, err := db.ExecContext(t.Context(), "UPDATE "+table+" SET "+strings.Join(set, ", "))
		require.NoError(t, err)
	}
	ageCounted(t, db, d)
}

// EndLease makes the lease of one process's run run out, without touching anything else. Pid 0 stands for all.
func EndLease(t testing.TB, db *sqlx.DB, pid int) {
	t.Helper()
	changeRuns(t, db, pid, `UPDATE job_runs SET heartbeat_at = heartbeat_at - INTERVAL 1 HOUR WHERE id = ?`)
}

// TakeLease marks the live run of one process as abandoned, as another worker would. Pid 0 stands for all.
func TakeLease(t testing.TB, db *sqlx.DB, pid int) {
	t.Helper()
	changeRuns(t, db, pid, `UPDATE job_runs SET status = 'abandoned' WHERE id = ?`)
}

// ageCounted moves the instants in what was counted of look-ups.
func ageCounted(t testing.TB, db *sqlx.DB, d time.Duration) {
	t.Helper()
	for table, key := range map[string]string{"payment_attempts": "id", "order_checks": "order_id"} {
		var rows []struct {
			ID       uint64
			Patience string
		}
		require.NoError(t, db.SelectContext(t.Context(), &rows, "SELECT "+key+" AS id, patience FROM "+table+" WHERE patience IS NOT NULL"))
		for _, r := range rows {
			moved := storedInstant.ReplaceAllStringFunc(r.Patience, func(s string) string {
				at, err := time.Parse(time.RFC3339Nano, s)
				require.NoError(t, err)
				return at.Add(-d).Format(time.RFC3339Nano)
			})
			_, err := db.ExecContext(t.Context(), "UPDATE "+table+" SET patience = ? WHERE "+key+" = ?", moved, r.ID)
			require.NoError(t, err)
		}
	}
}

var storedInstant = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`)

// changeRuns changes row by row: a scan would lock what living runs are at.
func changeRuns(t testing.TB, db *sqlx.DB, pid int, query string) {
	t.Helper()
	var ids []uint64
	err := db.SelectContext(t.Context(), &ids, `SELECT id FROM job_runs WHERE status = 'running' AND (pid = ? OR ? = 0)`, pid, pid)
	if err != nil {
		t.Errorf("look for runs: %v", err)
	}
	for _, id := range ids {
		if err := changeRun(t, db, id, query); err != nil {
			t.Errorf("change run %d: %v", id, err)
		}
	}
}

// changeRun changes one run, again after a deadlock with the run's own heartbeat or settlement.
func changeRun(t testing.TB, db *sqlx.DB, id uint64, query string) error {
	t.Helper()
	const deadlock, tries = 1213, 20
	var err error
	for range tries {
		_, err = db.ExecContext(t.Context(), query, id)
		if e, ok := errors.AsType[*mysql.MySQLError](err); !ok || e.Number != deadlock {
			break
		}
	}
	return err
}
