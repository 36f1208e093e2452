package batch

// Label says what a step works on and what its numbers mean, for people. It is data of the step, so that nothing that shows a step
// goes by its name. An empty word stands for the one of [Label.Words].
type Label struct {
	Unit string // what Read counts, such as "order"; empty: the number stands alone
	Made string // what Succeeded counts, such as "invoice", where the step makes something; empty: items that succeeded
	// What became of the items; each follows a number.
	Succeeded, Declined, Released, InDoubt, Rejected, Review string
	// Refunds: the step's amounts go back to customers and count as refunded, not as collected.
	Refunds bool
	// Charges: the step charges, so that what it collects and declines makes up the run's.
	Charges bool
	// Bookkeeping: the step prepares thousands of items a second for a later one and moves no money.
	Bookkeeping bool
}

// Words returns the label with a word for every outcome.
func (l Label) Words() Label {
	for _, w := range []struct {
		word  *string
		usual string
	}{
		{&l.Succeeded, "succeeded"}, {&l.Declined, "declined"}, {&l.Released, "released"}, {&l.InDoubt, "in doubt"},
		{&l.Rejected, "rejected"}, {&l.Review, "to review"},
	} {
		if *w.word == "" {
			*w.word = w.usual
		}
	}
	return l
}
