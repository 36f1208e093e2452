package refunds

import (
	"strconv"
	"strings"
)

// Kind is the kind of a move.
type Kind uint8

// The kinds of moves.
const (
	Tick Kind = iota
	LoseRequest
	LoseAnswer
	Unheard
	BringAnswer
	HandRefund
	Claim
	LookUnanswered
	LookSays
	LookSends
	Freeze
	FreezeRefused
	FreezeUnanswered
	Send
	LetBe
	TimeOut
	Hear
	Settle
	Forget
	Crash
	PresumeDead
	TakeBack
	OperatorLooks
	SaysRefunded
	SaysNotExecuted
	WordNotTaken
	AuditLooks
	RecordHand
	RecordNothing
	Restore
	kinds
)

// Move is one step from a state to the next.
type Move struct {
	Kind   Kind
	W      uint8
	Row    uint8
	Amount uint8
	Reply  Reply
	Step   Step
}

// Swapped returns the move with the workers' names exchanged.
func (m Move) Swapped() Move {
	m.W = 1 - m.W
	return m
}

// Helps reports whether a way to the end may rely on the move: neither bad luck nor somebody who takes the work away.
func (m Move) Helps() bool {
	k := m.Kind
	return k != Crash && k != PresumeDead && k != TakeBack && k != HandRefund && k != LoseRequest && k != LoseAnswer && k != Restore
}

// String tells the move.
func (m Move) String() string {
	texts := [kinds]string{
		Tick:             "a tick passes",
		LoseRequest:      "the request of refund {row} is lost",
		LoseAnswer:       "the gateway answers {reply} to refund {row}, and the answer is lost",
		Unheard:          "the gateway answers {reply} to refund {row}, and nobody waits for it",
		BringAnswer:      "the gateway answers {reply} to refund {row}, worker {worker} gets it",
		Restore:          "the tables are set back to before all this",
		HandRefund:       "somebody refunds {amount} at the provider's page",
		Claim:            "worker {worker} claims refund {row}",
		LookUnanswered:   "worker {worker} looks, and gets no answer",
		LookSays:         "worker {worker} looks, and decides without a request of refund {row}",
		LookSends:        "worker {worker} looks, and decides to send refund {row}",
		Freeze:           "worker {worker} stores what it sends of refund {row}",
		FreezeRefused:    "worker {worker} finds refund {row} somebody else's, and sends nothing",
		FreezeUnanswered: "worker {worker} stores what it sends of refund {row}, whose COMMIT gets no answer",
		Send:             "worker {worker} sends refund {row}",
		LetBe:            "worker {worker} does not send refund {row}",
		TimeOut:          "worker {worker} stops waiting for refund {row}",
		Hear:             "worker {worker} decides by the answer to refund {row}",
		Settle:           "worker {worker} settles refund {row}: {step}",
		Forget:           "worker {worker} finds refund {row} somebody else's, and writes nothing",
		Crash:            "worker {worker} crashes",
		PresumeDead:      "worker {worker} is taken for dead, and goes on",
		TakeBack:         "the shop takes refund {row} back",
		OperatorLooks:    "operator: looks at the payment of refund {row}",
		SaysRefunded:     "operator: resolve refund {row} --as refunded, by what he saw",
		SaysNotExecuted:  "operator: resolve refund {row} --as not_executed",
		WordNotTaken:     "operator: his word about refund {row} is not taken",
		AuditLooks:       "audit: looks at the payment",
		RecordHand:       "audit: records what it saw as refunded at the provider",
		RecordNothing:    "audit: records nothing",
	}
	replies := [...]string{"nothing", "yes", "429", "400"}
	steps := [...]string{"later", "refunded", "refused", "review", "nothing was done"}
	return strings.NewReplacer(
		"{worker}", strconv.Itoa(int(m.W)+1), "{row}", strconv.Itoa(int(m.Row)+1), "{reply}", replies[m.Reply], "{amount}", strconv.Itoa(int(m.Amount)), "{step}", steps[m.Step],
	).Replace(texts[m.Kind])
}
