package private

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// processes lists this user's processes.
func processes(context.Context) ([]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("read the process table: %w", err)
	}
	user := os.Geteuid()
	var list []process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		// A process may end between two steps of this loop: it is no more, then.
		info, err := entry.Info()
		if err != nil {
			continue
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != user {
			continue
		}
		line, err := os.ReadFile("/proc/" + entry.Name() + "/cmdline")
		if err != nil || len(line) == 0 {
			continue
		}
		list = append(list, process{pid: pid, command: strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " "))})
	}
	return list, nil
}

// childAttributes put the server into a process group of its own, so that an
// interrupt from the terminal reaches only its starter, who ends it in order.
func childAttributes(tied bool) *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Setpgid: true}
	if tied {
		attributes.Pdeathsig = syscall.SIGTERM
	}
	return attributes
}
