package notify_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/notify"
)

func of(kind, subject, data string) notify.Message {
	return notify.Message{Type: kind, Subject: subject, Data: json.RawMessage(data)}
}

// A burst is one text: how many, why, and the command that lists them. A few are named, and one alone is told of as ever.
func TestDigest(t *testing.T) {
	require.Equal(t, notify.Text(review()), notify.Digest([]notify.Message{review()}))
	few := []notify.Message{review(), of("review.needed", "subscription:9", `[]`)}
	require.Equal(t, ":mag: *2 reviews need a decision*\n"+
		"• order 7: paid 5 &amp; not &lt;9&gt;\n`duly show order 7`\n"+
		"• subscription 9\n`duly show subscription 9`\n`duly list review`", notify.Digest(few))

	var many []notify.Message
	for i := range 200 {
		reason := []string{fmt.Sprintf("refund of payment %d: refused", i), "customer_id is empty"}[i%4/3]
		if i < 12 {
			reason = "reason " + strings.Repeat("x", i/2+1)
		}
		many = append(many, of("review.needed", fmt.Sprintf("order:%d", i), `{"reason": "`+reason+`"}`))
	}
	many[11].Data = json.RawMessage(`{}`)
	require.Equal(t, ":mag: *200 reviews need a decision*\n• 141 × refund of payment …: refused\n• 47 × customer_id is empty\n• 2 × reason x\n"+
		"• 2 × reason xx\n• 2 × reason xxx\n• 6 for other reasons\n`duly list review`", notify.Digest(many))

	for i := range many {
		many[i] = of("stock.low", fmt.Sprintf("product:%d", i), `{"name": "Mug", "stock": 4}`)
	}
	require.Equal(t, ":package: *7 products are running out*\n• Mug (product 0): 4 left\n• Mug (product 1): 4 left\n• Mug (product 2): 4 left\n"+
		"• Mug (product 3): 4 left\n• Mug (product 4): 4 left\n• and 2 more", notify.Digest(many[:7]))
}

// What others wrote can neither mention somebody nor hide the command.
func TestADigestOfHostileReasons(t *testing.T) {
	var many []notify.Message
	for i := range 9 {
		many = append(many, of("review.needed", "order:1", fmt.Sprintf(`{"reason": "<!channel>\n%s%s"}`, strings.Repeat("y", 3000), strings.Repeat("z", i))))
	}
	text := notify.Digest(many)
	require.NotContains(t, text, "<!channel>")
	require.Less(t, len(text), 3500)
	require.True(t, strings.HasSuffix(text, "\n`duly list review`"))
}
