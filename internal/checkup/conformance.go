package checkup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/gateway"
	"duly/internal/gateway/contract"
	"duly/internal/gateway/gatewaytest"
	"duly/internal/gateway/gatewaytest/outside"
	"duly/internal/payment"
	"duly/internal/session"
)

// Conformance configures `duly doctor --conformance`.
type Conformance struct {
	Gateway                   string   // its name in the configuration
	Methods                   []string // each WORD=METHOD
	Customer, GatewayCustomer string
	Amount                    int64 // minor units
	Currency                  string
	Sandbox, Live             bool // what the operator says of the account
}

const (
	// conformanceWithin bounds the suite, with what it gives back at the end.
	conformanceWithin = 10 * time.Minute
	// conformancePatience is how long a charge of the method that succeeds may be pending.
	conformancePatience = time.Minute
	// conformancePoll is the time between two look-ups of one payment.
	conformancePoll = time.Second
)

// conformanceReport is the document of `duly doctor --conformance`.
type conformanceReport struct {
	Gateway    string `json:"gateway"`
	Type       string `json:"type"`
	Address    string `json:"address"`
	Account    string `json:"account"` // unknown, sandbox or live, as the adapter tells
	Stated     string `json:"stated"`  // what the operator says of it
	Conforms   bool   `json:"conforms"`
	Holds      int    `json:"holds"`
	Broken     int    `json:"broken"`
	NotChecked int    `json:"not_checked"`
	outside.Report
}

// Conform holds a configured gateway to its contract. It charges the methods that are named, and gives back what it paid. An account
// that may be live is refused unless the operator says otherwise.
func Conform(ctx context.Context, ses *session.Session, asked Conformance) error {
	c, err := ses.Load()
	if err != nil {
		return err
	}
	configured, ok := c.Gateways[asked.Gateway]
	if !ok {
		return exit.Usage(cli.UnknownWord("gateway", asked.Gateway, session.GatewayNames(c)))
	}
	methods, err := methodsOf(asked.Methods)
	if err != nil {
		return err
	}
	money := payment.Money{Amount: asked.Amount, Currency: asked.Currency}
	if why := payment.CurrencyProblem(money.Currency); why != "" {
		return exit.Usagef("--amount %d --currency %s: give an amount of a currency such as KRW", money.Amount, money.Currency)
	}
	suite, closing, err := conformanceSuite(ses, asked.Gateway, configured)
	if err != nil {
		return err
	}
	defer closing()
	suite.Methods, suite.Customer, suite.GatewayCustomer, suite.Money = methods, asked.Customer, asked.GatewayCustomer, money
	if why := suite.Problem(); why != "" {
		return exit.Usagef("%s", why)
	}
	able, stated, err := account(ctx, asked, suite)
	if err != nil {
		return err
	}
	began := ses.Now()
	if !ses.Screen.JSON {
		ses.Screen.Line("%s · %s · %s · at most %d payments of %s, all refunded · at most %s", asked.Gateway, able.Address, stated, outside.MostPayments, money, cli.Rounded(suite.Within))
		suite.Done = func(r outside.Result) { resultText(ses.Screen, r) }
	}
	suite.Left = &outside.Left{}
	defer exit.OnAbort(ctx, func() { leftText(ses.Screen, suite.Left) })()
	r := suite.Run(ctx)
	report := conformanceReport{
		Gateway: asked.Gateway, Type: configured.Type, Address: able.Address, Account: able.Live.String(), Stated: stated, Holds: r.Count(outside.Holds), Broken: r.Count(outside.Broken),
		NotChecked: r.Count(outside.NotChecked), Report: r,
	}
	stopped := ctx.Err() != nil
	report.Conforms = !stopped && report.Broken == 0 && len(r.Kept) == 0
	if !report.Conforms {
		ses.Code = batch.ExitUsage
	}
	switch {
	case ses.Screen.JSON:
		err = ses.Screen.Print(report)
	case stopped:
		ses.Screen.Line("%s stopped: %s", cli.SignLook, moneyText(r))
	default:
		verdictText(ses.Screen, report, methods[gatewaytest.Succeeds] != "", ses.Now().Sub(began))
	}
	return errors.Join(context.Cause(ctx), err)
}

