package refunds

import "duly/internal/model/search"

// Rule is one rule of the protocol that can be switched off.
type Rule uint8

// The rules. [Rule.Text] says what each of them demands.
const (
	FreezeFirst Rule = iota
	OneUnsettled
	OwnKey
	BeforeSeen
	LeaseAtFreeze
	LeaseAtSend
	LeaseAtSettle
	Window
	Margin
	AgeAtSend
	RestAlone
	Exactly
	ReplyShows
	DoubtSticks
	Quiet
	Capped
	WordAlone
	WordAgain
	WordQuiet
	WordShown
	RecordIdle
	RecordUnmoved
	RecordWaits
	Unexplained
	WordExplains

	// RuleCount is the number of rules.
	RuleCount
)

// Rules is a set of rules.
type Rules = search.Rules[Rule]

// AllRules has every rule on.
const AllRules Rules = 1<<RuleCount - 1

// String is the rule's name.
func (r Rule) String() string { name, _ := r.texts(); return name }

// Text says what the rule demands.
func (r Rule) Text() string { _, text := r.texts(); return text }

func (r Rule) texts() (name, text string) {
	texts := [RuleCount][2]string{
		FreezeFirst:   {"freeze first", "what the gateway shows and what is asked for are stored before the first request leaves"},
		OneUnsettled:  {"one unsettled", "a payment has one unsettled refund at most"},
		OwnKey:        {"own key", "each refund of a payment has a key of its own"},
		BeforeSeen:    {"before as seen", "what was refunded before is what the gateway shows, not what is recorded"},
		LeaseAtFreeze: {"lease at freeze", "it is stored once, and only under the lease of the claim"},
		LeaseAtSend:   {"lease at send", "a request leaves only while the lease lasts"},
		LeaseAtSettle: {"lease at settlement", "a settlement writes only under the lease of its claim"},
		Window:        {"window", "to a gateway without keys requests leave for one lease after the claim"},
		Margin:        {"margin", "a key is used until L - R"},
		AgeAtSend:     {"age at send", "the key's age is asked at the moment a request leaves, not at the decision"},
		RestAlone:     {"the rest alone", "without a key that is kept only all that was left is sent again"},
		Exactly:       {"exactly", "exactly so much more as was asked for means that it was executed"},
		ReplyShows:    {"the reply shows it", "a yes ends a refund only if it shows so much refunded"},
		DoubtSticks:   {"doubt sticks", "a definite no clears no doubt about an earlier request"},
		Quiet:         {"quiet before review", "a refund in doubt goes to an operator only once nothing of it can take effect"},
		Capped:        {"no more than was paid", "the gateway refunds no more than is left"},
		WordAlone:     {"word alone", "an operator's word that a refund was executed waits while another one of the payment is unsettled"},
		WordAgain:     {"word judged again", "his word is judged again by the rows as they are when it is written"},
		WordQuiet:     {"word when quiet", "his word that a refund was not executed waits until nothing of it can take effect"},
		WordShown:     {"word beside what is shown", "his word that a refund was not executed is refused where the gateway shows so much more refunded"},
		RecordIdle:    {"record when idle", "an audit records nothing while a refund of ours is unsettled"},
		RecordWaits:   {"record if none waits", "an audit records nothing that a refund may be which waits"},
		Unexplained:   {"unexplained", "a refund of an amount that the gateway may have made already, beyond what is recorded, goes to an operator"},
		WordExplains:  {"word explains its own", "an operator's word about such a refund records no more than what no other one that waits may be"},
		RecordUnmoved: {"record if unmoved", "an audit records only if what is recorded is what it was when it looked"},
	}
	return texts[r][0], texts[r][1]
}
