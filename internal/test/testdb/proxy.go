package testdb

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"
)

// Proxy stands between a program and its database and breaks connections at
// chosen moments. Its methods may be called concurrently.
type Proxy struct {
	// DSN reaches the database through the proxy.
	DSN string

	network, address string // of the server
	listener         net.Listener
	work             sync.WaitGroup

	mu      sync.Mutex
	links   map[*link]struct{}
	refuses bool
	loss    *loss // the COMMIT to come that is lost
	rewrite [][2][]byte
	faults  []*fault
	dies    int    // after so many statements; 0: it does not
	before  []byte // a statement that is run before each transaction
}

// loss says what becomes of a COMMIT.
type loss struct {
	answerOnly bool // it reaches the server, which commits
	done       chan struct{}
}

// NewProxy starts a proxy in front of the database that dsn names; it ends
// after the test. The connections through it must not be encrypted.
func NewProxy(t testing.TB, dsn string) *Proxy {
	t.Helper()
	config, err := mysql.ParseDSN(dsn)
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "duly-proxy-") //nolint:usetesting // t.TempDir is too long for a socket
	require.NoError(t, err)
	socket := filepath.Join(dir, "mysql.sock")
	listener, err := new(net.ListenConfig).Listen(t.Context(), "unix", socket)
	require.NoError(t, err)

	p := &Proxy{network: config.Net, address: config.Addr, listener: listener, links: map[*link]struct{}{}}
	config.Net, config.Addr = "unix", socket
	p.DSN = config.FormatDSN()
	p.work.Go(p.accept)
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Errorf("close the proxy: %v", err)
		}
		p.Cut()
		p.work.Wait()
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove the proxy's folder: %v", err)
		}
	})
	return p
}

// Cut breaks every connection that is open now.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.cut()
	}
}

// Refuse breaks every connection, and each new one at once, until Admit.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	p.refuses = true
	p.mu.Unlock()
	p.Cut()
}

// Admit lets new connections through again.
func (p *Proxy) Admit() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses = false
}

// Switch breaks every connection and takes new ones to the server that dsn names, as an address does that moves in a
// fail-over.
func (p *Proxy) Switch(t testing.TB, dsn string) {
	t.Helper()
	config, err := mysql.ParseDSN(dsn)
	require.NoError(t, err)
	p.mu.Lock()
	p.network, p.address = config.Net, config.Addr
	p.mu.Unlock()
	p.Cut()
}

// server is where connections go now.
func (p *Proxy) server() (network, address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.network, p.address
}

// LoseCommit breaks the connection on which the next COMMIT is sent, before
// the server has it. The channel is closed when that has happened.
func (p *Proxy) LoseCommit() <-chan struct{} { return p.lose(false) }

// LoseCommitAnswer lets the next COMMIT through and breaks the connection
// before the server's answer passes: the transaction is committed and the
// program cannot know. The channel is closed when that has happened.
func (p *Proxy) LoseCommitAnswer() <-chan struct{} { return p.lose(true) }

func (p *Proxy) lose(answerOnly bool) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loss = &loss{answerOnly: answerOnly, done: make(chan struct{})}
	return p.loss.done
}

// Rewrite replaces a piece of every statement by another one of the same length, to make the server behave like
// one that does not know the first.
func (p *Proxy) Rewrite(t testing.TB, piece, by string) {
	t.Helper()
	require.Len(t, by, len(piece))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rewrite = append(p.rewrite, [2][]byte{[]byte(piece), []byte(by)})
}

func (p *Proxy) rewritten(packet []byte) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.rewrite {
		packet = bytes.ReplaceAll(packet, r[0], r[1])
	}
	return packet
}

// takeLoss returns the loss that waits for a COMMIT, once.
func (p *Proxy) takeLoss() *loss {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := p.loss
	p.loss = nil
	return taken
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed by the test's end
		}
		p.work.Go(func() { p.serve(client) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	network, address := p.server()
	server, err := new(net.Dialer).DialContext(context.Background(), network, address)
	if err != nil {
		return // the client sees a broken connection, as without a proxy
	}
	defer func() { _ = server.Close() }()
	l := &link{client: client, server: server}
	if !p.add(l) {
		return
	}
	defer p.remove(l)
	if _, now := p.server(); now != address {
		return // it moved meanwhile
	}
	var answers sync.WaitGroup
	answers.Go(func() {
		l.forwardAnswers()
		l.cut()
		if change := l.takeInstead(); change != nil { // somebody waits for the answer
			change(nil)
		}
	})
	l.forwardCommands(p)
	l.cut()
	answers.Wait()
}

func (p *Proxy) add(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuses {
		return false
	}
	p.links[l] = struct{}{}
	return true
}

func (p *Proxy) remove(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

// link is one connection through the proxy.
type link struct {
	client, server net.Conn

	mu       sync.Mutex
	swallows *loss                      // the next answer is kept from the client
	instead  func(answer []byte) []byte // makes another answer of the next one; nil: it passes
}

// cut breaks the connection on both sides.
func (l *link) cut() {
	// Closing twice is harmless: the first time is what counts.
	_ = l.client.Close()
	_ = l.server.Close()
}

// forwardAnswers passes on what the server sends, until one is to be swallowed.
func (l *link) forwardAnswers() {
	buffer := make([]byte, 64<<10)
	for {
		n, err := l.server.Read(buffer)
		if swallowed := l.swallowed(); swallowed != nil && n > 0 {
			l.cut()
			close(swallowed.done)
			return
		}
		answer := buffer[:n]
		if change := l.takeInstead(); change != nil && n > 0 {
			answer = change(answer)
		}
		if _, writeErr := l.client.Write(answer); err != nil || writeErr != nil {
			return
		}
	}
}

func (l *link) swallowed() *loss {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.swallows
}

// forwardCommands passes on what the client sends, packet by packet, rewritten,
// and gives a COMMIT the loss that waits for one.
func (l *link) forwardCommands(p *Proxy) {
	for {
		packet, err := readPacket(l.client)
		if err != nil {
			return
		}
		if isCommit(packet) {
			lost := p.takeLoss()
			if lost != nil && !lost.answerOnly {
				l.cut()
				close(lost.done)
				return
			}
			l.mu.Lock()
			l.swallows = lost
			l.mu.Unlock()
		}
		packet, ok := p.meddle(l, packet)
		if !ok {
			continue
		}
		if _, err := l.server.Write(p.rewritten(packet)); err != nil {
			return
		}
	}
}

// A packet of the protocol is three bytes of length, one that counts the
// packets of an exchange from 0, and the payload.
const packetHeader = 4

// readPacket reads one packet, header and all.
func readPacket(from io.Reader) ([]byte, error) {
	header := make([]byte, packetHeader)
	if _, err := io.ReadFull(from, header); err != nil {
		return nil, fmt.Errorf("read a packet's header: %w", err)
	}
	length := binary.LittleEndian.Uint32([]byte{header[0], header[1], header[2], 0})
	packet := append(header, make([]byte, length)...)
	if _, err := io.ReadFull(from, packet[packetHeader:]); err != nil {
		return nil, fmt.Errorf("read a packet: %w", errors.Join(err, io.ErrUnexpectedEOF))
	}
	return packet, nil
}

// isCommit says whether the packet is the text command COMMIT.
func isCommit(packet []byte) bool {
	if len(packet) <= packetHeader || packet[3] != 0 || packet[packetHeader] != textCommand {
		return false
	}
	return bytes.EqualFold(bytes.TrimSpace(packet[packetHeader+1:]), []byte("COMMIT"))
}
