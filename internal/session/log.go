package session

import (
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"duly/config"
	"duly/internal/logfile"
	"duly/internal/text"
)

// How a log file is rotated.
const (
	logBytes = 12 << 20
	logKept  = 30 * 24 * time.Hour
)

// Logs is where a run's log lines go.
type Logs struct {
	*slog.Logger

	Screen *logScreen
	level  *slog.LevelVar // of the screen
	file   io.WriteCloser
	Errors ErrorLines
	Run    atomic.Uint64 // that the lines are of; 0: none yet
}

// Close closes the file of log.file.
func (l *Logs) Close() {
	if l.file != nil {
		_ = l.file.Close() // the lines were written one by one; there is nobody left to tell
	}
}

// Quiet leaves what a screen of progress says anyway out of standard error: lines of level info. The file of log.file has them.
func (l *Logs) Quiet() {
	if l.level.Level() == slog.LevelInfo {
		l.level.Set(slog.LevelWarn)
	}
}

// Logger writes to standard error (text on a terminal, else JSON, unless log.format says otherwise) and, if
// log.file is set, to that file too.
func (s *Session) Logger(c *config.Config) (*Logs, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		return nil, fmt.Errorf("log.level: %w", err)
	}
	l := &Logs{Screen: &logScreen{to: s.Screen.Err}, level: &slog.LevelVar{}}
	l.level.Set(level)
	format := c.Log.Format
	if format == "auto" && s.Screen.Terminal(s.Screen.Err) {
		format = "text"
	}
	handlers := []slog.Handler{handler(l.Screen, format, l.level)}
	if c.Log.File != "" {
		file := &logfile.File{Path: c.Log.File, MaxBytes: logBytes, Keep: logKept, Now: s.Now}
		if err := file.Check(); err != nil {
			return nil, fmt.Errorf("log.file: %w: name a file that this user can write", err)
		}
		l.file = watchedFile{file, s.LogLost, l.Screen}
		handlers = append(handlers, handler(l.file, c.Log.Format, level))
	}
	lines := identified{next: slog.NewMultiHandler(handlers...), run: &l.Run}
	l.Logger = slog.New(s.Redactor(c).Handler(l.Errors.count(lines)))
	return l, nil
}

func handler(w io.Writer, format string, level slog.Leveler) slog.Handler {
	options := &slog.HandlerOptions{Level: level}
	if format == "text" {
		return slog.NewTextHandler(w, options) // which quotes what is not printable
	}
	return slog.NewJSONHandler(text.JSONWriter(w), options)
}

// logScreen is standard error, where progress lines may be drawn at the moment: then log lines go above them. It is
// safe for concurrent use.
type logScreen struct {
	mu    sync.Mutex
	to    io.Writer
	above func(line string)
}

// Write implements io.Writer.
func (s *logScreen) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.above == nil {
		return s.to.Write(line)
	}
	s.above(string(line))
	return len(line), nil
}

func (s *logScreen) Put(above func(line string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.above = above
}

// Problem is an error as a log attribute.
func Problem(err error) slog.Attr { return slog.Any("error", err) }
