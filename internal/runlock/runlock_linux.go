package runlock

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

const (
	bootFile = "/proc/sys/kernel/random/boot_id"
	// tmpfs is what statfs calls a file system in memory (TMPFS_MAGIC).
	tmpfs = 0x01021994
	// format begins every file. Another version of it is not read, and so proves nothing.
	format = "duly run lock 1"
	// mostText is longer than any file of this package.
	mostText = 1024
	// young files may be of a run that is about to lock them.
	young = time.Minute
	// old files are removed whichever database they are of: hardly any lease is that long, and without its file it is waited for.
	old = 24 * time.Hour

	begins, ends = "duly-", ".lock" // the names of files
)

var bootID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// Host is where the runs of one database keep their locks on this host. A nil one takes no lock and proves nothing. Its methods are safe
// for concurrent use.
type Host struct {
	boot   string
	dirs   []string
	prefix string // of the files of this database, as its address is written here
	now    func() time.Time
}

// Open finds the folders for locks of a database, which is named by its address. Another spelling of the address makes other names of files,
// which are found all the same. dir is the one that was configured: "" stands for the
// usual ones of this host, of which those that do not fit are passed over. It is nil with an error if there is none.
func Open(dir, database string, getenv func(string) string, now func() time.Time) (*Host, error) {
	boot, err := os.ReadFile(bootFile)
	if err != nil {
		return nil, fmt.Errorf("read the boot id of this host: %w", err)
	}
	sum := sha256.Sum256([]byte(database))
	h := &Host{boot: string(bytes.TrimSpace(boot)), prefix: begins + hex.EncodeToString(sum[:6]) + "-", now: now}
	if !bootID.MatchString(h.boot) {
		return nil, fmt.Errorf("the boot id of this host is none: %.40q", h.boot)
	}
	if dir != "" {
		h.dirs = []string{dir}
		if err := suitable(dir); err != nil {
			return nil, err
		}
		return h, nil
	}
	var why []error
	for _, dir := range usual(getenv) {
		if err := suitable(dir); err != nil {
			why = append(why, err)
			continue
		}
		h.dirs = append(h.dirs, dir)
	}
	if len(h.dirs) == 0 {
		return nil, errors.Join(why...)
	}
	return h, nil
}

// usual lists folders that are commonly on tmpfs, those of duly's own first.
func usual(getenv func(string) string) []string {
	var dirs []string
	if own, _, _ := strings.Cut(getenv("RUNTIME_DIRECTORY"), ":"); filepath.IsAbs(own) {
		dirs = append(dirs, own)
	}
	dirs = append(dirs, "/run/duly")
	if user := getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(user) {
		dirs = append(dirs, user)
	}
	return append(dirs, "/dev/shm")
}

// suitable is nil for a folder on tmpfs in which nobody but root and this user can put another file in the place of one of ours.
func suitable(dir string) error {
	f, err := os.Open(dir) //nolint:gosec // G304: the operator's folder, or one of the host's
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is no folder", dir)
	case !inMemory(f):
		return fmt.Errorf("%s is not on tmpfs", dir)
	case !ok || owner.Uid != 0 && int(owner.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to somebody else", dir)
	case info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0:
		return fmt.Errorf("%s can be changed by others, who could replace a lock", dir)
	}
	return nil
}

// inMemory reports whether the file system that f is on is a tmpfs: one of this kernel's memory, whose locks no other kernel has a part in.
func inMemory(f *os.File) bool {
	var found syscall.Statfs_t
	return syscall.Fstatfs(int(f.Fd()), &found) == nil && int64(found.Type) == tmpfs //nolint:unconvert // its width differs between platforms
}

// Boot is the id of the kernel's boot; empty for a nil Host.
func (h *Host) Boot() string {
	if h == nil {
		return ""
	}
	return h.boot
}

