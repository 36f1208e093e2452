package mysql_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/mysql"
	"duly/internal/mysql/sqltext"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

const headPayments = `INSERT INTO payments (id, order_id, gateway, status, amount, currency, transaction_key, refunded_at) VALUES `

// Whatever the ids are, close to each other or far apart, each row gets its own values and no other row is touched.
func TestUpdateGivesEachRowItsOwn(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	const rows = 60
	at := time.Date(2026, 1, 31, 0, 0, 0, 5000, time.UTC)
	rapid.Check(t, func(rt *rapid.T) {
		worktest.Exec(t, plain, `DELETE FROM payments`)
		gap := rapid.SampledFrom([]int{1, 2, 50}).Draw(rt, "gap")
		all, want := [][]any{}, map[int]string{}
		for i := range rows {
			id := 1 + i*gap
			all = append(all, []any{id, 7, "main", "pending", 100, "KRW", nil, nil})
			want[id] = "100 - -"
		}
		_, err := mysql.Insert(t.Context(), db, headPayments, all, "")
		require.NoError(t, err)
		var changed [][]any
		const between = rows / 2 // never in the batch
		var picked []int
		if rapid.Bool().Draw(rt, "ranges") { // two, up to both sides of the row between
			first, last := rapid.IntRange(0, between-4).Draw(rt, "first"), rapid.IntRange(between+4, rows-1).Draw(rt, "last")
			for i := first; i <= last; i++ {
				picked = append(picked, i)
			}
		} else {
			picked = rapid.SliceOfNDistinct(rapid.IntRange(0, rows-1), 2, rows, rapid.ID).Draw(rt, "changed")
		}
		picked = slices.DeleteFunc(picked, func(i int) bool { return i == between })
		equal := rapid.Bool().Draw(rt, "equal values") // a statement that fails for no row
		for _, i := range picked {
			id, amount, key, when := 1+i*gap, int64(1)<<62+int64(i), any(fmt.Sprintf("한'\\%d", i)), any(at.Add(time.Duration(i)*time.Second))
			if i%5 == 0 || equal {
				key, when = nil, nil
			}
			if equal {
				amount = 200
			}
			changed = append(changed, []any{[]any{id, int64(id), uint64(id)}[i%3], amount, key, when})
			want[id] = fmt.Sprintf("%d - -", amount)
			if key != nil {
				want[id] = fmt.Sprintf("%d %s %s", amount, key, at.Add(time.Duration(i)*time.Second).Format("2006-01-02 15:04:05.000000"))
			}
		}
		n, err := mysql.Update(t.Context(), db, "payments", []string{"amount", "transaction_key", "refunded_at"}, changed, "status = 'pending'")
		require.NoError(t, err)
		require.EqualValues(t, len(changed), n)
		read := 0
		for _, row := range worktest.List[struct {
			ID   int
			Text string
		}](t, plain, `SELECT id, CONCAT_WS(' ', amount, COALESCE(transaction_key, '-'), COALESCE(refunded_at, '-')) AS text FROM payments`) {
			require.Equal(t, want[row.ID], row.Text, "row %d", row.ID)
			read++
		}
		require.Equal(t, rows, read)
		require.Equal(t, "100 - -", want[1+between*gap], "the row between is not in the batch")
	})
}

// Another transaction has the rows beside, and those between.
func TestUpdateWaitsForNoOtherRow(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	var all, ours [][]any
	for id := 1; id <= 40; id++ {
		all = append(all, []any{id, 7, "main", "pending", 100, "KRW", nil, nil})
		if id > 10 && id <= 30 && id != 20 {
			ours = append(ours, []any{id, fmt.Sprintf("key-%d", id)})
		}
	}
	_, err := mysql.Insert(t.Context(), db, headPayments, all, "")
	require.NoError(t, err)
	other, err := plain.Beginx()
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Rollback()) }()
	_, err = other.Exec(`UPDATE payments SET failure_code = 'x' WHERE id IN (9, 10, 20, 31, 32)`)
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	_, err = db.ExecContext(ctx, `SET SESSION innodb_lock_wait_timeout = 60`)
	require.NoError(t, err)
	tx, err := db.BeginTxx(ctx, nil)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	var locked []int
	require.NoError(t, tx.SelectContext(ctx, &locked, `SELECT id FROM payments WHERE id > 10 AND id <= 30 ORDER BY id FOR UPDATE SKIP LOCKED`))
	require.Len(t, locked, len(ours))
	n, err := mysql.Update(ctx, tx, "payments", []string{"transaction_key"}, ours, "status = 'pending'")
	require.NoError(t, err)
	require.EqualValues(t, len(ours), n)
	require.NoError(t, tx.Commit())
}

