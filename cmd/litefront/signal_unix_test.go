//go:build unix

package main

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"litefront/searchcore/trial"
)

// cores are the two that can run a search, each with a sandbox and the arguments
// of a quick one.
var cores = []struct {
	name    string
	sandbox func(testing.TB) sandbox
	search  func(more ...string) []string
}{{"native", newSandbox, quick}, {"wasm", wasmSandbox, wasm}}

// TestInterrupt sends what Ctrl-C sends, to the whole process group.
func TestInterrupt(t *testing.T) {
	for _, c := range cores {
		t.Run(c.name, func(t *testing.T) { interrupt(t, c.sandbox(t), c.search) })
	}
}

func interrupt(t *testing.T, s sandbox, search func(...string) []string) {
	cmd := s.command(search("--budget", "10m", "--study", "s.journal", "--json")...)
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

// TestSustainedInterrupted ends a sustained run as Ctrl-C does: what was taken is
// printed.
func TestSustainedInterrupted(t *testing.T) {
	s := newSandbox(t)
	s.write("other.json", strings.Replace(tinyConfig, `"n_layer":2,"d_model":48,"d_inner":[96,64]`, `"n_layer":1,"d_model":48,"d_inner":96`, 1))
	after := time.Duration(0) // what the first one needs until it tells of its first seconds
	for _, asJSON := range []bool{false, true} {
		args := []string{"measure", "--sustained", "60s", "tiny.json", "other.json", "--trial-time", "50ms"}
		if asJSON {
			args = append(args, "--json")
		}
		cmd := s.command(args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		var stdout bytes.Buffer
		cmd.Stdout = &stdout
		stderr, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		interrupt := func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
		if asJSON {
			time.AfterFunc(min(2*after+5*time.Second, 50*time.Second), interrupt)
		}
		var said []string
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if said = append(said, lines.Text()); after == 0 && strings.HasSuffix(lines.Text(), " s of 60 s") {
				after = time.Since(start)
				interrupt()
			}
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("an interrupted run ended with: %v, %q", err, said)
		}
		if after == 0 {
			t.Fatalf("it never said how far it is: %q", said)
		}
		if !asJSON {
			for _, want := range []string{"tiny.json: ", "other.json: ", "  After ", "speed over time ", "the machine itself", "in arithmetic "} {
				if !strings.Contains(stdout.String(), want) {
					t.Errorf("%q is missing:\n%s", want, stdout.String())
				}
			}
			continue
		}
		list := events(t, &stdout)
		if len(list) != 1 || list[0].Kind != trial.KindSustained || len(list[0].Sustained.Rounds) == 0 || list[0].Sustained.AskedMs != 60e3 ||
			list[0].Sustained.TookMs > 58e3 || len(list[0].Sustained.Archs) != 2 || len(list[0].Sustained.Rounds[0].DecodeMs) != 2 {
			t.Errorf("printed is %+v", list)
		}
	}
}

// TestEngineDies kills the child that measures, or stops it for ever: one
// candidate fails, the search goes on.
func TestEngineDies(t *testing.T) {
	for name, test := range map[string]struct {
		signal syscall.Signal
		args   []string
	}{
		"killed": {syscall.SIGKILL, nil},
		"hangs":  {syscall.SIGSTOP, []string{"--call-limit", "10s"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSandbox(t)
			// Long trials, so that the signal meets the child in the middle of one.
			cmd := s.command(append(quick("--budget", "4", "--json", "--trial-time", "500ms", "--protocol", "litefront"), test.args...)...)
			failed, measured := 0, 0
			var reason string
			sent := make(chan struct{})
			s.follow(cmd, func(e trial.Event) bool {
				switch {
				case e.Kind == trial.KindAsked && e.Asked.Number == 2:
					time.AfterFunc(100*time.Millisecond, func() {
						defer close(sent)
						for _, pid := range childrenOf(t, cmd.Process.Pid) {
							_ = syscall.Kill(pid, test.signal)
						}
					})
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
			select {
			case <-sent:
			case <-time.After(time.Minute):
				t.Fatal("the second candidate was never asked for")
			}
			// The signal may also meet a sentinel, which is then started again.
			if failed > 1 || measured+failed != 4 || failed == 1 && !strings.Contains(reason, "killed") {
				t.Errorf("%d measured and %d failed with %q, want 4 in all and at most one failure", measured, failed, reason)
			}
		})
	}
}

func childrenOf(t *testing.T, pid int) (children []int) {
	t.Helper()
	out, err := exec.Command("ps", "-o", "pid=", "--ppid", strconv.Itoa(pid)).Output()
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && len(out)+len(exit.Stderr) == 0) { // there are none
		t.Error(err)
	}
	for _, field := range strings.Fields(string(out)) {
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Error(err)
			continue
		}
		children = append(children, n)
	}
	return children
}

// TestFullDisk limits how large files may grow, which is what a full disk looks
// like to the journal.
func TestFullDisk(t *testing.T) {
	for _, c := range cores {
		t.Run(c.name, func(t *testing.T) { fullDisk(t, c.sandbox(t), c.search) })
	}
}

func fullDisk(t *testing.T, s sandbox, search func(...string) []string) {
	s.must(search("--budget", "1")...) // fills the compilation cache
	exe := s.command().Path
	cmd := exec.Command("sh", append([]string{"-c", `ulimit -f 16; exec "$@"`, "sh", exe}, search("--budget", "1000", "--study", "s.journal", "--json")...)...)
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
	s.must(search("--budget", strconv.Itoa(len(announced)+1), "--study", "s.journal")...)
}

// TestFullOutput writes Events where there is no room: the search ends at once.
func TestFullOutput(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("needs /dev/full")
	}
	defer full.Close()
	s := newSandbox(t)
	cmd := s.command(quick("--budget", "10m", "--json")...)
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = full, &stderr
	if err := cmd.Run(); err == nil || strings.Count(stderr.String(), "\n") != 1 || !strings.HasPrefix(stderr.String(), "litefront: ") {
		t.Errorf("error %v, stderr:\n%s", err, stderr.String())
	}
}

// TestTerminal runs a search on a terminal, which script(1) provides: there is a
// bar, and the table after it.
func TestTerminal(t *testing.T) {
	if _, err := exec.LookPath("script"); err != nil {
		t.Skip("needs script, of util-linux")
	}
	s := newSandbox(t)
	exe := s.command().Path
	line := "stty cols 120 rows 30; " + exe + " " + strings.Join(quick("--budget", "30s"), " ")
	cmd := exec.Command("script", "-qec", line, s.path("typescript"))
	cmd.Dir, cmd.Env = s.dir, s.command().Env
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	for _, want := range []string{"[=", "a minute, hypervolume", "decoder params"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the terminal does not show %q:\n%s", want, out)
		}
	}
}
