//go:build unix

package main

import (
	"bytes"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"litefront/searchcore/trial"
)

// The guest ends its search on what Ctrl-C sends, as the native core does.
func TestCoreInterrupted(t *testing.T) {
	s := wasmSandbox(t)
	cmd := s.command(wasm("--budget", "10m", "--study", "s.journal", "--json")...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var last trial.Event
	measured := 0
	s.follow(cmd, func(e trial.Event) bool {
		if last = e; e.Kind == trial.KindMeasured {
			if measured++; measured == 3 {
				_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
			}
		}
		return true
	})
	if err := cmd.Wait(); err != nil {
		t.Errorf("an interrupted search ended with: %v", err)
	}
	if last.Kind != trial.KindDone || last.Done.Reason != "interrupted" || last.Done.Failed != 0 {
		t.Errorf("the last event is %+v", last)
	}
	if n := s.checkJournal("s.journal", nil); n < 3 {
		t.Errorf("%d measurements are in the journal, 3 were announced", n)
	}

	// A full disk ends it too, and the one line is the journal's.
	exe := s.command().Path
	full := exec.Command("sh", append([]string{"-c", `ulimit -f 16; exec "$@"`, "sh", exe}, wasm("--budget", "1000", "--study", "full.journal", "--json")...)...)
	full.Dir, full.Env = s.dir, s.command().Env
	var stdout, stderr bytes.Buffer
	full.Stdout, full.Stderr = &stdout, &stderr
	if err := full.Run(); err == nil {
		t.Fatal("a search on a full disk succeeded")
	}
	if msg := strings.TrimSpace(stderr.String()); strings.Count(msg, "\n") != 0 || !strings.HasPrefix(msg, "litefront: cannot append to journal") {
		t.Errorf("stderr:\n%s", msg)
	}
	list := events(t, &stdout)
	if n := s.checkJournal("full.journal", nil); n == 0 || n != count(list, trial.KindMeasured) {
		t.Errorf("%d measurements are in the journal, %d were announced", n, count(list, trial.KindMeasured))
	}
}
