package e2e_test

import (
	"cmp"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/crash"
	"duly/internal/gateway/simulator"
	"duly/internal/test/e2e"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// nightly is the dialect of the tests that take long: `make points DIALECT=portone`.
func nightly() string { return cmp.Or(os.Getenv("DULY_TEST_DIALECT"), simulator.Default) }

// providers are the dialects beside docs/payments-api.yaml. KakaoPay keeps no keys and finds nothing by them: what a killed worker sent there is for
// people, as [TestNoKeys] shows.
func providers() []string {
	return slices.DeleteFunc(simulator.Dialects()[1:], func(name string) bool { return name == "kakaopay" })
}

// hides reports whether a success in a dialect does not say what it is of: only the audit sees then that a payment is not ours.
func hides(dialect string) bool { return dialect == "portone" }

// add enrols subscriptions. Some providers charge nothing without a second identifier of the method, and name nobody but that.
func (w *world) add(list []e2e.Subscription) {
	w.t.Helper()
	list = slices.Clone(list)
	for i := range list {
		switch w.dialect {
		case "toss":
			list[i].Customer = cmp.Or(list[i].Customer, "customer")
			list[i].Second = list[i].Customer
		case "stripe":
			list[i].Second = "cus_" + cmp.Or(list[i].Customer, list[i].Method) // its payments are what a key is looked up among
		}
	}
	e2e.Enrol(w.t, w.db, list)
}

// audit runs `duly run audit` some time later, and wants it to find these kinds of findings alone, beside what others paid and were given back.
func (w *world) audit(kinds ...string) {
	w.t.Helper()
	w.pass(2 * longest)
	p := start(w.t, w.env, "run", "audit", "--until-now")
	require.Contains(w.t, []int{batch.ExitDone, batch.ExitReview}, p.exit(), "%s", p.printed())
	found := worktest.List[string](w.t, w.db, `SELECT kind FROM audit_findings WHERE reference NOT LIKE 'ord\_9______' ORDER BY kind`)
	require.ElementsMatch(w.t, kinds, found, "%s", p.printed())
}

// agreed wants nobody to be charged twice or forgotten, and ledger, tables and audit to agree, with as many invoices in review.
func (w *world) agreed(review int) {
	w.t.Helper()
	w.reconcile()
	require.Equal(w.t, review, w.count(`SELECT COUNT(*) FROM invoices WHERE status = 'review'`))
	if w.dialect != simulator.Default {
		w.audit()
	}
}

// shop is the small shop as a provider has it, and how many of its invoices come to review. Where a success does not say what it is of, a payment of another
// amount is not seen: it would be booked as paid, and be a payment that the gateway does not show as it was taken, so that no absence there is believed.
func shop(dialect string) (methods []string, review int) {
	methods, review = smallShop(), 1
	if hides(dialect) {
		methods[slices.Index(methods, "pm_wrong_amount")], review = "pm_ok", 0
	}
	return methods, review
}

// What the answer of a provider hid is found by the audit that follows.
func TestTheAuditFindsWhatAnAnswerHid(t *testing.T) {
	t.Parallel()
	for _, dialect := range slices.DeleteFunc(providers(), func(name string) bool { return !hides(name) }) {
		w := worldIn(t, testdb.New(t), dialect, simulator.Config{})
		w.enrol("pm_ok", "pm_wrong_amount", "pm_ok", "pm_soft")
		w.finish(1)
		require.Equal(t, 3, w.count(`SELECT COUNT(*) FROM invoices WHERE status = 'paid'`))
		w.audit("amount_differs")
	}
}

// The whole program keeps its promises at every provider: it is killed when a request has left, and before its answer is written.
// `make points DIALECT=…` kills it at every point.
func TestEveryPointInDialects(t *testing.T) {
	t.Parallel()
	points := []crash.Point{crash.AfterSend, crash.SettleBeforeCommit}
	for _, dialect := range providers() {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			everyPoint(t, dialect, points)
		})
	}
}

// A few seconds of chaos at every provider; `make points DIALECT=…` has more.
func TestChaosInDialects(t *testing.T) {
	t.Parallel()
	for _, dialect := range providers() {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			chaosIn(t, dialect, 120, 4*time.Second, false)
		})
	}
}
