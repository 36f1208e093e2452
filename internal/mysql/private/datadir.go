package private

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ensureData fills the data folder on first use. It appears whole or not at
// all: a process killed halfway leaves only a folder that is made anew.
func ensureData(ctx context.Context, program Program, data string) error {
	if _, err := os.Stat(data); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look for the data folder: %w", err)
	}
	return appear(data, func(unfinished string) error {
		template, err := template(ctx, program)
		if err != nil {
			// Without a usable cache folder it only takes longer.
			return program.fill(ctx, unfinished)
		}
		return copyTree(template, unfinished)
	})
}

// template is a data folder that a new server's folder is copied from: a copy
// takes a tenth of a second, filling a folder half a second to three. It is
// kept in the user's cache folder, one a server version.
func template(ctx context.Context, program Program) (string, error) {
	version, err := program.version(ctx)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache folder: %w", err)
	}
	cache = filepath.Join(cache, "duly", "templates")
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	if err := self().holds(cache); err != nil {
		return "", err
	}
	key := sha256.Sum256([]byte(version + "\n" + strings.Join(program.install("."), "\n")))
	path := filepath.Join(cache, hex.EncodeToString(key[:8]))
	err = holding(ctx, path+".lock", func() error {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
		return appear(path, func(unfinished string) error { return program.fill(ctx, unfinished) })
	})
	return path, err
}

// appear makes the folder path by filling another and renaming it. The caller
// sees to it that nobody else does so at the same time.
func appear(path string, fill func(unfinished string) error) error {
	unfinished := path + ".unfinished"
	if err := os.RemoveAll(unfinished); err != nil {
		return fmt.Errorf("remove an unfinished folder: %w", err)
	}
	if err := os.Mkdir(unfinished, 0o700); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	if err := fill(unfinished); err != nil {
		return errors.Join(err, os.RemoveAll(unfinished))
	}
	if err := syncTree(unfinished); err != nil {
		return err
	}
	if err := os.Rename(unfinished, path); err != nil {
		return fmt.Errorf("name the finished folder: %w", err)
	}
	return nil
}

// copyTree copies the files and folders below from into the folder to.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		switch {
		case entry.IsDir():
			return os.MkdirAll(target, 0o700)
		case entry.Type().IsRegular():
			return copyFile(path, target)
		default:
			return nil
		}
	})
}

func copyFile(from, to string) (err error) {
	source, err := os.Open(from) //nolint:gosec // G304: below a folder of ours
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // G304: below a folder of ours
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	_, err = io.Copy(target, source)
	return err
}

// syncTree brings the files below dir to the disk, so that a power cut cannot
// leave a folder that is named as finished and holds empty files.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		file, err := os.Open(path) //nolint:gosec // G304: below a folder of ours
		if err != nil {
			return err
		}
		return errors.Join(file.Sync(), file.Close())
	})
}
