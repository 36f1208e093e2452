package config

import (
	"math"
	"slices"
	"strings"
	"time"
)

// anyName stands for a name of the operator's own, of a gateway or a policy, in the names of keys.
const anyName = "<name>"

// fileSuffix on the name of a secret key makes the key that names a file with the secret in it.
const fileSuffix = "_file"

// Key is one thing that can be configured.
type Key struct {
	// Name is dotted; <name> in it stands for the name of a gateway, or of a policy.
	Name string
	// Default is as it would be written in the file; empty: none.
	Default string
	// ByType are the defaults of gateways of another type than httpapi, where they differ.
	ByType map[string]string
	// Why says what the key does, its unit, and why one would change it.
	Why string
	// Secret values are never printed, and can be read from the file that the key with _file at its end names.
	Secret bool

	// Example is a value for a key that has no default.
	Example string

	parse parser
	// list: takes several values. pairs: takes keys with their values.
	list, pairs bool
}

// Variable is the key's name in the environment. A dash in a gateway's name is an underscore there.
func (k Key) Variable() string { return variable(k.Name) }

func variable(key string) string {
	return envPrefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(key))
}

const day = 24 * time.Hour

// mostDeclines is the highest ceiling that can be set.
const mostDeclines = 1_000_000

// Keys returns every key, in the order of the example file.
func Keys() []Key { return slices.Concat(chargingKeys(), policyKeys(), otherKeys()) }

