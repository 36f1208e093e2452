package testdb

import (
	"bytes"
	"encoding/binary"
)

// A statement is a packet with this byte before its text.
const textCommand = 0x03

// fault is an error that statements are answered with.
type fault struct {
	piece []byte // of the statements; COMMIT: that statement alone
	times int    // how many are left; negative: all of them
	error []byte // the packet
}

// Fail answers the next statements that hold a piece with an error of the server's, so many times, or for ever if times is negative.
// They never reach the server; of a COMMIT the server is told ROLLBACK.
func (p *Proxy) Fail(piece string, times int, number uint16, state, message string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, &fault{[]byte(piece), times, errorPacket(number, state, message)})
}

// Mend ends every Fail and BeforeEach.
func (p *Proxy) Mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults, p.before = nil, nil
}

// BeforeEach runs a statement before each transaction, on its connection, as a proxy does that hands it on to a session of
// somebody else's.
func (p *Proxy) BeforeEach(statement string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.before = commandPacket(statement)
}

// DieAt lets the nth statement from now on through and then breaks every connection for good, as a process that is killed does: the
// server carries it out, and nobody hears of it.
func (p *Proxy) DieAt(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dies, p.refuses = n, false
}

// last counts a statement, and reports whether it is the last one.
func (p *Proxy) last() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dies == 0 {
		return false
	}
	p.dies--
	return p.dies == 0
}

// meddle does to a statement what it is told; false: it is not for the server.
func (p *Proxy) meddle(l *link, packet []byte) ([]byte, bool) {
	if len(packet) <= packetHeader || packet[packetHeader] != textCommand {
		return packet, true
	}
	text := packet[packetHeader+1:]
	if p.last() {
		_, _ = l.server.Write(p.rewritten(packet)) // a server that is gone has nothing to do
		p.Refuse()
		return nil, false
	}
	if f := p.takeFault(text, isCommit(packet)); f != nil {
		if !isCommit(packet) {
			_, _ = l.client.Write(f.error) // a client that is gone ends the link
			return nil, false
		}
		l.setInstead(func([]byte) []byte { return f.error })
		return commandPacket("ROLLBACK"), true
	}
	if before := p.injected(); before != nil && bytes.HasPrefix(text, []byte("START TRANSACTION")) {
		done := make(chan struct{})
		l.setInstead(func([]byte) []byte {
			close(done)
			return nil
		})
		if _, err := l.server.Write(before); err != nil {
			return packet, true
		}
		<-done
	}
	return packet, true
}

func (p *Proxy) takeFault(text []byte, commit bool) *fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.faults {
		fits := bytes.Contains(text, f.piece)
		if string(f.piece) == "COMMIT" {
			fits = commit
		}
		if f.times != 0 && fits {
			f.times--
			return f
		}
	}
	return nil
}

func (p *Proxy) injected() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.before
}

func (l *link) setInstead(change func([]byte) []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.instead = change
}

func (l *link) takeInstead() func([]byte) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	change := l.instead
	l.instead = nil
	return change
}

// packet is a packet of the protocol with that number in its exchange.
func packet(number byte, payload []byte) []byte {
	header := binary.LittleEndian.AppendUint32(nil, uint32(len(payload)))
	header[3] = number
	return append(header, payload...)
}

func commandPacket(statement string) []byte {
	return packet(0, append([]byte{textCommand}, statement...))
}

// errorPacket is the answer to a command that failed.
func errorPacket(number uint16, state, message string) []byte {
	payload := binary.LittleEndian.AppendUint16([]byte{0xff}, number)
	return packet(1, append(append(payload, '#'), state+message...))
}