// name is the file of a run. The token itself is not told to everybody who can list the folder.
func (h *Host) name(token []byte) string { return h.prefix + nameOf(token) }

// nameOf is the part of the name that is the run's alone.
func nameOf(token []byte) string {
	sum := sha256.Sum256(token)
	return hex.EncodeToString(sum[:12]) + ends
}

// named lists the files in a folder that may be of a run, whatever its database is called.
func named(dir string, token []byte) []string {
	return files(dir, "-"+nameOf(token))
}

// files lists the files of this package in a folder whose names end so.
func files(dir, end string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var paths []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), begins) && strings.HasSuffix(e.Name(), end) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths
}

// Lock is held by a run. It is not safe for concurrent use. A nil one is that of a run without a lock.
type Lock struct {
	host  *Host
	file  *os.File
	path  string
	id    string
	token []byte
	last  string // what the database is known to have
}

// Take makes the file of a run, which is named by its token, and locks it. It returns nil for a nil Host.
func (h *Host) Take(token []byte) (*Lock, error) {
	if h == nil {
		return nil, nil //nolint:nilnil // no lock
	}
	var why []error
	for _, dir := range h.dirs {
		l, err := h.lockIn(dir, token)
		if err == nil {
			return l, nil
		}
		why = append(why, err)
	}
	return nil, fmt.Errorf("lock this run's file: %w", errors.Join(why...))
}

func (h *Host) lockIn(dir string, token []byte) (_ *Lock, err error) {
	path := filepath.Join(dir, h.name(token))
	// O_EXCL follows no link either, and os opens with O_CLOEXEC: no child holds the lock.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600) //nolint:gosec // G304: a name of ours
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	if err := flock(f); err != nil {
		return nil, err
	}
	id, err := own(f, path)
	if err != nil {
		return nil, err
	}
	return &Lock{host: h, file: f, path: path, id: id, token: bytes.Clone(token)}, nil
}

// flock locks a file, or fails at once: a lock that somebody has is waited for by nobody.
func flock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// own returns what identifies an open file to this kernel. It is an error unless the file is a plain one of this user's, for this user
// alone, on tmpfs, and still the one that is found at path.
func own(f *os.File, path string) (string, error) {
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok || !info.Mode().IsRegular() || int(stat.Uid) != os.Geteuid() || stat.Nlink != 1 || info.Mode().Perm()&0o077 != 0:
		return "", fmt.Errorf("%s is not a file of this user's alone", path)
	case !inMemory(f):
		return "", fmt.Errorf("%s is not on tmpfs", path)
	}
	there, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	if !os.SameFile(info, there) {
		return "", fmt.Errorf("%s was replaced", path)
	}
	return fmt.Sprintf("%x:%x", stat.Dev, stat.Ino), nil
}

// Next writes a fresh proof to the file, beside the one that the database is known to have, and returns it: what the database is to be
// given with the next heartbeat. It is empty, without an error, for a nil Lock.
func (l *Lock) Next() (string, error) {
	if l == nil {
		return "", nil
	}
	nonce := make([]byte, 16)
	if _, err := rand.Read(nonce); err != nil {
		return "", fmt.Errorf("make a proof: %w", err)
	}
	next := l.id + ":" + hex.EncodeToString(nonce)
	return next, l.write(next)
}

// write writes the file anew, of which no half is ever read: nobody reads it before the process is gone.
func (l *Lock) write(next string) error {
	text := strings.Join([]string{format, l.host.boot, hex.EncodeToString(l.token), l.last, next, ""}, "\n")
	if _, err := l.file.WriteAt([]byte(text), 0); err != nil {
		return err
	}
	return l.file.Truncate(int64(len(text)))
}

// Dir is the folder that the file is in.
func (l *Lock) Dir() string { return filepath.Dir(l.path) }

// Confirm notes that the database has a proof of [Lock.Next].
func (l *Lock) Confirm(proof string) {
	if l != nil {
		l.last = proof
	}
}

