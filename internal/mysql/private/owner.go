package private

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// user is whom folders must belong to.
type user struct{ uid, gid uint32 }

// self is the user of this process.
func self() user {
	return user{uint32(os.Geteuid()), uint32(os.Getegid())} //nolint:gosec // ids of users are not negative here
}

// closed returns an error unless a folder with the server's socket, its data or its temporary files is this user's alone. The
// server asks no password, so that who can enter the folder is its administrator, and who owns it can open it at any time.
func (u user) closed(dir string) error {
	info, owner, err := look(dir)
	switch {
	case err != nil:
		return err
	case owner.uid != u.uid:
		return fmt.Errorf("%s belongs to the user with the id %d, who could enter the database: use a folder of your own", dir, owner.uid)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%s is open to other users: chmod 700 %[1]s", dir)
	}
	return nil
}

// holds returns an error if another user could put a folder of theirs in the place of one in dir.
func (u user) holds(dir string) error {
	info, owner, err := look(dir)
	if err != nil {
		return err
	}
	mode := info.Mode()
	open := mode.Perm()&0o002 != 0 || mode.Perm()&0o020 != 0 && owner.gid != u.gid
	switch {
	case owner.uid != u.uid && owner.uid != 0:
		return fmt.Errorf("%s belongs to the user with the id %d, who could put another database there: use a folder of your own", dir, owner.uid)
	case open && mode&fs.ModeSticky == 0:
		return fmt.Errorf("%s can be written by other users, who could put another database there: chmod go-w %[1]s", dir)
	}
	return nil
}

// look says what stands at dir, and whose it is. What is no folder, such as a link to one, is refused.
func look(dir string) (fs.FileInfo, user, error) {
	info, err := os.Lstat(dir) //nolint:gosec // G703: a folder that the operator names, or one of ours
	if err != nil {
		return nil, user{}, fmt.Errorf("look at the private database's folder: %w", err)
	}
	if !info.IsDir() {
		return nil, user{}, fmt.Errorf("%s is no folder", dir)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil, user{}, fmt.Errorf("the owner of %s cannot be read on this system", dir)
	}
	return info, user{owner.Uid, owner.Gid}, nil
}
