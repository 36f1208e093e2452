// Package wholefile writes files that are whole whenever somebody reads them.
package wholefile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// mostLinks is how many symbolic links are followed from one to the next, as systems do.
const mostLinks = 40

// Write replaces the content of a file atomically: a reader sees the old content or the new one. A new file has the rights
// that the umask leaves, an old one keeps its own. A symbolic link stays, and what it leads to is written; a pipe or a device
// is written to. The error names the file.
func Write(path string, data []byte) error { return writeAs(path, data, nil) }

// WriteMode is [Write], but the file has exactly the rights of mode afterwards, whatever the umask and those of an old file.
func WriteMode(path string, data []byte, mode fs.FileMode) error { return writeAs(path, data, &mode) }

func writeAs(path string, data []byte, mode *fs.FileMode) error {
	target, err := follow(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	info, err := os.Stat(target)
	switch {
	case err == nil && !info.Mode().IsRegular():
		err = writeInto(target, data)
	case mode != nil && (err == nil || errors.Is(err, fs.ErrNotExist)):
		err = replace(target, data, *mode, true)
	case err == nil:
		err = replace(target, data, info.Mode().Perm(), true)
	case errors.Is(err, fs.ErrNotExist):
		err = replace(target, data, 0o666, false)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, named(err))
	}
	return nil
}

// Check returns the error that [Write] would return for the folder or the device that path leads to. It leaves the file as it is. A
// pipe is not opened: that would wait for its reader.
func Check(path string) error {
	target, err := follow(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	info, err := os.Stat(target)
	switch {
	case err == nil && info.Mode()&fs.ModeNamedPipe != 0:
		return nil
	case err == nil && !info.Mode().IsRegular():
		var f *os.File
		if f, err = os.OpenFile(target, os.O_WRONLY, 0); err == nil { //nolint:gosec // G304: the operator names the file
			err = f.Close()
		}
	case err == nil || errors.Is(err, fs.ErrNotExist):
		err = tryBeside(target)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, named(err))
	}
	return nil
}

// tryBeside makes an empty file in the folder of a file, and removes it.
func tryBeside(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// follow is the file that path leads to, which may not be there yet.
func follow(path string) (string, error) {
	for range mostLinks {
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode()&fs.ModeSymlink == 0 {
			return path, nil
		}
		if err != nil {
			return "", named(err)
		}
		link, err := os.Readlink(path)
		if err != nil {
			return "", named(err)
		}
		if !filepath.IsAbs(link) {
			link = filepath.Join(filepath.Dir(path), link)
		}
		path = link
	}
	return "", errors.New("its symbolic links lead nowhere")
}

// replace writes another file in the same folder and renames it.
func replace(path string, data []byte, mode fs.FileMode, exact bool) (err error) {
	part := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+strings.ToLower(rand.Text()[:8]))
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode) //nolint:gosec // G304: the operator names the folder
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(part) // the error says what went wrong
		}
	}()
	_, err = f.Write(data)
	if exact {
		err = errors.Join(err, f.Chmod(mode))
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(part, path)
}

func writeInto(device string, data []byte) error {
	f, err := os.OpenFile(device, os.O_WRONLY, 0) //nolint:gosec // G304: the operator names the file
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// named is the reason alone of an error that repeats a file's name, which may be that of the unfinished file.
func named(err error) error {
	if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
		return wrapped.Err
	}
	if wrapped, ok := errors.AsType[*os.LinkError](err); ok {
		return wrapped.Err
	}
	return err
}