// Release gives the lock up. The file stays if the run's end is not in the database: it proves to the next run that this one is over.
func (l *Lock) Release(ended bool) {
	if l == nil {
		return
	}
	if ended {
		remove(l.file, l.path)
	}
	_ = l.file.Close() // which gives the lock up
}

// remove removes the file at path if it is f, which is locked: so nobody else's goes.
func remove(f *os.File, path string) {
	if _, err := own(f, path); err == nil {
		_ = os.Remove(path) // one that stays is removed by a later run
	}
}

// Remains are the file of a process that is gone, locked by the one that has found it, which must call Close or Remove.
type Remains struct {
	file  *os.File
	path  string
	Token []byte // of the run
	boot  string
	id    string
	last  string
	next  string
}

// Close leaves the file as it is.
func (r *Remains) Close() { _ = r.file.Close() }

// Remove removes the file.
func (r *Remains) Remove() {
	remove(r.file, r.path)
	r.Close()
}

// Gone proves that the process of a run is gone, of which the database has a token and the proof of its last heartbeat. It returns nil if
// nothing proves it: the process lives, or it is another host's, another container's, or one of which nothing is known.
func (h *Host) Gone(token []byte, proof string) *Remains {
	if h == nil || proof == "" {
		return nil
	}
	for _, dir := range h.dirs {
		if r := h.proves(filepath.Join(dir, h.name(token)), token, proof); r != nil {
			return r
		}
	}
	for _, dir := range h.dirs { // of a run whose configuration names the database by another address
		for _, path := range named(dir, token) {
			if r := h.proves(path, token, proof); r != nil {
				return r
			}
		}
	}
	return nil
}

// proves is what is left at path of the process of a run, if it proves that the process is gone. The name of a file proves nothing.
func (h *Host) proves(path string, token []byte, proof string) *Remains {
	r := h.find(path)
	if r == nil {
		return nil
	}
	if r.boot == h.boot && bytes.Equal(r.Token, token) && strings.HasPrefix(proof, r.id+":") && (proof == r.last || proof == r.next) {
		return r
	}
	r.Close()
	return nil
}

// find opens and locks the file at path; nil if somebody holds it, or if it is none of this package's.
func (h *Host) find(path string) *Remains {
	// O_NONBLOCK: a pipe that somebody has put there holds nobody up.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0) //nolint:gosec // G304: a name of ours
	if err != nil {
		return nil
	}
	r := &Remains{file: f, path: path}
	if err = flock(f); err == nil {
		if r.id, err = own(f, path); err == nil && r.read() {
			return r
		}
	}
	r.Close()
	return nil
}

func (r *Remains) read() bool {
	text := make([]byte, mostText)
	n, err := r.file.ReadAt(text, 0)
	if n == 0 || n == mostText || err == nil { // it must end before the room does
		return false
	}
	lines := strings.Split(string(text[:n]), "\n")
	if len(lines) != 6 || lines[0] != format || lines[5] != "" {
		return false
	}
	r.boot, r.last, r.next = lines[1], lines[3], lines[4]
	r.Token, err = hex.DecodeString(lines[2])
	return err == nil
}

// Leftovers finds files whose processes are gone: those of this database, and those that nobody has written for a day, whichever database
// they are of. The caller must close or remove each. Files that were written in the last minute are passed over: their run may be about to
// lock them.
func (h *Host) Leftovers() []*Remains {
	if h == nil {
		return nil
	}
	var all []*Remains
	for _, dir := range h.dirs {
		for _, path := range files(dir, ends) {
			least := old
			if strings.HasPrefix(filepath.Base(path), h.prefix) {
				least = young
			}
			info, err := os.Lstat(path)
			if err != nil || h.now().Sub(info.ModTime()) < least {
				continue
			}
			if r := h.find(path); r != nil {
				all = append(all, r)
			}
		}
	}
	return all
}
