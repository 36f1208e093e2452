package orders

import (
	"fmt"
	"strings"
	"time"
)

// Why is the reason why an order stands as it does.
type Why string

// The reasons. Programs may rely on them, people read the text beside.
const (
	WhySettled  Why = "settled"
	WhyReview   Why = "in_review"
	WhyChecking Why = "in_check"
	WhyHeldBack Why = "held_back" // an operator paused the job
	WhyYoung    Why = "left_alone"
	WhyWaits    Why = "waits_for_check"
	WhyLastLook Why = "waits_for_last_look" // given up, and asked about once more
	WhyDue      Why = "due"
	WhyRefund   Why = "refund_due"
)

// Explanation answers "what becomes of this order, when, and why?".
type Explanation struct {
	Why  Why    `json:"why"`
	Text string `json:"text"` // one sentence
	Next string `json:"next"` // what happens next, or what somebody has to do
}

// Snapshot is what is known of an order when somebody asks.
type Snapshot struct {
	Order    Order
	Payments []Payment // by id
	Check    Check
	// JobPaused is the word of the operator who paused the job; "" for not paused.
	JobPaused string
	// Held is the refund in review that a payment in refund_due waits for; 0: none.
	Held   uint64
	Policy Policy
	Now    time.Time
}

// Explain says what becomes of an order, and then, if any are due, of its refunds.
func Explain(s Snapshot) []Explanation {
	out := []Explanation{s.explainOrder()}
	if e, ok := s.refunds(); ok {
		out = append(out, e)
	}
	return out
}

func (s Snapshot) explainOrder() Explanation {
	c := s.Check
	in, pending, wordless := s.with(PaymentReview), s.with(PaymentPending), s.wordless()
	switch {
	case len(in) > 0:
		return Explanation{
			WhyReview, sentence(are(in, "is in review", "are in review"), c.Reason),
			fmt.Sprintf("an operator looks at the provider's page and decides: duly resolve payment %d --as paid GATEWAY_ID, not_executed, refunded or ignored; until then the order is left as it is", in[0].ID),
		}
	case c.Reason != "":
		return Explanation{WhyReview, sentence("it is in review", c.Reason), fmt.Sprintf("an operator fixes it: duly requeue order %d; until then it is left as it is", s.Order.ID)}
	case c.Run != 0 && c.RunLives:
		return Explanation{WhyChecking, fmt.Sprintf("run %d is working on it now", c.Run), "the run settles it"}
	case !s.Order.Status.Open() && len(pending) == 0 && (len(wordless) == 0 || s.asked(wordless)):
		return Explanation{WhySettled, fmt.Sprintf("it is %s, and no payment of it is open", s.Order.Status) + s.ignored(), "nothing"}
	case s.JobPaused != "":
		return Explanation{WhyHeldBack, "it is open, and the reconcile job is paused: " + s.JobPaused, "it is checked once that is resumed"}
	}
	return s.open(pending, wordless)
}

// ignored names the payments that an operator closed without a word on their money.
func (s Snapshot) ignored() string {
	list := s.filter(func(p Payment) bool { return p.Status == PaymentFailed && p.FailureCode == FailureIgnored })
	if len(list) == 0 {
		return ""
	}
	return "; " + are(list, "was closed as ignored", "were closed as ignored") + ", and the gateway may have kept its money"
}

// open is the explanation of an order that is still checked.
func (s Snapshot) open(pending, wordless []Payment) Explanation {
	c, what := s.Check, s.what(pending, wordless)
	alone := newest(s.Order, s.Payments).Add(s.Policy.OlderThan)
	switch {
	case alone.After(s.Now) && !c.Next.After(alone):
		return Explanation{WhyYoung, what + ", and somebody wrote to it a short while ago", fmt.Sprintf("it is left alone until %s, and checked by the first run after it", instant(alone))}
	case c.Next.After(s.Now) && !s.Order.Status.Open() && len(pending) == 0:
		return Explanation{WhyLastLook, what + "; the charge may still arrive", fmt.Sprintf("the gateway is asked once more at %s, or by the first run after it, and money that has arrived is refunded", instant(c.Next))}
	case c.Next.After(s.Now):
		return Explanation{WhyWaits, fmt.Sprintf("%s, and %s did not decide it", what, counted(c.Checks, "check", "checks")), fmt.Sprintf("it is checked again at %s, or by the first run after it%s", instant(c.Next), s.cancels(pending))}
	}
	return Explanation{WhyDue, what, fmt.Sprintf("the next run checks it: duly run reconcile --order %d", s.Order.ID)}
}

