package outside

import "duly/internal/gateway/contract"

// sentenceTime is broken by a provider alone: docs/payments-api.yaml compares no clocks.
const sentenceTime contract.Sentence = "A payment was made when its charge was sent."

// expected is what duly needs of every provider, where that is said in other words than those of docs/payments-api.yaml.
func expected() map[contract.Sentence]contract.Sentence {
	return map[contract.Sentence]contract.Sentence{ //nolint:exhaustive // the others are of bodies, which are not compared
		contract.SentenceToken:     "A request with a wrong secret is refused as such, whatever is asked for.",
		contract.SentenceSettled:   "A charge of a method that succeeds is answered with a success, or its record is one.",
		contract.SentenceEcho:      "A payment shows the key, the reference, the amount and the currency of its charge, and the customer where one is kept.",
		contract.SentencePending:   "What is pending is decided, and a look-up shows the decision.",
		contract.SentenceReplay:    "A key moves money once, however often it is sent.",
		contract.SentenceOtherBody: "A key that was used moves no money with another body.",
		contract.SentenceDeclined:  "A declined charge takes no money, and says why in a code.",
		contract.SentenceRejected:  "A request that can never work is refused as such, and makes no payment.",
		contract.SentenceLookup:    "A look-up shows every payment as soon as its charge was answered.",
		contract.SentenceAbsent:    "A look-up says of a payment that cannot exist, and of no other, that there is none.",
		contract.SentenceUnknown:   "A look-up says of a payment that cannot exist, and of no other, that there is none.",
		contract.SentenceRefunded:  "The amount that was requested is refunded, once, and the payment shows it.",
		contract.SentenceTooMuch:   "No more is refunded than was paid.",
		contract.SentenceCanceled:  "A payment that is cancelled takes no money.",
		contract.SentenceDecided:   "A payment that is decided cannot be cancelled.",
		contract.SentenceList:      "The list of a window has every payment that was made in it.",
		contract.SentenceListed:    "A listed payment is as a look-up shows it.",
		contract.SentenceWindow:    "A payment of the window's first instant is in it, one of its end is not.",
		contract.SentencePages:     "The list is read to its end.",
		sentenceTime:               sentenceTime,
	}
}
