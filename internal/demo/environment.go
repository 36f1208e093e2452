package demo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"duly/config"
	"duly/internal/exit"
	"duly/internal/gateway/simulator"
	"duly/internal/mysql"
	"duly/internal/mysql/private"
	"duly/internal/session"
	"duly/migrations"
)

// gatewayName is the name of the demo's payment provider.
const gatewayName = "simulator"

// stopWithin bounds the stop of the demo's database.
const stopWithin = 30 * time.Second

// environment is what a demo runs on: a database and a gateway of its own, in a temporary folder.
type environment struct {
	dir      string
	server   *private.Server
	db       *mysql.DB
	sim      *simulator.Simulator
	http     *http.Server
	requests atomic.Int64 // that the simulator is serving
	settings map[string]any
	printed  *os.File // what the nights print
}

// nightsFile is the file, in the demo's folder, with what its nights print.
const nightsFile = "nights.log"

// startEnvironment starts the database and a gateway of a type. The caller must call end, also after an error.
func startEnvironment(ctx context.Context, gateway string) (*environment, error) {
	e := &environment{}
	var err error
	if e.dir, err = os.MkdirTemp("", "duly-demo-"); err != nil {
		return e, exit.Failed(fmt.Errorf("make a folder for the demo: %w", err))
	}
	if e.printed, err = os.Create(filepath.Join(e.dir, nightsFile)); err != nil {
		return e, exit.Failed(fmt.Errorf("make a file in the demo's folder: %w", err))
	}
	// Tied: a demo that is killed leaves no server behind.
	if e.server, err = private.Start(ctx, private.Options{Dir: filepath.Join(e.dir, "db"), Fast: true, Tied: true}); err != nil {
		return e, exit.Usage(err)
	}
	if err := session.CreateSchema(ctx, e.server); err != nil {
		return e, exit.Failed(err)
	}
	dsn := e.server.DSN(session.PrivateSchema)
	if e.db, err = mysql.Open(dsn, mysql.Options{}); err != nil {
		return e, exit.Failed(err)
	}
	if _, err := migrations.Up(ctx, e.db.DB.DB); err != nil {
		return e, exit.Failed(err)
	}
	url, err := e.serve(ctx, gateway)
	if err != nil {
		return e, err
	}
	e.settings = settings(dsn, gateway, url, e.dir)
	return e, nil
}

// serve starts the simulator and returns its address.
func (e *environment) serve(ctx context.Context, gateway string) (url string, err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", exit.Failed(fmt.Errorf("start the simulator: %w", err))
	}
	if e.sim, err = simulator.Speak(gateway, day(gateway)); err != nil {
		return "", exit.Failed(err)
	}
	counted := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.requests.Add(1)
		defer e.requests.Add(-1)
		e.sim.ServeHTTP(w, r)
	})
	e.http = &http.Server{Handler: counted, ReadHeaderTimeout: time.Minute}
	go func() { _ = e.http.Serve(listener) }() // until end closes it
	return "http://" + listener.Addr().String(), nil
}

// settings are the demo's configuration: the defaults, with pauses as short as its days.
func settings(dsn, kind, url, dir string) map[string]any {
	const gateway = "gateways." + gatewayName + "."
	return map[string]any{
		"database.dsn": dsn, gateway + "type": kind, gateway + "url": url, gateway + "token": "demo",
		gateway + "key_life": "24h", gateway + "timeout": "1s", gateway + "backoff": "20ms", "reconcile.parallelism": "40",
		"billing.network_rules": "false", // a network's wait may be longer than the demo's five days
		"run.lease":             "7500ms", "run.heartbeat": "500ms", "run.drain": "5s", "run.witness": filepath.Join(dir, "witness"),
		"log.level": "error",
	}
}

// configure reads the demo's configuration.
func (e *environment) configure() (*config.Config, error) {
	c, err := config.Load(config.Options{NoFile: true, Flags: e.settings})
	if err != nil {
		return nil, exit.Failed(err)
	}
	return c, nil
}

// variables are the demo's configuration as environment variables, sorted.
func (e *environment) variables() []string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(e.settings)) {
		list = append(list, fmt.Sprintf("DULY_%s=%v", strings.ToUpper(strings.ReplaceAll(key, ".", "_")), e.settings[key]))
	}
	return list
}

// Surroundings are the variables of env that say nothing of a configuration: neither duly's nor OpenTelemetry's.
func Surroundings(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(variable string) bool {
		return strings.HasPrefix(variable, "DULY_") && !strings.HasPrefix(variable, "DULY_TEST_") || strings.HasPrefix(variable, "OTEL_")
	})
}

// envFile is the file, in the demo's folder, that makes a shell work on the demo.
const envFile = "env"

// writeEnvFile writes the file for those who look into a demo that is kept. It leaves the folder of the shell, which may have a
// duly.yaml, and drops every other variable of duly, so that no command reaches another database or another Slack channel.
func (e *environment) writeEnvFile(program string) (path string, err error) {
	var b strings.Builder
	b.WriteString("# Makes this shell work on the demo: . " + envFile + "\n")
	b.WriteString(`for duly_variable in $(env | sed -n 's/^\(DULY_[A-Z0-9_]*\)=.*/\1/p'); do` + "\n")
	b.WriteString(`	case $duly_variable in DULY_TEST_*) ;; *) unset "$duly_variable" ;; esac` + "\ndone\nunset duly_variable\n")
	for _, variable := range e.variables() {
		name, value, _ := strings.Cut(variable, "=")
		if name != "DULY_LOG_LEVEL" {
			fmt.Fprintf(&b, "export %s=%s\n", name, quoted(value))
		}
	}
	fmt.Fprintf(&b, "export PATH=%s:\"$PATH\"\n", quoted(filepath.Dir(program)))
	fmt.Fprintf(&b, "cd %s || return\n", quoted(e.dir))
	path = filepath.Join(e.dir, envFile)
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		return "", exit.Failed(fmt.Errorf("write the demo's environment: %w", err))
	}
	return path, nil
}

// quoted is a word of the shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// end stops what was started and removes the folder.
func (e *environment) end(ctx context.Context) error {
	if e.sim != nil {
		e.sim.Close()
		_ = e.http.Close() // nobody asks any more
	}
	if e.db != nil {
		_ = e.db.Close() // nothing is in flight any more
	}
	if e.printed != nil {
		_ = e.printed.Close() // it is removed with the folder
	}
	var err error
	if e.server != nil {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		err = e.server.Stop(stop)
	}
	if e.dir == "" {
		return err
	}
	return errors.Join(err, os.RemoveAll(e.dir))
}
