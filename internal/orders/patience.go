package orders

import (
	"encoding/json"

	"duly/internal/payment"
)

// PatienceText is what was counted of payments that are asked about again, as it is stored; empty for nothing.
func PatienceText(checked []Checked) string {
	counted := map[uint64]payment.Patience{}
	for _, c := range checked {
		if c.Patience != (payment.Patience{}) {
			counted[c.ID] = c.Patience
		}
	}
	if len(counted) == 0 {
		return ""
	}
	text, err := json.Marshal(counted)
	if err != nil { // numbers and instants of the four-digit years
		return ""
	}
	return string(text)
}

// ParsePatience reads what PatienceText wrote, by payment. What is none counts as nothing: asking longer harms nobody.
func ParsePatience(text string) map[uint64]payment.Patience {
	var counted map[uint64]payment.Patience
	if text == "" || json.Unmarshal([]byte(text), &counted) != nil {
		return nil
	}
	return counted
}
