package main

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

// logs is where a run's log lines go.
type logs struct {
	*slog.Logger

	screen *logScreen
	level  *slog.LevelVar // of the screen
	file   io.WriteCloser
	errors errorLines
	run    atomic.Uint64 // that the lines are of; 0: none yet
}

func (l *logs) close() {
	if l.file != nil {
		_ = l.file.Close() // the lines were written one by one; there is nobody left to tell
	}
}

// quiet leaves what a screen of progress says anyway out of standard error: lines of level info. The file of log.file has them.
func (l *logs) quiet() {
	if l.level.Level() == slog.LevelInfo {
		l.level.Set(slog.LevelWarn)
	}
}

// logger writes to standard error (text on a terminal, else JSON, unless log.format says otherwise) and, if
// log.file is set, to that file too.
func (s *Session) logger(c *config.Config) (*logs, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		return nil, fmt.Errorf("log.level: %w", err)
	}
	l := &logs{screen: &logScreen{to: s.Screen.err}, level: &slog.LevelVar{}}
	l.level.Set(level)
	format := c.Log.Format
	if format == "auto" && s.Screen.terminal(s.Screen.err) {
		format = "text"
	}
	handlers := []slog.Handler{handler(l.screen, format, l.level)}
	if c.Log.File != "" {
		file := &logfile.File{Path: c.Log.File, MaxBytes: logBytes, Keep: logKept, Now: s.now}
		if err := file.Check(); err != nil {
			return nil, fmt.Errorf("log.file: %w: name a file that this user can write", err)
		}
		l.file = watchedFile{file, s.logLost, l.screen}
		handlers = append(handlers, handler(l.file, c.Log.Format, level))
	}
	lines := identified{next: slog.NewMultiHandler(handlers...), run: &l.run}
	l.Logger = slog.New(s.redactor(c).Handler(l.errors.count(lines)))
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

func (s *logScreen) put(above func(line string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.above = above
}

// problem is an error as a log attribute.
func problem(err error) slog.Attr { return slog.Any("error", err) }
