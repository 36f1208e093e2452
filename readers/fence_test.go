package readers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/billing/answers"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// Each claim first finds what the database has acknowledged to this run. What is not there as it was ends the run, and
// nothing of the claim is written.
func TestAClaimAfterLostCommits(t *testing.T) {
	t.Parallel()
	plain := shop(t, 8, nil)
	db := worktest.Open(t, plain.DSN)
	r := stage(t, db)
	r.Selection.Subscriptions = []uint64{1, 2, 3, 4}
	first, _ := Make(t, db, r, 10)
	worktest.Exec(t, plain, `UPDATE payment_attempts SET status = 'released' WHERE id = ?`, first[1].ID)
	worktest.Exec(t, plain, `UPDATE payment_attempts SET status = 'succeeded' WHERE id = ?`, first[2].ID)
	mark := func(item billing.Claimed) batch.Mark {
		return batch.Mark{ID: item.ID, Key: item.Charge.Key, Lease: item.Lease}
	}
	gone, other, again, taken := mark(first[0]), mark(first[0]), mark(first[1]), mark(first[1])
	gone.ID, other.Key = 1000, "sub_99_20260131-1"
	again.Again, again.Before = true, again.Lease // the row is as it was before the claim
	taken.Again, taken.Before = true, [16]byte{1}
	for _, c := range []struct {
		name           string
		claim, settled *batch.Mark
		lost           bool
	}{
		{"nothing acknowledged yet", nil, nil, false},
		{"all as it was", new(mark(first[0])), new(mark(first[2])), false},
		{"a claim that was settled", new(mark(first[2])), nil, false},
		{"an attempt taken up again", &taken, nil, false},
		{"a claim that is gone", &gone, nil, true},
		{"a claim whose id another charge has", &other, nil, true},
		{"an attempt that is not taken up again", &again, nil, true},
		{"a settlement that is gone", nil, &gone, true},
		{"a settlement whose id another charge has", nil, &other, true},
		{"a settlement that is not settled", nil, new(mark(first[0])), true},
	} {
		returning := stage(t, db)
		returning.Server, _ = worktest.Servers(t, db)
		for name, reader := range map[string]batch.Reader[billing.Claimed]{"stage": stage(t, db), "stage, ids returned": returning, "doubt": doubt(db)} {
			t.Run(name+", "+c.name, func(t *testing.T) {
				worktest.Exec(t, plain, `DELETE FROM payment_attempts WHERE id > ?`, first[3].ID)
				worktest.Exec(t, plain, `UPDATE invoices SET status = 'open', attempts = 0 WHERE id > 4`)
				worktest.Exec(t, plain, `UPDATE payment_attempts SET status = 'in_doubt', next_check_at = created_at, lease = ? WHERE id = ?`, first[3].Lease[:], first[3].ID)
				before := worktest.List[string](t, plain, `SELECT CONCAT_WS(' ', id, status, HEX(lease)) FROM payment_attempts ORDER BY id`)
				var page batch.Claim[billing.Claimed]
				var err error
				result := worktest.Run(t, db, func(ctx context.Context, x *batch.StepExecution) error {
					if c.claim != nil {
						x.Acknowledged.Claimed(*c.claim)
					}
					if c.settled != nil {
						x.Acknowledged.Settled(*c.settled)
					}
					page, err = reader.Read(ctx, batch.ClaimRequest{Limit: 10, Skip: func(string) bool { return false }})
					require.Equal(t, c.lost, x.Halted() != nil)
					return err
				})
				if !c.lost {
					require.NoError(t, err)
					require.NotEmpty(t, page.Items)
					return
				}
				require.Empty(t, page.Items)
				require.ErrorIs(t, err, batch.ErrHistoryLost)
				require.ErrorIs(t, err, batch.ErrHalt)
				require.ErrorContains(t, err, "lost commits")
				require.Equal(t, batch.ExitFailed, result.Exit)
				require.Equal(t, before, worktest.List[string](t, plain, `SELECT CONCAT_WS(' ', id, status, HEX(lease)) FROM payment_attempts ORDER BY id`))
			})
		}
	}
}

