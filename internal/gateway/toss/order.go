package toss

import (
	"regexp"
	"strings"

	"duly/internal/gateway/provider"
)

// The forms that Toss takes.
var (
	orderForm    = regexp.MustCompile(`^[A-Za-z0-9_-]{6,64}$`)
	customerForm = regexp.MustCompile(`^[A-Za-z0-9_=.@-]{2,300}$`)
	numberedKey  = regexp.MustCompile(`^(.+)-[0-9]+$`)
)

// orderID is the orderId of a key: the key itself where Toss takes it, else the id that is derived from it.
func orderID(key string) string {
	if orderForm.MatchString(key) && !provider.Derived(key) {
		return key
	}
	return provider.ID(key)
}

// keyMark begins the key at the end of an orderName, where the orderId is derived from it.
const keyMark = " #"

// longestName is how long an orderName may be, in characters.
const longestName = 100

// orderName is a charge's name for people. Where the orderId is derived it ends with the key, which nothing else would lead back to.
func orderName(name, key string) string {
	end := ""
	if orderID(key) != key {
		end = keyMark + key
	}
	runes, most := []rune(name), longestName-len([]rune(end))
	return string(runes[:max(min(len(runes), most), 0)]) + end
}

// own is the key of a payment, as its orderId is it or its name proves it; else the orderId, which is nobody's key.
func own(order, name string) string {
	if !provider.Derived(order) {
		return order
	}
	if at := strings.LastIndex(name, keyMark); at >= 0 {
		if key := name[at+len(keyMark):]; provider.ID(key) == order {
			return key
		}
	}
	return order
}

// reference is what a key pays for: all of it but its prefix and its number. Toss keeps no other trace of it.
func (c *Client) reference(key string) string {
	if provider.Derived(key) {
		return ""
	}
	key = strings.TrimPrefix(key, c.config.KeyPrefix)
	if m := numberedKey.FindStringSubmatch(key); m != nil {
		return m[1]
	}
	return key
}