// moneyText says what became of the payments of a suite that was stopped.
func moneyText(r outside.Report) string {
	if len(r.Kept) > 0 {
		return "NOT refunded: " + strings.Join(slices.Sorted(slices.Values(r.Kept)), ", ")
	}
	return cli.Things(int64(r.Refunded), "payment") + " refunded"
}

// leftText lists the unrefunded payments of a suite that a second signal ends.
func leftText(screen *cli.Screen, left *outside.Left) {
	if names := left.Names(); len(names) > 0 {
		screen.Say(screen.Err, string(cli.SignLook)+" stopped at once: NOT refunded: "+strings.Join(names, ", ")+" · refund at the provider what it took")
	}
}

// ConformanceFlags are the flags that say more of --conformance.
func ConformanceFlags() []string {
	return []string{"method", "sandbox", "live", "customer", "gateway-customer", "amount", "currency"}
}

// ConformanceHelp says what --conformance does, and lists the words of --method.
func ConformanceHelp() string {
	words, says := outside.MethodWords()
	const column = 17
	var list strings.Builder
	for _, word := range words {
		fmt.Fprintf(&list, "\n  %-*s%s", column, word, says[word])
	}
	return "--conformance NAME checks nothing else: it holds gateway NAME to its contract within 10 minutes, a service of type httpapi to docs/payments-api.yaml, and a\n" +
		"provider (portone, toss, stripe, kakaopay) to what it documents, by the results of duly's adapter at that account; what cannot be shown there it says. It\n" +
		"charges the payment methods that --method names, loses answers at its own socket, sends again under the same key, looks up and lists,\n" +
		"and refunds what it paid. For each rule that is broken it shows the request, the answer and the sentence of the contract; what it could not check it\n" +
		"names. toss, stripe and kakaopay need --gateway-customer. It needs no database. An account that may take real money is refused without --live. Exit code 2 if a rule is broken.\n\n" +
		"The words of --method, and what becomes of the charges of such a method:" + list.String()
}

// methodsOf reads WORD=METHOD.
func methodsOf(named []string) (map[gatewaytest.Behaviour]string, error) {
	words, _ := outside.MethodWords()
	methods := make(map[gatewaytest.Behaviour]string, len(named))
	for _, pair := range named {
		word, method, ok := strings.Cut(pair, "=")
		if !ok || method == "" {
			return nil, exit.Usagef("--method %s: give WORD=METHOD, such as ok=METHOD", word)
		}
		b, known := outside.BehaviourOf(word)
		if !known {
			return nil, exit.Usage(cli.UnknownWord("method", word, words))
		}
		if _, twice := methods[b]; twice {
			return nil, exit.Usagef("--method %s is given twice: name one method of a word", word)
		}
		methods[b] = method
	}
	return methods, nil
}

// conformanceSuite is the suite for a gateway, whose client it stands behind. The gateway is used without limits: what is repeated is
// repeated by the suite alone.
func conformanceSuite(ses *session.Session, name string, configured config.Gateway) (suite outside.Suite, closing func(), err error) {
	by := outside.ProviderOf(configured.Type)
	wire := &contract.Wire{API: by.API, Now: ses.Now}
	if by.API.Provider != "" && configured.Rate > 0 {
		wire.Every = time.Duration(float64(time.Second) / configured.Rate)
	}
	around := ses.Wrap
	ses.Wrap = func(next http.RoundTripper) http.RoundTripper {
		if around != nil {
			next = around(next)
		}
		return wire.Wrap(next)
	}
	defer func() { ses.Wrap = around }()
	stranger := configured
	stranger.Token = config.Secret(strangerToken(configured.Token.Reveal()))
	var clients []gateway.Gateway
	closing = func() {
		for _, client := range clients {
			client.Close()
		}
	}
	for _, g := range []config.Gateway{configured, stranger} {
		client, err := ses.Adapter(name, g)
		if err != nil {
			closing()
			return outside.Suite{}, nil, exit.Usage(fmt.Errorf("gateways.%s: %w", name, err))
		}
		clients = append(clients, client)
	}
	const base = 36
	return outside.Suite{
		Provider: by, Gateway: clients[0], Stranger: clients[1], Wire: wire, Prefix: "duly-ct-" + strconv.FormatInt(ses.Now().UnixMilli(), base) + "-", Now: ses.Now,
		Within: conformanceWithin, Patience: conformancePatience, Poll: conformancePoll,
	}, closing, nil
}

