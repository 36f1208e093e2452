package view

func Old(step string) bool { return step == "events" }

func Charges(step string) bool {
	return step[:3] == "collect"[:3]
}

func Tables() []string { return []string{"events"} }
