package model

import "duly/internal/model/search"

// Rule is one rule of the protocol that can be switched off.
type Rule uint8

// The rules. [Rule.Text] says what each of them demands.
const (
	DoubtSticks Rule = iota
	Margin
	AgeAtSend
	LeaseAtSend
	LeaseAtSettle
	OneAttempt
	IssueOnce
	ReadBackEach
	SendOnce
	AbsenceAfterWindow
	AbsenceLasts
	Controls
	ControlEarlier
	ControlLater
	ControlByID
	ControlAfterAbsence
	ControlBeforeResend
	AccountStored
	AccountByCredential
	NumberByProof
	RequeueByProof
	ResolveByKey
	WordAfterWindow
	WordMovesNumber
	LookUpFirst
	ExemptAtSend
	LookUpLater
	LookUpLaterInRecovery
	ListFirst
	ListStrictly
	ListDeclines
	AdoptOnly
	ResendOpenOnly
	ClaimFence
	SameServer
	RestoreStops
	ForgetfulStops
	ConfirmAfterQuiet
	QuietAfterLoss
	QuietBeforeProof
	ErrorsDoubt
	AllAnswered
	AnsweredWaits

	// RuleCount is the number of rules.
	RuleCount
)

// Rules is a set of rules.
type Rules = search.Rules[Rule]

// AllRules holds every rule.
const AllRules Rules = 1<<RuleCount - 1

// String returns the rule's name.
func (r Rule) String() string { return describe(r)[0] }

// Text returns what the rule demands.
func (r Rule) Text() string { return describe(r)[1] }

func describe(r Rule) [2]string {
	texts := [RuleCount][2]string{
		DoubtSticks:           {"doubt sticks", "a 429 or a 400 after a time-out does not end the attempt"},
		Margin:                {"margin", "nothing is sent within R of the end of the key's life"},
		AgeAtSend:             {"age at send", "the key's age is checked before every send, not only at the claim"},
		LeaseAtSend:           {"lease at send", "a worker that lost its lease sends nothing"},
		LeaseAtSettle:         {"lease at settle", "a worker that lost its lease writes nothing"},
		OneAttempt:            {"one attempt", "an invoice has no second attempt while one is unsettled"},
		IssueOnce:             {"issue once", "an invoice is born with an attempt only where no invoice of its period is there"},
		ReadBackEach:          {"read back each", "after a COMMIT without an answer a worker holds what it reads back under its lease, and nothing else"},
		SendOnce:              {"send once", "without keys, one request is sent for an attempt"},
		AbsenceAfterWindow:    {"absence after L+R", "absence proves nothing before L+R has passed"},
		AbsenceLasts:          {"absence lasts", "absence proves nothing where look-ups do not last, or without keys"},
		Controls:              {"controls", "absence counts only beside positive controls"},
		ControlEarlier:        {"earlier control", "one control was created before the attempt's first send"},
		ControlLater:          {"later control", "one control was created after the attempt's first send"},
		ControlByID:           {"control by id", "controls are compared by the gateway's payment id too"},
		ControlAfterAbsence:   {"control after absence", "the control is asked after the absence that it vouches for"},
		ControlBeforeResend:   {"control before resend", "where an earlier control exists, it is shown before an attempt in doubt is sent again"},
		AccountStored:         {"account stored", "at another account than the attempt's nothing is sent again and absence proves nothing"},
		AccountByCredential:   {"account by credential", "an account is told apart by the credential too, not by the URL alone"},
		NumberByProof:         {"number by proof", "the key's number moves only past a proof stored on the attempt"},
		RequeueByProof:        {"requeue by proof", "requeue after a rejection looks the key up, or takes the operator's word"},
		ResolveByKey:          {"resolve by key", "resolve --as not_executed asks by our own key, not by a stored payment id"},
		WordAfterWindow:       {"word after window", "the operator's word counts only once no request can take effect"},
		WordMovesNumber:       {"word moves the number", "after an operator's word the next key has another number, since the old one may have an answer that he did not mean"},
		LookUpFirst:           {"look-up first", "the key is looked up before its first send"},
		ExemptAtSend:          {"exemption at send", "a young due date excuses a request from the look-up at the moment it leaves, not at the claim"},
		LookUpLater:           {"look-up of later numbers", "the look-up before a first send asks for later numbers too"},
		LookUpLaterInRecovery: {"later numbers in recovery", "recovery asks for later numbers before it sends again or releases"},
		ListFirst:             {"list first", "a run lists the gateway before it sends anything and stops at an unknown key"},
		ListStrictly:          {"strict list", "a success under a key that is released, rejected or declined here is unknown"},
		ListDeclines:          {"declines in the list", "so is a decline under a key that is not declined here"},
		AdoptOnly:             {"adopt only", "an unknown key stops billing until it is adopted"},
		ResendOpenOnly:        {"resend open only", "an attempt is sent again only while its invoice is open"},
		ClaimFence:            {"claim fence", "a claim first finds the run's row, its last acknowledged claim and settlement as they were acknowledged"},
		SameServer:            {"same server", "a run stops when the database server is another than the one that it began on"},
		RestoreStops:          {"restore stops", "after a suspected restore nothing is sent to a gateway that can neither be asked nor listed"},
		ForgetfulStops:        {"forgetful stops", "so it is for a gateway whose look-ups do not last and that cannot be listed"},
		ConfirmAfterQuiet:     {"confirm after quiet", "a history is confirmed only once no lost request can take effect"},
		QuietBeforeProof:      {"quiet before proof", "after a suspected loss no proof is stored until no lost request can take effect"},
		ErrorsDoubt:           {"errors doubt", "an error that the gateway keeps under the key leaves the attempt in doubt"},
		AllAnswered:           {"all answered", "absence counts R after the last answer only where every request was answered"},
		AnsweredWaits:         {"R after an answer", "also where every request was answered, absence proves nothing before R has passed"},
		QuietAfterLoss:        {"quiet after loss", "after a suspected loss no run starts until no lost request can take effect"},
	}
	return texts[r]
}
