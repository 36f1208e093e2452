package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The types of gateways that are built in.
const (
	httpapi  = "httpapi"
	portone  = "portone"
	toss     = "toss"
	stripe   = "stripe"
	kakaopay = "kakaopay"
)

// tossKeys is how long Toss keeps keys.
const tossKeys = 15 * day

// GatewayTypes lists the types of gateways that are built in.
func GatewayTypes() []string { return []string{httpapi, portone, toss, stripe, kakaopay} }

func builtGateway(s string) (any, error) {
	if !slices.Contains(GatewayTypes(), s) {
		return nil, fmt.Errorf("%s is unknown: give %s or %s", quote(s), strings.Join([]string{httpapi, portone, toss, stripe}, ", "), kakaopay)
	}
	return s, nil
}

// idOrNone reads an id of a provider's, or none.
func idOrNone(s string) (any, error) {
	if s == None {
		return "", nil
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("is not plain printable text: copy it from the provider's console, or say " + None)
	}
	return s, nil
}

// channelKeys reads a list of keys of channels.
func channelKeys(s string) (any, error) {
	if s == None {
		return []string(nil), nil
	}
	keys := listWords(s)
	for _, key := range keys {
		if _, err := idOrNone(key); err != nil || key == "" || key == None {
			return nil, fmt.Errorf("%s is no key of a channel: give such as [channel-key-1, channel-key-2], or leave it out", quote(key))
		}
	}
	return keys, nil
}

// typeDefaults gives each gateway the defaults of its type, once every layer is read.
func (l *loader) typeDefaults() {
	for name := range l.names[gatewaySection] {
		at := gatewaySection + name
		kind := l.layers.GetString(at + ".type")
		for _, k := range l.schema.keys {
			field, ofGateway := strings.CutPrefix(k.Name, gatewaySection+anyName)
			if value, differs := k.ByType[kind]; ofGateway && differs {
				k.Default = value
				l.setDefault(k, at+field)
			}
		}
	}
}

// credential says what the token of a gateway is called where it is issued.
func (g Gateway) credential() string {
	switch g.Type {
	case portone:
		return "PortOne's V2 API secret"
	case toss:
		return "Toss's secret key"
	case kakaopay:
		return "the secret key of the application at KakaoPay"
	case stripe:
		return "Stripe's secret key, sk_… or rk_…"
	}
	return "the service's bearer token"
}

// The beginnings of keys that are no secret keys of Stripe's, or of Toss's API: of the other provider, of widgets, of webhooks, and those that a
// browser may know.
var (
	notStripe = regexp.MustCompile(`^(?:pk_|whsec_|(?:test|live)_g?[sc]k_)`)
	notToss   = regexp.MustCompile(`^(?:(?:test|live)_(?:gsk|gck|ck)_|[spr]k_|whsec_)`)
)

// wrongToken says of a token what its form shows to be wrong with it; empty: nothing.
func (g Gateway) wrongToken() string {
	form, give := notStripe, g.credential()
	switch g.Type {
	case stripe:
	case toss:
		form, give = notToss, "Toss's secret key of the API, test_sk_… or live_sk_…"
	default:
		return ""
	}
	if begins := form.FindString(g.Token.Reveal()); begins != "" {
		return "a key that begins with " + begins + " cannot charge: give " + give
	}
	return ""
}

// checkType holds what only gateways of some type can do.
func (l *loader) checkType(at string, g Gateway) {
	if g.Type != portone {
		l.onlyOf(portone, at+".store_id", g.StoreID)
		l.onlyOf(portone, at+".channel_key", g.ChannelKey)
		l.onlyOf(portone, at+".test_channels", strings.Join(g.TestChannels, ""))
	}
	if g.Type == kakaopay {
		l.checkKakaoPay(at, g)
		return
	}
	l.onlyOf(kakaopay, at+".cid", g.CID)
	if g.Type == httpapi {
		return
	}
	if !g.LookUp {
		l.rule(at+".look_up", fmt.Sprintf("a gateway of type %s is always asked what became of a charge: leave it out", g.Type), at+".type")
	}
	if g.Type == stripe && !g.List {
		l.rule(at+".list", "Stripe finds a charge by its key among the payments of one customer alone: without the list a restored database could charge one again; leave it out", at+".type")
	}
	if g.KeyLife == 0 {
		l.rule(at+".key_life", fmt.Sprintf("a gateway of type %s keeps keys: give more than longest_request (%s)", g.Type, FormatDuration(g.LongestRequest)), at+".type")
	}
	if g.Type == toss && g.KeyLife > tossKeys {
		l.rule(at+".key_life", fmt.Sprintf("Toss keeps keys for %s: give as much or less", FormatDuration(tossKeys)), at+".type")
	}
}

// checkKakaoPay holds what KakaoPay needs, and cannot do.
func (l *loader) checkKakaoPay(at string, g Gateway) {
	if g.CID == "" {
		l.rule(at+".cid", "missing: give the merchant's code for subscriptions, TCSUBSCRIP for tests")
	}
	for field, set := range map[string]bool{"key_life": g.KeyLife != 0, "look_up": g.LookUp, "list": g.List} {
		if set {
			l.rule(at+"."+field, "KakaoPay keeps no keys, finds no payment by one, and lists none: leave it out", at+".type")
		}
	}
}

// onlyOf refuses the value of a key that only gateways of one type have.
func (l *loader) onlyOf(kind, key, value string) {
	if value != "" {
		l.rule(key, "is for gateways of type "+kind+": leave it out", strings.TrimSuffix(key, key[strings.LastIndexByte(key, '.'):])+".type")
	}
}