// A claim finds out in the statement that reads it back which server answers: another one than that which the run began on
// may lack what other runs were told of, although it shows what this one was.
func TestAClaimOnAnotherServer(t *testing.T) {
	t.Parallel()
	plain := shop(t, 4, nil)
	db := worktest.Open(t, plain.DSN)
	own, other := worktest.Servers(t, db)
	r := stage(t, db)
	r.Selection.Subscriptions = []uint64{1, 2}
	first, _ := Make(t, db, r, 10)
	for name, read := range map[string]func(mysql.Server) batch.Reader[billing.Claimed]{
		"stage": func(s mysql.Server) batch.Reader[billing.Claimed] {
			r := stage(t, db)
			r.Server = s
			return r
		},
		"doubt": func(s mysql.Server) batch.Reader[billing.Claimed] {
			r := doubt(db)
			r.Server = s
			return r
		},
	} {
		for _, acknowledged := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, acknowledged %v", name, acknowledged), func(t *testing.T) {
				worktest.Exec(t, plain, `DELETE FROM payment_attempts WHERE id > ?`, first[1].ID)
				worktest.Exec(t, plain, `UPDATE payment_attempts SET status = 'in_doubt', next_check_at = created_at`)
				worktest.Exec(t, plain, `UPDATE invoices SET status = 'open', attempts = 0 WHERE id > 2`)
				rows := `SELECT CONCAT_WS(' ', id, status, HEX(lease)) FROM payment_attempts ORDER BY id`
				before := worktest.List[string](t, plain, rows)
				for _, server := range []mysql.Server{other, own} {
					result := worktest.Run(t, db, func(ctx context.Context, x *batch.StepExecution) error {
						if acknowledged {
							x.Acknowledged.Claimed(batch.Mark{ID: first[0].ID, Key: first[0].Charge.Key})
						}
						page, err := read(server).Read(ctx, batch.ClaimRequest{Limit: 10, Skip: func(string) bool { return false }})
						require.Equal(t, server == own, len(page.Items) > 0)
						require.Equal(t, server == other, x.Halted() != nil)
						return err
					})
					if server == other {
						require.Equal(t, batch.ExitFailed, result.Exit)
						require.ErrorIs(t, result.Err, batch.ErrHistoryLost)
						require.ErrorIs(t, result.Err, batch.ErrHalt)
						require.ErrorContains(t, result.Err, "another database server answers")
						require.Equal(t, before, worktest.List[string](t, plain, rows), "nothing of the claim is kept")
					} else {
						require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
					}
				}
			})
		}
	}
}

// A run notes what it claimed, new and taken up again.
func TestAClaimIsAcknowledged(t *testing.T) {
	t.Parallel()
	plain := shop(t, 3, nil)
	db := worktest.Open(t, plain.DSN)
	items, _ := Make(t, db, stage(t, db), 10)
	worktest.Exec(t, plain, `UPDATE payment_attempts SET status = 'released' WHERE id = ?`, items[2].ID)
	worktest.Exec(t, plain, `UPDATE invoices SET status = 'open' WHERE id = ?`, items[2].Invoice.ID)
	for i, reader := range []batch.Reader[billing.Claimed]{stage(t, db), doubt(db)} {
		t.Run([]string{"taken up again", "taken over"}[i], func(t *testing.T) {
			before := [16]byte(worktest.Get[[]byte](t, plain, `SELECT lease FROM payment_attempts WHERE id = ?`, items[2].ID))
			worktest.Run(t, db, func(ctx context.Context, x *batch.StepExecution) error {
				got := readAll(ctx, t, reader, 10)
				last := got[len(got)-1]
				mark, settled := x.Acknowledged.Marks()
				require.Nil(t, settled)
				require.Equal(t, &batch.Mark{ID: last.ID, Key: last.Charge.Key, Lease: last.Lease, Again: true, Before: before}, mark)
				return nil
			})
		})
	}
}

// What is known of a charge already is read with its claim: an answer that was kept settles it, one that cannot makes it
// doubtful, and a charge of its period that nothing here accounts for holds it back.
func TestAClaimReadsWhatIsKnownOfItsCharges(t *testing.T) {
	t.Parallel()
	plain := shop(t, 5, nil)
	db := worktest.Open(t, plain.DSN)
	keep := func(subscription string, amount int64, o payment.Outcome) {
		answer, err := json.Marshal(answers.Kept{
			Reference: "sub_" + subscription + "_20260131", CustomerID: "customer-" + subscription,
			Money: payment.Money{Amount: amount, Currency: "KRW"}, Outcome: o,
		})
		require.NoError(t, err)
		worktest.Exec(t, plain, `INSERT INTO gateway_answers (idempotency_key, answer, run_id) VALUES (?, ?, 1)`, "sub_"+subscription+"_20260131-1", string(answer))
	}
	paid := payment.Outcome{Kind: payment.Paid, PaymentID: "pay_1"}
	keep("1", 9900, paid)
	keep("1", 9900, paid)
	keep("2", 5000, paid)
	for i, adopted := range []any{nil, "2026-02-01"} {
		worktest.Exec(t, plain, `INSERT INTO unknown_charges (account_id, gateway, idempotency_key, reference, gateway_payment_id, record, adopted_at)
VALUES (1, 'other', ?, ?, 'pay_9', '{}', ?)`, []string{"sub_3_20260131-7", "sub_4_20260131-7"}[i], []string{"sub_3_20260131", "sub_4_20260131"}[i], adopted)
	}
	worktest.Exec(t, plain, `INSERT INTO gateway_answers (idempotency_key, answer, run_id) VALUES ('sub_5_20260131-1', '[]', 1)`)
	for name, server := range worktest.ReturningAndNot(t, db) {
		t.Run(name, func(t *testing.T) {
			worktest.Exec(t, plain, `DELETE FROM payment_attempts`)
			worktest.Exec(t, plain, `UPDATE invoices SET status = 'open', attempts = 0`)
			r := stage(t, db)
			r.Server = server
			items, result := Make(t, db, r, 10)
			require.Len(t, items, 5)
			require.Equal(t, &paid, items[0].Kept)
			require.False(t, items[0].Doubted)
			require.Nil(t, items[1].Kept, "another amount")
			require.True(t, items[1].Doubted)
			require.Contains(t, items[2].Held, "duly adopt other")
			require.Equal(t, []string{items[2].Held}, result.Left)
			require.Equal(t, batch.ExitUnfinished, result.Exit)
			require.Empty(t, items[3].Held, "it was adopted")
			require.False(t, items[3].Doubted)
			require.True(t, items[4].Doubted, "an answer that cannot be read")
		})
	}
}

