package outside

// Rules are the names of the rules that a type of gateways is held to.
func Rules(kind string) []string {
	var all []string
	for _, r := range outsideRules(ProviderOf(kind)) {
		all = append(all, r.name)
	}
	return all
}