// what says what is open about the order.
func (s Snapshot) what(pending, wordless []Payment) string {
	text := fmt.Sprintf("it is %s", s.Order.Status)
	switch {
	case len(pending) > 0:
		return text + ", and " + are(pending, "is pending", "are pending")
	case len(wordless) > 0:
		return text + ", and " + are(wordless, "was given up without the gateway's word", "were given up without the gateway's word")
	case len(s.Payments) == 0:
		return text + ", and no payment was begun"
	}
	return text
}

// cancels says what happens to what stays pending.
func (s Snapshot) cancels(pending []Payment) string {
	if len(pending) == 0 {
		return ""
	}
	at := pending[0].CreatedAt.Add(s.Policy.GiveUpAfter)
	var text strings.Builder
	fmt.Fprintf(&text, "; if payment %d is still pending at the gateway after %s it is cancelled there, and if nobody can be asked it goes to review", pending[0].ID, instant(at))
	for _, p := range pending {
		if counted := s.Check.Patience[p.ID]; counted.String() != "" {
			fmt.Fprintf(&text, "; of payment %d %s, and %s", p.ID, counted, counted.Limit())
		}
	}
	return text.String()
}

// asked reports whether the last check asked about what was given up, and nothing was written since.
func (s Snapshot) asked(wordless []Payment) bool {
	return !s.Check.At.IsZero() && s.Check.Next.IsZero() && !newest(Order{}, wordless).After(s.Check.At)
}

func (s Snapshot) refunds() (Explanation, bool) {
	due := s.with(PaymentRefundDue)
	if len(due) == 0 {
		return Explanation{}, false
	}
	c, what := s.Check, are(due, "is to be refunded", "are to be refunded")
	switch {
	case c.Run != 0 && c.RunLives:
		return Explanation{WhyChecking, fmt.Sprintf("%s, and run %d is working on it", what, c.Run), "the run settles it"}, true
	case s.JobPaused != "":
		return Explanation{WhyHeldBack, what + ", and the reconcile job is paused: " + s.JobPaused, "it is refunded once that is resumed"}, true
	case s.Held != 0:
		return Explanation{
			WhyRefund, fmt.Sprintf("%s, and refund %d of it is in review, and comes first", what, s.Held),
			fmt.Sprintf("the first run after refund %d is resolved refunds it: duly list review --what refund", s.Held),
		}, true
	case c.RefundNext.After(s.Now):
		return Explanation{WhyRefund, fmt.Sprintf("%s since %s, and %s did not do it", what, instant(c.RefundSince), counted(c.RefundTries, "try", "tries")), fmt.Sprintf("it is tried again at %s, or by the first run after it", instant(c.RefundNext))}, true
	}
	return Explanation{WhyRefund, what, fmt.Sprintf("the next run refunds it: duly run reconcile --order %d", s.Order.ID)}, true
}

func (s Snapshot) with(status PaymentStatus) []Payment {
	return s.filter(func(p Payment) bool { return p.Status == status })
}

func (s Snapshot) wordless() []Payment {
	return s.filter(func(p Payment) bool { return p.Status == PaymentFailed && p.unconfirmed() })
}

func (s Snapshot) filter(keep func(Payment) bool) []Payment {
	var out []Payment
	for _, p := range s.Payments {
		if keep(p) {
			out = append(out, p)
		}
	}
	return out
}

// are is what holds of one payment or of several.
func are(list []Payment, one, more string) string {
	ids := make([]string, 0, len(list))
	for _, p := range list {
		ids = append(ids, fmt.Sprint(p.ID))
	}
	if len(ids) == 1 {
		return "payment " + ids[0] + " " + one
	}
	return "payments " + strings.Join(ids, ", ") + " " + more
}

func counted(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// sentence is what happened and, if it is known, why.
func sentence(what, why string) string {
	if why = strings.TrimSpace(why); why == "" {
		return what
	}
	return what + ": " + why
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
