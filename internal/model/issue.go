package model

// issue invoices the period: open, or with its first attempt in the same transaction.
func (m *machine) issue(s State, w uint8) {
	if m.Begins != InvoiceDue {
		return
	}
	born := s
	born.DB.Invoice = InvoiceOpen
	if s.DB.Invoice == InvoiceDue {
		m.Emit(born, Move{Kind: Issue, W: w})
	} else if m.on(IssueOnce) {
		return
	}
	first := born.DB.attempt(1)
	if first.open() && !m.on(IssueOnce) {
		m.EmitBroken(born, Move{Kind: IssueClaim, W: w, N: 1}, SecondAttempt)
	}
	*first = Attempt{}
	m.claim(born, w, IssueClaim)
}