// chargingKeys are the keys of the database, the gateways and billing.
func chargingKeys() []Key {
	return []Key{
		{
			Name: "database.dsn", Secret: true, parse: dsn,
			Example: "duly:password@tcp(db.example.com:3306)/shop?tls=true",
			Why: "The shop's database, as " + dsnForm + ", or `private`: a private MariaDB that duly starts and stops itself, for trying. " +
				"It is up only while a command runs: to insert rows between two runs, use a server of your own, or `duly demo --keep`. " +
				"parseTime, time zone, isolation and found rows are set by duly, whatever stands here.",
		},
		{
			Name: "database.operator_dsn", Secret: true, parse: operatorDSN,
			Example: "duly_operator:password@tcp(db.example.com:3306)/shop?tls=true",
			Why: "The same database for the commands of people that change something (`pause`, `resume`, `stop`, `throttle`, `resolve`, `requeue`, " +
				"`reopen`, `adopt`, and `doctor` where it records something), by a user with the role duly_operator_write of deploy/sql/grants.sql: " +
				"a worker's login may not resume, nor name a control payment. If unset, database.dsn. Every other command uses database.dsn.",
		},
		{
			Name: "database.private_dir", parse: absolutePath, Example: "/var/lib/duly/mariadb",
			Why: "Where `private` keeps its data: an absolute path. If unset, duly/mariadb in the user's data folder " +
				"(XDG_DATA_HOME, else ~/.local/share).",
		},
		{
			Name: "database.max_open", Default: "16", parse: whole(minOpen, 10_000),
			Why: "Connections at most. Claim, settle, heartbeat and one to spare need 4; the server's own limit is shared by all hosts.",
		},
		{
			Name: "database.acquire_timeout", Default: "3s", parse: duration(time.Millisecond, time.Hour),
			Why: "How long to wait for a free connection before the database counts as down.",
		},
		{
			Name: "gateways.<name>.type", Default: httpapi, parse: builtGateway,
			Why: "What the service speaks: `httpapi` is the payments API of a shop's own payment service, `portone` is PortOne V2, `toss` is Toss Payments, " +
				"`stripe` is Stripe, `kakaopay` is KakaoPay. " +
				"docs/gateways.md says what each can do.",
		},
		{
			Name: "gateways.<name>.url", parse: gatewayURL, Example: "https://payments.example.com",
			ByType: map[string]string{portone: "https://api.portone.io", toss: "https://api.tosspayments.com", stripe: "https://api.stripe.com", kakaopay: "https://open-api.kakaopay.com"},
			Why:    "Where the service is. Credentials and parameters do not belong in it.",
		},
		{
			Name: "gateways.<name>.token", Secret: true, parse: text, Example: "change-me",
			Why: "Sent as the bearer token of every call. `portone`: the V2 API secret; `toss`: the secret key, live_sk_… or test_sk_…; `stripe`: the secret key, sk_… or rk_…; `kakaopay`: the secret key of the application.",
		},
		{
			Name: "gateways.<name>.store_id", Default: "none", parse: idOrNone,
			Why: "Of `portone` alone: the id of the store, store-…, where the secret is for several.",
		},
		{
			Name: "gateways.<name>.channel_key", Default: "none", parse: idOrNone,
			Why: "Of `portone` alone: the key of the channel that is charged through, channel-key-…; if unset, that of the billing key. It and store_id are sent " +
				"with every charge: change them while no charge is in doubt.",
		},
		{
			Name: "gateways.<name>.test_channels", Default: "none", parse: channelKeys, list: true,
			Why: "Of `portone` alone: the keys of further test channels whose payments are yours, beside channel_key: that of the payment window, while you try " +
				"payments of orders, as [channel-key-1, channel-key-2]. Those of live channels always are.",
		},
		{
			Name: "gateways.<name>.cid", Default: "none", parse: idOrNone,
			Why: "Of `kakaopay` alone: the merchant's code for subscriptions, under which its SIDs were issued; `TCSUBSCRIP` for tests.",
		},
		{
			Name: "gateways.<name>.cid_secret", Secret: true, parse: text, Example: "change-me",
			Why: "Of `kakaopay` alone: the secret of the CID, if the merchant has one.",
		},
		{
			Name: "gateways.<name>.parallelism", Default: "50", parse: readParallelism,
			Why: "Calls in flight at once. More is faster until the service slows down. `auto`: each run begins with 2 and finds out where that is, " +
				"by its latency, time-outs and 429 answers, which also bound its rate; `duly status --verbose` shows the number.",
		},
		{
			Name: "gateways.<name>.max_parallelism", Default: "256", parse: whole(1, mostParallelism),
			Why: "What `parallelism: auto` never exceeds, in each run: two runs at once may have twice as many calls in flight. Not of `reconcile`, which has reconcile.parallelism.",
		},
		{
			Name: "gateways.<name>.rate", Default: "none", parse: rate,
			Why: "Requests a second at most, such as 20/s, where the service has a limit. Each host has its own: divide it among them.",
		},
		{
			Name: "gateways.<name>.timeout", Default: "30s", parse: duration(time.Millisecond, time.Hour), ByType: map[string]string{portone: "60s", toss: "60s", stripe: "80s", kakaopay: "60s"},
			Why: "How long one request is waited for. A charge without an answer by then is in doubt, so rather too long than too short.",
		},
		{
			Name: "gateways.<name>.connect_timeout", Default: "10s", parse: duration(time.Millisecond, time.Hour),
			Why: "How long connecting may take; nothing was sent yet. Cut to the time-out if longer.",
		},
		{
			Name: "gateways.<name>.tries", Default: "3", parse: whole(1, 100),
			Why: "Requests in a row for one charge, all under one key. A decline is an answer, and not repeated.",
		},
		{
			Name: "gateways.<name>.backoff", Default: "3s", parse: duration(time.Millisecond, time.Hour),
			Why: "The wait before the second try, doubled for each one after, with jitter.",
		},
		{
			Name: "gateways.<name>.max_elapsed", Default: "5m", parse: duration(time.Millisecond, day),
			Why: "How long the tries of one charge may take together, also when the service asks for a longer wait.",
		},
		{
			Name: "gateways.<name>.max_outage", Default: "5m", parse: duration(time.Millisecond, day),
			Why: "How long a run waits for a service that is down. Past it, its rows are left for a later run.",
		},
		{
			Name: "gateways.<name>.key_life", Default: "24h", parse: duration(0, 3650*day), ByType: map[string]string{portone: "3h", toss: "14d", kakaopay: "0s"},
			Why: "How long the service keeps idempotency keys; 0: it keeps none, so nothing is ever sent twice. " +
				"Too long a value risks a double charge.",
		},
		{
			Name: "gateways.<name>.longest_request", Default: "2m", parse: duration(time.Millisecond, 30*day), ByType: map[string]string{portone: "10m", toss: "10m", stripe: "10m", kakaopay: "10m"},
			Why: "How long after it was sent a request can still take effect. Before that, \"never seen\" proves nothing.",
		},
		{
			Name: "gateways.<name>.look_up", Default: "true", parse: boolean, ByType: map[string]string{kakaopay: "false"},
			Why: "Whether the service can be asked what became of a key. If not, a charge in doubt that cannot be sent again goes to review. " +
				"Of `httpapi` alone: the others can, but for `kakaopay`.",
		},
		{
			Name: "gateways.<name>.list", Default: "true", parse: boolean, ByType: map[string]string{kakaopay: "false"},
			Why: "Whether the service lists its payments. Before a run sends anything it compares the list with the tables, so that a restored " +
				"or incomplete database charges nobody twice.",
		},
		{
			Name: "gateways.<name>.list_lag", Default: "1m", parse: duration(0, day), ByType: map[string]string{toss: "10m"},
			Why: "How long after a payment was made it may be missing from the list.",
		},
		{
			Name: "gateways.<name>.retention", Default: "0s", parse: duration(0, 36500*day),
			Why: "How long the service shows a payment; 0s: for ever. Older payments are not used to check that it shows what it took.",
		},
		{
			Name: "gateways.<name>.charges_once", Default: "false", parse: boolean, ByType: map[string]string{portone: "true"},
			Why: "Whether the service never charges a key again that it charged once, also after key_life.",
		},
		{
			Name: "gateways.<name>.card_ceilings", Default: "false", parse: boolean, ByType: map[string]string{portone: "true", toss: "true", stripe: "true", kakaopay: "true"},
			Why: "Whether a payment_method is one card or account, so that its declines are kept under billing.network_ceilings. Leave it false where many customers " +
				"have the same word there, such as card: they would be counted as one.",
		},
		{
			Name: "gateways.<name>.key_prefix", Default: "none", parse: keyPrefix,
			Why: "Put before every idempotency key, where two installations share one account: such as eu-: up to 16 letters, digits, - and _. It must be " +
				"set before the first charge and not be changed after it.",
		},
		{
			Name: "gateways.<name>.circuit.window", Default: "40", parse: whole(1, 100_000),
			Why: "The circuit looks at this many of the last requests.",
		},
		{
			Name: "gateways.<name>.circuit.minimum", Default: "20", parse: whole(1, 100_000),
			Why: "It stays closed until it has seen this many.",
		},
		{
			Name: "gateways.<name>.circuit.failure_percent", Default: "60", parse: whole(1, 100),
			Why: "It opens at this share of time-outs, resets, refusals, 5xx and HTML pages. Declines, 4xx and 429 are answers, not failures.",
		},
		{
			Name: "gateways.<name>.circuit.open_for", Default: "10s", parse: duration(time.Millisecond, day),
			Why: "How long it stays open before probes are let through.",
		},
		{
			Name: "gateways.<name>.circuit.half_open", Default: "10", parse: whole(1, 10_000),
			Why: "How many probes decide whether it closes again.",
		},
		{
			Name: "billing.retry_days", Default: "[1, 3, 5]", parse: retryDays, list: true,
			Why: "Calendar days after the first decline on which to charge again; declined on the last, the subscription ends. " +
				"An invoice keeps those of its first decline. []: no retries.",
		},
		{
			Name: "billing.chunk_size", Default: "500", parse: whole(1, maxChunk),
			Why: "Rows in one transaction. Larger is faster, and locks more for longer.",
		},
		{
			Name: "billing.catch_up", Default: "default", parse: oneOf("default", "one", "skip"),
			Why: "Periods that were missed: `one` is invoiced on each day, or all but the newest are skipped (`skip`; an invoice of an older period holds up no newer one then, unless it is unpaid); " +
				"`default`: one for months and years, skip for days and weeks.",
		},
		{
			Name: "billing.brake_percent", Default: "50", parse: whole(1, 100),
			Why: "If more than this share of a gateway's last 200 answers are hard declines, actions, rejections or differ, and more than three times " +
				"its usual share, the gateway is paused: a suspended account must not use up everyone's retries. `100` switches the brake off.",
		},
		{
			Name: "billing.give_up_after", Default: "24h", parse: duration(time.Second, 365*day),
			Why: "How much longer than key_life + longest_request a charge in doubt waits for the service to prove what became of it. After " +
				"that an operator may say so: duly resolve attempt ID --as not_executed.",
		},
		{
			Name: "billing.retry_on_new_method", Default: "true", parse: boolean,
			Why: "Whether the next run charges a declined invoice whose payment method the shop has changed since, before the date of its retry and once a day at most. A decline then uses no retry. " +
				"`false`: the new method waits for that date.",
		},
		{
			Name: "billing.network_rules", Default: "true", parse: boolean,
			Why: "Whether the codes of card networks count where the service hands them on: which method is not tried again, and when the next try may be; and " +
				"whether declines are kept under the networks' ceilings, the keys below.",
		},
		{
			Name: "billing.network_ceilings.visa_30d", Default: "15", parse: whole(1, mostDeclines),
			Why: "Declines in 30 days of one payment method for one amount and currency. A charge that could exceed a ceiling is put off, and keeps its stage. " +
				"Visa allows 20 by its rules of April 2026; many acquirers still count 15.",
		},
		{
			Name: "billing.network_ceilings.mastercard_30d", Default: "35", parse: whole(1, mostDeclines),
			Why: "The same for Mastercard.",
		},
		{
			Name: "billing.network_ceilings.mastercard_24h", Default: "10", parse: whole(1, mostDeclines),
			Why: "Mastercard's second ceiling, in 24 hours. In Brazil it is 7.",
		},
		{
			Name: "billing.network_ceilings.unknown_30d", Default: "15", parse: whole(1, mostDeclines),
			Why: "In 30 days, where no decline of the method names its network: the lowest of the networks.",
		},
		{
			Name: "billing.network_ceilings.unknown_24h", Default: "10", parse: whole(1, mostDeclines),
			Why: "In 24 hours, where no decline of the method names its network.",
		},
	}
}