// A row that is named twice, and what is no id.
func TestUpdateOfOddIDs(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	_, err := mysql.Insert(t.Context(), db, headPayments, [][]any{{1, 7, "main", "pending", 100, "KRW", nil, nil}, {2, 7, "main", "pending", 100, "KRW", nil, nil}}, "")
	require.NoError(t, err)
	n, err := mysql.Update(t.Context(), db, "payments", []string{"transaction_key"}, [][]any{{1, "a"}, {1, "b"}, {2, "c"}}, "")
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	require.Equal(t, []string{"a", "c"}, worktest.List[string](t, plain, `SELECT transaction_key FROM payments ORDER BY id`), "the first counts")
	for _, id := range []any{0, -1, "1", nil} {
		_, err = mysql.Update(t.Context(), db, "payments", []string{"transaction_key"}, [][]any{{id, "a"}}, "")
		require.ErrorContains(t, err, "is no id of a row")
	}
}

// The condition names each id and no other, by ranges where ids follow each other.
func TestAmong(t *testing.T) {
	t.Parallel()
	for want, ids := range map[string][]uint64{
		"id IN (7)":                      {7},
		"(id BETWEEN 1 AND 4 OR id = 5)": {1, 2, 3, 4, 5},
		"(id BETWEEN 7 AND 7 OR id = 8 OR id BETWEEN 20 AND 28 OR id = 29)": {29, 20, 21, 22, 23, 24, 25, 26, 27, 28, 7, 8, 8},
		"id IN (1,2,7,9)": {9, 7, 2, 1},
	} {
		require.Equal(t, want, sqltext.Among("id", ids))
	}
	plain := testdb.New(t)
	var all [][]any
	for id := range 200 {
		all = append(all, []any{id + 1, 7, "main", "pending", 100, "KRW", nil, nil})
	}
	_, err := mysql.Insert(t.Context(), plain, headPayments, all, "")
	require.NoError(t, err)
	rapid.Check(t, func(rt *rapid.T) {
		var ids []uint64
		for range rapid.IntRange(1, 4).Draw(rt, "pieces") {
			first := rapid.Uint64Range(1, 180).Draw(rt, "first")
			for id := range rapid.Uint64Range(1, 20).Draw(rt, "length") {
				ids = append(ids, first+id)
			}
		}
		var got []uint64
		require.NoError(t, plain.SelectContext(t.Context(), &got, "SELECT id FROM payments WHERE "+sqltext.Among("id", ids)+" ORDER BY id"))
		slices.Sort(ids)
		require.Equal(t, slices.Compact(ids), got)
	})
}

// A range of rows that is locked waits for no row behind it, which another transaction may have.
func TestAmongWaitsForNoOtherRow(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	var all [][]any
	for id := range 60 {
		all = append(all, []any{id + 1, 7, "main", "pending", 100, "KRW", nil, nil})
	}
	_, err := mysql.Insert(t.Context(), db, headPayments, all, "")
	require.NoError(t, err)
	others, err := db.BeginTxx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, others.Rollback()) }()
	var theirs []uint64
	require.NoError(t, others.SelectContext(t.Context(), &theirs, `SELECT id FROM payments WHERE id IN (4, 15, 41) FOR UPDATE`))
	require.Len(t, theirs, 3)
	var ids []uint64
	for id := range uint64(61) {
		if id > 4 && id < 41 && id != 15 {
			ids = append(ids, id)
		}
	}
	tx, err := db.BeginTxx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback()) }()
	var locked []uint64
	require.NoError(t, tx.SelectContext(t.Context(), &locked, "SELECT id FROM payments WHERE "+sqltext.Among("id", ids)+" ORDER BY id FOR UPDATE"))
	require.Equal(t, ids, locked)
}
