//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"litefront/searchcore/trial"
)

// TestInterrupt sends what Ctrl-C sends, to the whole process group.
func TestInterrupt(t *testing.T) {
	s := newSandbox(t)
	cmd := s.command(quick("--budget", "10m", "--study", "s.journal", "--json")...)
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
}

// TestEngineDies kills the child that measures: one candidate fails, the search
// goes on.
func TestEngineDies(t *testing.T) {
	if _, err := os.Stat("/proc/self/task"); err != nil {
		t.Skip("needs /proc to find the child")
	}
	s := newSandbox(t)
	cmd := s.command(quick("--budget", "8", "--json")...)
	failed, measured := 0, 0
	var reason string
	s.follow(cmd, func(e trial.Event) bool {
		switch {
		case e.Kind == trial.KindAsked && e.Asked.Number == 3:
			for _, pid := range childrenOf(t, cmd.Process.Pid) {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		case e.Kind == trial.KindFailed:
			failed++
			reason = e.Failed.Reason
		case e.Kind == trial.KindMeasured:
			measured++
		}
		return true
	})
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if failed > 1 || measured+failed != 8 || (failed == 1 && !strings.Contains(reason, "killed")) {
		t.Errorf("%d measured and %d failed with %q, want 8 in all and at most one failure", measured, failed, reason)
	}
}

func childrenOf(t *testing.T, pid int) (children []int) {
	t.Helper()
	out, err := exec.Command("ps", "-o", "pid=", "--ppid", strconv.Itoa(pid)).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range strings.Fields(string(out)) {
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		children = append(children, n)
	}
	return children
}

// TestFullDisk limits how large files may grow, which is what a full disk looks
// like to the journal.
func TestFullDisk(t *testing.T) {
	s := newSandbox(t)
	s.must(quick("--budget", "1")...) // fills the compilation cache
	exe := s.command().Path
	cmd := exec.Command("sh", append([]string{"-c", `ulimit -f 16; exec "$@"`, "sh", exe}, quick("--budget", "1000", "--study", "s.journal", "--json")...)...)
	cmd.Dir, cmd.Env = s.dir, s.command().Env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err == nil {
		t.Fatal("a search on a full disk succeeded")
	}
	if msg := strings.TrimSpace(stderr.String()); strings.Count(msg, "\n") != 0 || !strings.HasPrefix(msg, "litefront: ") || !strings.Contains(msg, "s.journal") {
		t.Errorf("stderr:\n%s", msg)
	}
	var announced []int
	for _, e := range events(t, &stdout) {
		if e.Kind == trial.KindMeasured {
			announced = append(announced, e.Measured.Number)
		}
	}
	if len(announced) == 0 {
		t.Error("nothing was measured before the disk was full")
	}
	s.checkJournal("s.journal", announced)
	// With room again, the study goes on.
	s.must(quick("--budget", strconv.Itoa(len(announced)+1), "--study", "s.journal")...)
}
