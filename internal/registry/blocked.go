package registry

import (
	"maps"
	"slices"

	"duly/internal/suspicion"
)

// Blind lists the gateways that can neither be asked by key nor listed: nothing but the tables says what they took. forgetful:
// also those that can be asked only for as long as they keep keys.
func (r *Request) Blind(forgetful bool) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(r.Deps.Gateways)) {
		able := r.Deps.Gateways[name].Capabilities()
		if !able.List && (!able.FindByKey || forgetful && !able.LookupOutlivesKey) {
			names = append(names, name)
		}
	}
	return names
}

// blocked returns the gateways that must be sent nothing, each with the reason and what to do.
func (r *Request) blocked() map[string]string {
	if r.Suspicion == "" {
		return nil
	}
	all := map[string]string{}
	for _, name := range r.Blind(false) {
		all[name] = suspicion.MayHaveLost + " (" + r.Suspicion + "), and this gateway can neither be asked " +
			"by key nor listed: find out what it took, adopt or settle that, then run: " + suspicion.ConfirmCommand
	}
	return all
}
