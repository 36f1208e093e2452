package simulator

// Outcomes lists the outcomes that a payment method can name after "pm_".
func Outcomes() []string {
	names := make([]string, len(results))
	for i, r := range results {
		names[i] = r.name
	}
	return names
}