// otherKeys are the keys of everything else.
func otherKeys() []Key {
	return []Key{
		{
			Name: "billing.max_amount", Default: None, parse: readAmounts, pairs: true,
			Why: "The largest amount of each currency that is charged without an operator's approval, such as `{KRW: 1000000, USD: 500.00}`, with all decimals of the currency: an invoice of more " +
				"goes to review before anything is charged, until `duly resolve invoice ID --as approved`. A currency that is not named has no such limit.",
		},
		{
			Name: "billing.max_factor", Default: None, parse: readFactor,
			Why: "How many times the amount that the subscription paid last in this currency an invoice may be, such as `10` or `2.5`: one of more goes to review likewise. " +
				"A subscription that has paid nothing yet is held to billing.max_amount alone.",
		},
		{
			Name: "reconcile.older_than", Default: "10m", parse: duration(time.Second, 365*day),
			Why: "How long an order must have been left alone before it is looked at: longer than a customer takes to pay.",
		},
		{
			Name: "reconcile.give_up_after", Default: "24h", parse: duration(time.Second, 365*day),
			Why: "A payment pending for longer is cancelled at the gateway. One that the gateway does not know leaves its order to an operator " +
				"if by then nothing shows that the gateway would know it: duly doctor --control.",
		},
		{
			Name: "reconcile.parallelism", Default: "10", parse: whole(1, 10_000),
			Why: "Calls of `reconcile` in flight at once, at all gateways together, whatever their own parallelism is. More than 20 loads the gateway more than it helps.",
		},
		{
			Name: "reconcile.chunk_size", Default: "100", parse: whole(1, maxChunk),
			Why: "Orders in one transaction.",
		},
		{
			Name: "outbox.url", Secret: true, parse: webURL, Example: "https://shop.example.com/hooks/duly",
			Why: "The webhook that events are sent to. If unset, they are kept and not sent.",
		},
		{
			Name: "outbox.secret", Secret: true, parse: signingSecret, Example: "whsec_Y2hhbmdlLW1lLWNoYW5nZS1tZS1jaGFuZ2UtbWU=",
			Why: "The webhook's deliveries are signed with it: whsec_ and the base64 of 24 to 64 random bytes, e.g. from " +
				"`echo whsec_$(openssl rand -base64 32)`.",
		},
		{
			Name: "outbox.previous_secret", Secret: true, parse: signingSecret, Example: "whsec_cHJldmlvdXMtcHJldmlvdXMtcHJldmlvdXMtb2xk",
			Why: "While the secret is rotated: the one before. Deliveries are signed with both, so that a receiver may know either.",
		},
		{
			Name: "outbox.tries", Default: "12", parse: whole(1, 100),
			Why: "Tries before an event is dead and waits for an operator.",
		},
		{
			Name: "business.timezone", Default: "Asia/Seoul", parse: timezone,
			Why: "The IANA time zone whose calendar says what is due today. Instants are stored in UTC in any case.",
		},
		{
			Name: "run.lease", Default: "60s", parse: duration(time.Millisecond, day),
			Why: "How long after its last heartbeat a run still owns its rows; a restart after a crash waits for so long where run.lock_dir proves nothing. " +
				"At least one gateway time-out + 3 heartbeats + 5s.",
		},
		{
			Name: "run.heartbeat", Default: "5s", parse: duration(time.Millisecond, time.Hour),
			Why: "How often a run says that it lives.",
		},
		{
			Name: "run.drain", Default: "25s", parse: duration(0, day),
			Why: "How long requests in flight may take after SIGTERM. Shorter than the lease, and than what the init system grants.",
		},
		{
			Name: "run.witness", parse: folderOrNone, Example: "/var/lib/duly",
			Why: "A folder of this host for a small file that names the newest charge which the database has confirmed, so that a " +
				"restored or older database is noticed, and for answers of gateways that the database does not take: the next run on this " +
				"host reads them first. An absolute path, or `none`: then such an answer is only logged, and the run ends with 1. If unset, systemd's STATE_DIRECTORY, else duly in " +
				"the user's state folder (XDG_STATE_HOME, else ~/.local/state).",
		},
		{
			Name: "run.lock_dir", parse: folderOrNone, Example: "/run/duly",
			Why: "A folder on tmpfs of this host in which each run locks a small file for as long as it lives. A run that was killed is then taken over " +
				"at once by the next one on the same host and boot; everywhere else its lease is waited for. An absolute path, or `none`: the lease is waited for here " +
				"too. If unset, the first that is on tmpfs of systemd's RUNTIME_DIRECTORY, /run/duly, XDG_RUNTIME_DIR and /dev/shm. Linux alone has it.",
		},
		{
			Name: "schedule.listen", parse: listenAddress, Example: "127.0.0.1:9465",
			Why: "`duly schedule` answers GET /healthz here: 200 while it lives and the database answers. If unset, nowhere.",
		},
		{
			Name: "schedule.nightly", parse: cronExpression, Example: "30 2 * * *",
			Why: "When `duly schedule` runs every job, one after the other, as a cron expression in business.timezone: " +
				"minute, hour, day of month, month, day of week. If unset, never; the same holds for the keys below.",
		},
		{Name: "schedule.reconcile", parse: cronExpression, Example: "*/30 * * * *", Why: "When it runs reconcile alone."},
		{Name: "schedule.notices", parse: cronExpression, Example: "0 5 * * *", Why: "When it runs notices alone."},
		{Name: "schedule.billing", parse: cronExpression, Example: "0 6 * * *", Why: "When it runs billing alone."},
		{Name: "schedule.outbox", parse: cronExpression, Example: "*/5 * * * *", Why: "When it runs outbox alone."},
		{Name: "schedule.report", parse: cronExpression, Example: "15 0 * * *", Why: "When it runs report alone."},
		{Name: "schedule.audit", parse: cronExpression, Example: "0 5 * * 1-5", Why: "When it runs audit alone."},
		{Name: "schedule.prune", parse: cronExpression, Example: "0 4 1 * *", Why: "When it runs prune alone."},
		{
			Name: "retention.runs", Default: "90d", parse: duration(day, math.MaxInt64),
			Why: "How long finished runs are kept. Invoices, attempts and payments are kept for ever.",
		},
		{
			Name: "retention.events", Default: "30d", parse: duration(day, math.MaxInt64),
			Why: "How long delivered events are kept.",
		},
		{
			Name: "slack.webhook_url", Secret: true, parse: webURL, Example: "https://hooks.slack.com/services/change-me",
			Why: "Slack's incoming webhook, told when a run ends badly. This, or token and channel; unset: no Slack.",
		},
		{
			Name: "slack.token", Secret: true, parse: text, Example: "xoxb-change-me",
			Why: "A bot's token, instead of the webhook.",
		},
		{
			Name: "slack.channel", parse: text, Example: "#billing",
			Why: "The channel the bot writes to.",
		},
		{
			Name: "log.level", Default: "info", parse: oneOf("debug", "info", "warn", "error"),
			Why: "The least that is logged.",
		},
		{
			Name: "log.format", Default: "auto", parse: oneOf("auto", "json", "text"),
			Why: "`auto`: text on a terminal, JSON elsewhere.",
		},
		{
			Name: "log.file", parse: text, Example: "/var/log/duly/duly.log",
			Why: "Also log to this file, rotated at 12 MB, kept for 30 days, compressed. If unset, to standard error alone.",
		},
		{
			Name: "metrics.listen", parse: listenAddress, Example: "127.0.0.1:9464",
			Why: "Serve Prometheus metrics here while a run lasts.",
		},
		{
			Name: "metrics.textfile", parse: text, Example: "/var/lib/node_exporter/duly.prom",
			Why: "Write metrics to this file when a run ends, for the node exporter: whole or not at all, readable by everyone.",
		},
		{
			Name: "metrics.pushgateway", Secret: true, parse: webURL, Example: "https://pushgateway.example.com",
			Why: "Push metrics here when a run ends, as the job `duly`; 5s at most, and the run is none the worse if it fails.",
		},
		{
			Name: "traces.endpoint", Secret: true, parse: webURL, Example: "http://127.0.0.1:4318",
			Why: "Send traces here, to an OpenTelemetry collector that takes OTLP over HTTP; /v1/traces is added if there is no path. " +
				"If unset, to where OTEL_EXPORTER_OTLP_ENDPOINT says; if that is unset too, nothing is traced.",
		},
		{
			Name: "traces.sample", Default: "0.01", parse: fraction,
			Why: "The share of gateway calls that are traced, from 0 to 1; runs, steps and chunks always are, and so are calls that fail.",
		},
		{
			Name: "deadman.url", Secret: true, parse: webURL, Example: "https://hc-ping.com/change-me",
			Why: "A dead-man's switch: asked for with /start when a run begins, plain when it ended with 0, and with / and the exit code " +
				"when it ended otherwise. If unset, none.",
		},
	}
}
