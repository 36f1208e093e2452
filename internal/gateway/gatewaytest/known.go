package gatewaytest

// TraitsOf are the traits of the gateways of a type, by its name in the configuration. A type that is not named here, such as httpapi, speaks
// docs/payments-api.yaml and has none.
func TraitsOf(kind string) Traits {
	switch kind {
	case "portone":
		return Traits{
			BlankSuccess: true, TooManyAlone: true, KeyConflictUnknown: true, NoCancel: true, CancelIsRefund: true, RefundsOnce: true,
		}
	case "toss":
		return Traits{
			CustomerHidden: true, ReferenceInKey: true, TooManyAlone: true, BodyIgnored: true, NoCancel: true, CancelIsRefund: true, RefundsOnce: true,
			DeclinesUnlisted: true,
		}
	case "stripe":
		return Traits{BusyIsTooMany: true, LaterIsSoft: true, ErrorsAskAgain: true, CancelsDeclined: true, Finishable: true}
	case "kakaopay":
		return Traits{
			CustomerHidden: true, CurrencyHidden: true, StatusHidden: true, PendingUnread: true, DeclinesUnrecorded: true, ReasonsUnknown: true,
			NothingSaysNot: true, ReferenceInKey: true, NoCancel: true, CancelIsRefund: true, RefundsLookAfter: true,
		}
	}
	return Traits{}
}
