package dunning

// Since is what is known of a subscription since the dunning of an invoice ended or paused it.
type Since struct {
	// Written is when its row was last written, as the server has it; empty: that is not known.
	Written string
	// Newer: a newer invoice of it was issued.
	Newer bool
	// Planned: a planned pause, resumption or cancellation was applied.
	Planned bool
	// Declined: another invoice of it was declined, and is unpaid.
	Declined bool
}

// Doubt says why the status that f's end gave to a subscription may be somebody else's by now; empty: nobody else gave it that since. A status says
// nothing of who wrote it: a subscription that the shop resumed and paused again looks as duly left it. So only a row that nobody wrote since is
// duly's own. newMethod: it has another payment method than the one that was declined last. That explains why the row of a cancelled one was
// written; the shop also writes cancel_reason where it cancels.
func (f Frozen) Doubt(s Since, newMethod bool) string {
	switch {
	case s.Planned:
		return "a planned change was applied since"
	case f.Mark != "" && f.Mark == s.Written:
		return ""
	case s.Newer:
		return "a newer invoice was issued since"
	case f.Paused && f.Mark == "":
		return "nothing shows that its row was not written since"
	case !f.Paused && (newMethod || f.Mark == ""):
		return ""
	}
	return "its row was written since"
}