// strangerToken is a secret that is none, with the same beginning as a provider's: what is no key of its form may be refused otherwise.
func strangerToken(token string) string {
	const none = "duly-conformance-a-token-that-is-none"
	if mark := keyMark.FindString(token); mark != "" {
		return mark + none
	}
	return none
}

// keyMark is what the keys of Stripe and Toss begin with.
var keyMark = regexp.MustCompile(`^(sk|rk)_(test|live)_|^(test|live)_sk_`)

// ruleColumn is how wide the names of rules are, with their sign.
const ruleColumn = 30

// resultText writes what a rule came to, for people.
func resultText(screen *cli.Screen, r outside.Result) {
	switch r.State {
	case outside.Holds:
		screen.Item(string(cli.SignDone)+" "+r.Rule, 0)
	case outside.NotChecked:
		method := ""
		if r.Method != "" {
			method = "--method " + r.Method + "=METHOD"
		}
		detail := r.Detail
		if !strings.HasPrefix(detail, outside.CannotBeShown) {
			detail = "not checked: " + detail
		}
		screen.Item(string(cli.SignNone)+" "+r.Rule, ruleColumn, detail, method)
	case outside.Broken:
		screen.Item(string(cli.SignFailed)+" "+r.Rule, ruleColumn, r.Detail)
		const column = 13
		row := func(label, text string) {
			if text != "" {
				screen.Item("  "+label, column, text)
			}
		}
		row("contract", string(r.Sentence))
		row("source", r.Source)
		if e := r.Exchange; e != nil {
			request := e.Request
			if e.Key != "" {
				request += " Idempotency-Key: " + e.Key
			}
			row("request", request)
			row("body", e.Body)
			if e.Status != 0 {
				row("answer", strings.TrimSpace(fmt.Sprintf("%d %s", e.Status, e.Answer)))
			}
			row("lost", e.Lost)
		}
	}
}

// verdictText writes the end of the suite, for people. succeeds: a method was named whose charges do.
func verdictText(screen *cli.Screen, r conformanceReport, succeeds bool, took time.Duration) {
	if r.Refunded > 0 {
		screen.Line("refunded: %s", cli.Things(int64(r.Refunded), "payment"))
	}
	if len(r.Kept) > 0 {
		screen.Line("%s not refunded: %s · refund them at the provider", cli.SignLook, strings.Join(slices.Sorted(slices.Values(r.Kept)), ", "))
	}
	parts := []string{}
	for _, part := range []struct {
		n    int
		says string
	}{{r.Broken, "broken"}, {r.Holds, "hold"}, {r.NotChecked, "not checked"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.says))
		}
	}
	sign, proves := cli.SignDone, ""
	switch {
	case !r.Conforms:
		sign = cli.SignFailed
	case r.Payments == 0:
		sign, proves = cli.SignLook, "nothing was charged, so nothing about charges is proven: give --method ok=METHOD · "
	case !succeeds:
		sign, proves = cli.SignLook, "no charge that succeeds was tried, so little is proven: give --method ok=METHOD · "
	}
	screen.Line("%s %s: %sof %s %s · %s", sign, r.Gateway, proves, cli.Things(int64(len(r.Results)), "rule"), strings.Join(parts, ", "), cli.Took(took))
}
