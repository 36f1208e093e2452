package config

import (
	"maps"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Private is the value of database.dsn that asks for a private MariaDB, started and stopped by duly.
const Private = "private"

// Config is a valid configuration. It is read-only after Load, and so safe for concurrent use.
type Config struct {
	Database  Database           `mapstructure:"database"`
	Gateways  map[string]Gateway `mapstructure:"gateways"`
	Billing   Billing            `mapstructure:"billing"`
	Reconcile Reconcile          `mapstructure:"reconcile"`
	Outbox    Outbox             `mapstructure:"outbox"`
	Business  Business           `mapstructure:"business"`
	Run       Run                `mapstructure:"run"`
	Schedule  Schedule           `mapstructure:"schedule"`
	Retention Retention          `mapstructure:"retention"`
	Slack     Slack              `mapstructure:"slack"`
	Log       Log                `mapstructure:"log"`
	Metrics   Metrics            `mapstructure:"metrics"`
	Traces    Traces             `mapstructure:"traces"`
	Deadman   Deadman            `mapstructure:"deadman"`
}

// Database says where the shop's tables are.
type Database struct {
	// DSN is in the form of go-sql-driver/mysql, or Private, or empty: none was given.
	DSN Secret `mapstructure:"dsn"`
	// OperatorDSN is the same database for commands that change something, by a user with more rights than a worker's; empty: DSN.
	OperatorDSN Secret `mapstructure:"operator_dsn"`
	// PrivateDir is absolute, and only set if it was given or DSN is Private.
	PrivateDir     string        `mapstructure:"private_dir"`
	MaxOpen        int           `mapstructure:"max_open"`
	AcquireTimeout time.Duration `mapstructure:"acquire_timeout"`
}

// schema is the database's schema; empty for a private one.
func (d Database) schema() string {
	parsed, err := parseDSN(d.DSN.Reveal())
	if err != nil {
		return ""
	}
	return parsed.DBName
}

// Operator is the database as commands of an operator that change something open it.
func (d Database) Operator() Database {
	if d.OperatorDSN != "" {
		d.DSN = d.OperatorDSN
	}
	return d
}

// Address is the database's host and schema, or Private: what may be shown to anyone.
func (d Database) Address() string {
	if d.DSN == "" || d.DSN == Private {
		return d.DSN.Reveal()
	}
	parsed, err := parseDSN(d.DSN.Reveal())
	if err != nil {
		return d.DSN.String()
	}
	return parsed.Addr + "/" + parsed.DBName
}

// Host is the address of the database's server, host:port or a socket, or Private.
func (d Database) Host() string {
	host, _ := d.Login()
	return host
}

// Login is the address of the database's server and the user that it is opened as; no user for Private.
func (d Database) Login() (host, user string) {
	if d.DSN == "" || d.DSN == Private {
		return d.DSN.Reveal(), ""
	}
	parsed, err := parseDSN(d.DSN.Reveal())
	if err != nil {
		return d.DSN.String(), ""
	}
	return parsed.Addr, parsed.User
}

// Gateway is one account at a payment provider.
type Gateway struct {
	Type  string `mapstructure:"type"`
	URL   string `mapstructure:"url"`
	Token Secret `mapstructure:"token"`
	// StoreID, ChannelKey and TestChannels are for PortOne; empty: not set.
	StoreID      string   `mapstructure:"store_id"`
	ChannelKey   string   `mapstructure:"channel_key"`
	TestChannels []string `mapstructure:"test_channels"`
	// CID and CIDSecret are KakaoPay's; empty: none was given.
	CID       string `mapstructure:"cid"`
	CIDSecret Secret `mapstructure:"cid_secret"`
	// LookUp: the provider can be asked what became of an idempotency key.
	LookUp bool `mapstructure:"look_up"`
	// List: the provider lists its payments.
	List bool `mapstructure:"list"`
	// ListLag is how long after a payment was made it may be missing from the list.
	ListLag time.Duration `mapstructure:"list_lag"`
	// Retention is how long the provider shows a payment; 0: for ever.
	Retention time.Duration `mapstructure:"retention"`
	// ChargesOnce: the provider never charges a key again that it charged once, however old the key is.
	ChargesOnce bool `mapstructure:"charges_once"`
	// CardCeilings: a payment method is one card or account, so that its declines are kept under the ceilings of card networks.
	CardCeilings bool `mapstructure:"card_ceilings"`
	// KeyPrefix begins every idempotency key, where two installations share one account.
	KeyPrefix string `mapstructure:"key_prefix"`
	// Parallelism is how many calls may be in flight at once, or Auto.
	Parallelism Parallelism `mapstructure:"parallelism"`
	// MaxParallelism bounds what Auto finds.
	MaxParallelism int `mapstructure:"max_parallelism"`
	// Rate is in requests a second; 0: no limit.
	Rate           float64       `mapstructure:"rate"`
	Timeout        time.Duration `mapstructure:"timeout"`
	ConnectTimeout time.Duration `mapstructure:"connect_timeout"`
	Tries          int           `mapstructure:"tries"`
	Backoff        time.Duration `mapstructure:"backoff"`
	MaxElapsed     time.Duration `mapstructure:"max_elapsed"`
	MaxOutage      time.Duration `mapstructure:"max_outage"`
	// KeyLife is how long the provider keeps idempotency keys; 0: it keeps none.
	KeyLife time.Duration `mapstructure:"key_life"`
	// LongestRequest is how long after it was sent a request can still take effect.
	LongestRequest time.Duration `mapstructure:"longest_request"`
	Circuit        Circuit       `mapstructure:"circuit"`
}

// Parallelism is how many calls may be in flight at once, or Auto.
type Parallelism int

// Auto finds the number out while a run lasts.
const Auto Parallelism = 0

// String is the value as an operator would write it.
func (p Parallelism) String() string {
	if p == Auto {
		return autoWord
	}
	return strconv.Itoa(int(p))
}

// Most is how many calls may be in flight at once at most.
func (g Gateway) Most() int {
	if g.Parallelism == Auto {
		return g.MaxParallelism
	}
	return int(g.Parallelism)
}

// Circuit says when a gateway's circuit opens, and how it closes again. Window, Minimum and HalfOpen count
// requests.
type Circuit struct {
	Window         int           `mapstructure:"window"`
	Minimum        int           `mapstructure:"minimum"`
	FailurePercent int           `mapstructure:"failure_percent"`
	OpenFor        time.Duration `mapstructure:"open_for"`
	HalfOpen       int           `mapstructure:"half_open"`
}

// Billing is the policy of the billing job.
type Billing struct {
	// RetryDays are calendar days after the first decline, ascending.
	RetryDays    []int  `mapstructure:"retry_days"`
	ChunkSize    int    `mapstructure:"chunk_size"`
	CatchUp      string `mapstructure:"catch_up"`
	BrakePercent int    `mapstructure:"brake_percent"`
	// GiveUpAfter is how long after its last request can have had an effect a charge in doubt waits for proof before an
	// operator's word is taken.
	GiveUpAfter time.Duration `mapstructure:"give_up_after"`
	// RetryOnNewMethod says whether a declined invoice is charged before its date once its payment method was changed.
	RetryOnNewMethod bool `mapstructure:"retry_on_new_method"`
	// NetworkRules says whether the rules of card networks count, and NetworkCeilings how many declines they allow.
	NetworkRules    bool            `mapstructure:"network_rules"`
	NetworkCeilings NetworkCeilings `mapstructure:"network_ceilings"`
	// Policies are the dunning policies by name. The entry DefaultPolicy adds to the keys above, which belong to the default policy.
	Policies map[string]DunningPolicy `mapstructure:"policies"`
	// MaxAmount limits the amounts that are charged without an operator's approval; MaxFactor limits them to a multiple of the last paid amount.
	MaxAmount Amounts `mapstructure:"max_amount"`
	MaxFactor Factor  `mapstructure:"max_factor"`
}

// NetworkCeilings are how many declines card networks allow of one payment method for one amount and currency.
type NetworkCeilings struct {
	Visa30d       int `mapstructure:"visa_30d"`
	Mastercard30d int `mapstructure:"mastercard_30d"`
	Mastercard24h int `mapstructure:"mastercard_24h"`
	Unknown30d    int `mapstructure:"unknown_30d"`
	Unknown24h    int `mapstructure:"unknown_24h"`
}

// Reconcile is the policy of the reconciliation job.
type Reconcile struct {
	OlderThan   time.Duration `mapstructure:"older_than"`
	GiveUpAfter time.Duration `mapstructure:"give_up_after"`
	Parallelism int           `mapstructure:"parallelism"`
	ChunkSize   int           `mapstructure:"chunk_size"`
}

// Outbox says where events are delivered; an empty URL: nowhere.
type Outbox struct {
	URL    Secret `mapstructure:"url"`
	Secret Secret `mapstructure:"secret"`
	// PreviousSecret signs beside Secret while receivers change over; empty: nothing does.
	PreviousSecret Secret `mapstructure:"previous_secret"`
	Tries          int    `mapstructure:"tries"`
}

// Business is what the shop calls a day.
type Business struct {
	Timezone string `mapstructure:"timezone"`

	location *time.Location
}

// Location is the business time zone; UTC in a Config that does not come from Load.
func (b Business) Location() *time.Location {
	if b.location == nil {
		return time.UTC
	}
	return b.location
}

// Run is the timing of every run.
type Run struct {
	Lease     time.Duration `mapstructure:"lease"`
	Heartbeat time.Duration `mapstructure:"heartbeat"`
	Drain     time.Duration `mapstructure:"drain"`
	// Witness is an absolute folder, or None; empty: there is no place for it.
	Witness string `mapstructure:"witness"`
	// LockDir is an absolute folder, or None; empty: a usual one of the host.
	LockDir string `mapstructure:"lock_dir"`
}

// Schedule says when `duly schedule` runs which job, as cron expressions that ParseCron reads; empty: never.
type Schedule struct {
	// Listen is where its health can be asked for; empty: nowhere.
	Listen    string `mapstructure:"listen"`
	Nightly   string `mapstructure:"nightly"`
	Reconcile string `mapstructure:"reconcile"`
	Notices   string `mapstructure:"notices"`
	Billing   string `mapstructure:"billing"`
	Outbox    string `mapstructure:"outbox"`
	Report    string `mapstructure:"report"`
	Audit     string `mapstructure:"audit"`
	Prune     string `mapstructure:"prune"`
}

// Jobs are the jobs that are scheduled, with their expressions.
func (s Schedule) Jobs() map[string]string {
	jobs := map[string]string{
		"nightly": s.Nightly, "reconcile": s.Reconcile, "notices": s.Notices, "billing": s.Billing, "outbox": s.Outbox,
		"report": s.Report, "audit": s.Audit, "prune": s.Prune,
	}
	maps.DeleteFunc(jobs, func(_, expression string) bool { return expression == "" })
	return jobs
}

// Retention is how long finished things are kept.
type Retention struct {
	Runs   time.Duration `mapstructure:"runs"`
	Events time.Duration `mapstructure:"events"`
}

// Slack says how to reach Slack: by WebhookURL, or by Token and Channel, or not at all.
type Slack struct {
	WebhookURL Secret `mapstructure:"webhook_url"`
	Token      Secret `mapstructure:"token"`
	Channel    string `mapstructure:"channel"`
}

// Enabled says whether Slack is configured.
func (s Slack) Enabled() bool { return s.WebhookURL != "" || s.Token != "" }

// Log says what is logged, how and where.
type Log struct {
	// Level is debug, info, warn or error.
	Level string `mapstructure:"level"`
	// Format is auto (text on a terminal, JSON elsewhere), json or text.
	Format string `mapstructure:"format"`
	// File is empty for standard error.
	File string `mapstructure:"file"`
}

// Metrics says where metrics go; all may be empty.
type Metrics struct {
	Listen      string `mapstructure:"listen"`
	Textfile    string `mapstructure:"textfile"`
	Pushgateway Secret `mapstructure:"pushgateway"`
}

// Traces says where traces go; an empty Endpoint: nowhere.
type Traces struct {
	Endpoint Secret `mapstructure:"endpoint"`
	// Sample is the share of gateway calls that are traced, from 0 to 1.
	Sample float64 `mapstructure:"sample"`
}

// Deadman is a dead-man's switch; an empty URL: none.
type Deadman struct {
	URL Secret `mapstructure:"url"`
}

// Require returns Problems if what a command needs was not configured: the database, or a gateway.
func (c *Config) Require(database, gateways bool) error {
	var missing Problems
	if database && c.Database.DSN == "" {
		missing = append(missing, "database.dsn: missing: set it in "+DefaultFile+" or in "+variable("database.dsn")+
			", as "+dsnForm+", or as "+Private+" for a private MariaDB that duly starts itself")
	}
	if gateways && len(c.Gateways) == 0 {
		missing = append(missing, "gateways: none is configured: set gateways.<name>.url and gateways.<name>.token in "+
			DefaultFile+", or e.g. "+variable("gateways.main.url")+" and "+variable("gateways.main.token"))
	}
	return missing.orNil()
}

// parseDSN is mysql.ParseDSN, which panics on a parameter it has given up.
func parseDSN(dsn string) (parsed *mysql.Config, err error) {
	defer func() {
		if recover() != nil {
			err = errDSN
		}
	}()
	return mysql.ParseDSN(dsn)
}
