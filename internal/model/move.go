package model

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
	LateEffect
	LoseAnswer
	BringAnswer
	StartRun
	EndRun
	Issue
	IssueClaim
	Claim
	ClaimUnanswered
	FindBeforeSend
	FindInRecovery
	FindNothing
	AskControl
	Resend
	Release
	MoveOn
	LeaveInDoubt
	GiveUp
	Send
	TimeOut
	Settle
	Requeue
	ResolveByID
	ResolveFound
	ResolveNotExecuted
	OperatorsWord
	ClosePeriod
	Adopt
	SkipNumber
	ConfirmHistory
	RepairURL
	OtherSuccess
	Crash
	PresumeDead
	TakeBackup
	Restore
	FailOver
	SwitchURL
	kinds
)

// Move is one step from a state to the next.
type Move struct {
	Kind  Kind
	W     uint8
	N     uint8
	Reply Reply
}

// Swapped returns the move with the workers' names exchanged.
func (m Move) Swapped() Move {
	m.W = 1 - m.W
	return m
}

// Helps reports whether a way out may rely on the move: it is no bad luck.
func (m Move) Helps() bool {
	k := m.Kind
	return k != Crash && k != PresumeDead && k != TakeBackup && k != Restore && k != FailOver && k != SwitchURL
}

// String tells the move.
func (m Move) String() string {
	texts := [kinds]string{
		Tick:               "a tick passes",
		LoseRequest:        "the request under -{n} is lost",
		LateEffect:         "what -{n} began takes effect, after its error",
		LoseAnswer:         "the gateway answers {reply} to -{n}, and the answer is lost",
		BringAnswer:        "the gateway answers {reply} to -{n}, worker {worker} gets it",
		StartRun:           "worker {worker} starts a run",
		EndRun:             "worker {worker} ends its run and writes nothing",
		Issue:              "worker {worker} issues the invoice, open",
		IssueClaim:         "worker {worker} issues the invoice and claims -{n}",
		Claim:              "worker {worker} claims -{n}",
		ClaimUnanswered:    "worker {worker} takes -{n} for claimed, whose COMMIT was lost",
		FindBeforeSend:     "worker {worker} looks -{n} up before its first send: {reply}",
		FindInRecovery:     "worker {worker} recovers -{n}: the gateway says {reply}",
		FindNothing:        "worker {worker} recovers -{n}: the gateway never saw it",
		AskControl:         "worker {worker} recovers -{n}: asks the control",
		Resend:             "worker {worker} decides to send -{n} again",
		Release:            "worker {worker} releases -{n}: not executed",
		MoveOn:             "worker {worker} moves on from -{n}: answered with an error, and not executed",
		LeaveInDoubt:       "worker {worker} leaves -{n} in doubt",
		GiveUp:             "worker {worker} leaves -{n} to an operator",
		Send:               "worker {worker} sends -{n}",
		TimeOut:            "worker {worker} stops waiting for -{n} and tries again",
		Settle:             "worker {worker} settles -{n}: {reply}",
		Requeue:            "operator: requeue invoice after -{n}",
		ResolveByID:        "operator: resolve -{n} --as not_executed, by a stored payment id",
		ResolveFound:       "operator: resolve -{n}, the gateway says {reply}",
		ResolveNotExecuted: "operator: resolve -{n} --as not_executed, by our own key",
		OperatorsWord:      "operator: resolve -{n} --as not_executed, by word",
		ClosePeriod:        "operator: closes the period of -{n}, the money was taken",
		Adopt:              "operator: adopt -{n}, the gateway says {reply}",
		SkipNumber:         "operator: -{n} was declined, its number is skipped",
		ConfirmHistory:     "operator: confirms the history",
		RepairURL:          "the URL is repaired",
		OtherSuccess:       "another invoice is charged",
		Crash:              "worker {worker} crashes",
		PresumeDead:        "worker {worker} is taken for dead, and goes on",
		TakeBackup:         "a backup is taken",
		Restore:            "the backup is restored, every process dies",
		FailOver:           "fail-over to the state of the backup, the processes live on",
		SwitchURL:          "the URL leads to the other place",
	}
	replies := [...]string{"nothing", "succeeded", "declined", "429", "400", "another payment", "an error"}
	return strings.NewReplacer(
		"{worker}", strconv.Itoa(int(m.W)+1), "{n}", strconv.Itoa(int(m.N)), "{reply}", replies[m.Reply],
	).Replace(texts[m.Kind])
}
