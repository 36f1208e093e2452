package simtarget

import (
	"maps"
	"slices"

	"duly/internal/gateway/gatewaytest"
	"duly/internal/gateway/simulator"
)

// methods are the simulator's words for the suite's.
func methods() map[gatewaytest.Behaviour]string {
	return map[gatewaytest.Behaviour]string{ //nolint:exhaustive // any decline is one of the others
		gatewaytest.Succeeds:           "pm_ok",
		gatewaytest.DeclinesSoft:       "pm_insufficient_funds",
		gatewaytest.DeclinesHard:       "pm_stolen_card",
		gatewaytest.DeclinesAction:     "pm_expired_card",
		gatewaytest.DeclinesForNow:     "pm_try_later",
		gatewaytest.DeclinesUnknown:    "pm_unknown_code",
		gatewaytest.Pends:              "pm_pending",
		gatewaytest.PendsThenSucceeds:  "pm_pending_1_then_ok",
		gatewaytest.IsCanceled:         "pm_canceled",
		gatewaytest.IsRefunded:         "pm_refunded",
		gatewaytest.Rejects:            "pm_reject",
		gatewaytest.RefusesCredentials: "pm_unauthorized",
		gatewaytest.ForbidsAccount:     "pm_forbidden",
		gatewaytest.ChangesAmount:      "pm_wrong_amount",
		gatewaytest.ChangesCurrency:    "pm_wrong_currency",
		gatewaytest.ChangesCustomer:    "pm_wrong_customer",
		gatewaytest.ChangesReference:   "pm_wrong_reference",
		gatewaytest.DropsBefore:        "pm_drop_before",
		gatewaytest.DropsAfter:         "pm_drop_after",
		gatewaytest.Fails5xxBefore:     "pm_5xx_before",
		gatewaytest.Fails5xxAfter:      "pm_5xx_after",
		gatewaytest.TooMany:            "pm_429",
		gatewaytest.TooManyAfterDrop:   "pm_429_after",
		gatewaytest.SaysNotExecuted:    "pm_not_executed",
		gatewaytest.GarblesBefore:      "pm_garbage_before",
		gatewaytest.GarblesAfter:       "pm_garbage_after",
		gatewaytest.HalvesAnswer:       "pm_half_body",
		gatewaytest.Slow:               "pm_slow",
		gatewaytest.Late:               "pm_late",
		gatewaytest.Redirects:          "pm_redirect",
		gatewaytest.ConflictsBefore:    "pm_conflict_before",
		gatewaytest.ConflictsAfter:     "pm_conflict_after",
		gatewaytest.SaysEmpty400Before: "pm_empty_400_before",
		gatewaytest.SaysEmpty400After:  "pm_empty_400_after",
		gatewaytest.SaysEmpty404Before: "pm_empty_404_before",
		gatewaytest.SaysEmpty404After:  "pm_empty_404_after",
		gatewaytest.WaitsForCustomer:   "pm_requires_action_then_ok",
		gatewaytest.ErrsPaid:           "pm_error_paid",
		gatewaytest.ErrsDeclined:       "pm_error_declined",
		gatewaytest.ErrsNothing:        "pm_error_nothing",
	}
}

// lookUps are the simulator's faults for the suite's.
func lookUps() map[gatewaytest.Behaviour]simulator.Faults {
	return map[gatewaytest.Behaviour]simulator.Faults{ //nolint:exhaustive // the others are no faults of such requests
		"":                             {},
		gatewaytest.DropsBefore:        {DropBefore: 1},
		gatewaytest.Fails5xxBefore:     {Err5xxBefore: 1},
		gatewaytest.HalvesAnswer:       {HalfBody: 1},
		gatewaytest.GarblesBefore:      {Garbage: 1},
		gatewaytest.TooMany:            {TooMany: 1},
		gatewaytest.Redirects:          {Redirect: 1},
		gatewaytest.SaysEmpty404Before: {Empty404: 1},
	}
}

// changes are the simulator's faults for the suite's.
func changes() map[gatewaytest.Behaviour]simulator.Faults {
	return map[gatewaytest.Behaviour]simulator.Faults{ //nolint:exhaustive // the others are no faults of such requests
		"":                            {},
		gatewaytest.DropsBefore:       {DropBefore: 1},
		gatewaytest.DropsAfter:        {DropAfter: 1},
		gatewaytest.Fails5xxBefore:    {Err5xxBefore: 1},
		gatewaytest.Fails5xxAfter:     {Err5xxAfter: 1},
		gatewaytest.HalvesAnswer:      {HalfBody: 1},
		gatewaytest.TooMany:           {TooMany: 1},
		gatewaytest.SaysNotExecuted:   {NotExecuted: 1},
		gatewaytest.GarblesAfter:      {Garbage: 1},
		gatewaytest.Redirects:         {Redirect: 1},
		gatewaytest.ConflictsAfter:    {Conflict: 1},
		gatewaytest.SaysEmpty400After: {Empty400: 1},
		gatewaytest.SaysEmpty404After: {Empty404: 1},
	}
}

// Behaviours lists the behaviours that a target has methods for.
func Behaviours() []gatewaytest.Behaviour { return slices.Sorted(maps.Keys(methods())) }
