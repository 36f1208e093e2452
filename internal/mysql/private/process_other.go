//go:build !linux

package private

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// processes lists this user's processes.
func processes(ctx context.Context) ([]process, error) {
	out, err := exec.CommandContext(ctx, "ps", "-ww", "-U", strconv.Itoa(os.Geteuid()), "-o", "pid=,command=").Output()
	if err != nil {
		return nil, fmt.Errorf("run ps: %w", err)
	}
	var list []process
	for line := range strings.Lines(string(out)) {
		id, command, _ := strings.Cut(strings.TrimSpace(line), " ")
		pid, err := strconv.Atoi(id)
		if err != nil {
			continue
		}
		list = append(list, process{pid: pid, command: strings.TrimSpace(command)})
	}
	return list, nil
}

// childAttributes put the server into a process group of its own, so that an
// interrupt from the terminal reaches only its starter, who ends it in order.
// There is no way here to tie it to its starter.
func childAttributes(bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
