package dunning

// CatchUp says what becomes of periods that were missed.
type CatchUp string

// The ways to catch up.
const (
	// CatchUpDefault is CatchUpOne for month and year intervals, CatchUpSkip for day and week intervals.
	CatchUpDefault CatchUp = "default"
	// CatchUpOne invoices each missed period under its own due date, one an effective date.
	CatchUpOne CatchUp = "one"
	// CatchUpSkip invoices the newest period that has begun and passes over the older ones. A period that waits for another day may be
	// passed over then, so none waits for an invoice of an earlier one.
	CatchUpSkip CatchUp = "skip"
)