// A claim shows, in the statement that checks the fence, an attempt that only its transaction can see: where a proxy sends reads elsewhere, nothing of
// it is kept.
func TestAClaimIsShownByTheServerThatWroteIt(t *testing.T) {
	t.Parallel()
	plain := shop(t, 2, nil)
	for name, server := range worktest.ReturningAndNot(t, worktest.Open(t, plain.DSN)) {
		t.Run(name, func(t *testing.T) {
			proxy := testdb.NewProxy(t, plain.DSN)
			proxy.Rewrite(t, "payment_attempts WHERE id IN (", "payment_attempts WHERE 0=id *(") // a replica lacks what is not committed
			proxy.Rewrite(t, "WHERE a.lease = ", "WHERE a.id=-9 - ")
			r := stage(t, worktest.Open(t, proxy.DSN))
			r.Server = server
			result := worktest.Run(t, r.DB, func(ctx context.Context, _ *batch.StepExecution) error {
				page, err := r.Read(ctx, batch.ClaimRequest{Limit: 10, Skip: func(string) bool { return false }})
				require.Empty(t, page.Items)
				return err
			})
			why := "was not written"
			if server.Returns {
				why = "go to different servers"
			}
			require.ErrorContains(t, result.Err, why)
			require.Zero(t, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM payment_attempts`))
		})
	}
}

// What may be known of a charge is looked for before ids that the server returned are taken for the whole claim.
func TestAClaimOfReturnedIDsLooksForWhatIsKnown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		known         string
		doubted, held bool
	}{
		"nothing":                 {"DO 0", false, false},
		"a kept answer":           {`INSERT INTO gateway_answers (idempotency_key, answer, run_id) VALUES ('sub_2_20260131-1', '[]', 1)`, true, false},
		"another charge's answer": {`INSERT INTO gateway_answers (idempotency_key, answer, run_id) VALUES ('sub_2_20260131-2', '[]', 1)`, false, false},
		"an unknown charge":       {unknownCharge("sub_2_20260131", "NULL"), false, true},
		"another period's":        {unknownCharge("sub_2_20251231", "NULL"), false, false},
		"one that was adopted":    {unknownCharge("sub_2_20260131", "'2026-02-01'"), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plain := shop(t, 3, nil)
			db := worktest.Open(t, plain.DSN)
			worktest.Exec(t, plain, c.known)
			for way, server := range worktest.ReturningAndNot(t, db) {
				worktest.Exec(t, plain, `DELETE FROM payment_attempts`)
				worktest.Exec(t, plain, `UPDATE invoices SET status = 'open', attempts = 0`)
				r := stage(t, db)
				r.Server = server
				items, _ := Make(t, db, r, 10)
				require.Len(t, items, 3, way)
				for i, item := range items {
					require.Equal(t, worktest.Get[uint64](t, plain, `SELECT id FROM payment_attempts WHERE idempotency_key = ?`, item.Charge.Key), item.ID, way)
					require.Equal(t, c.doubted && i == 1, item.Doubted, way)
					require.Equal(t, c.held && i == 1, item.Held != "", way)
				}
			}
		})
	}
}

func unknownCharge(reference, adopted string) string {
	return `INSERT INTO unknown_charges (account_id, gateway, idempotency_key, reference, gateway_payment_id, record, adopted_at)
VALUES (1, 'other', '` + reference + `-7', '` + reference + `', 'pay_9', '{}', ` + adopted + `)`
}
