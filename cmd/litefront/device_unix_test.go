//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// fleet starts a fleet on a free port. Its standard output is whole once it has ended.
func (s sandbox) fleet(args ...string) (cmd *exec.Cmd, invitation string, stdout *bytes.Buffer) {
	s.t.Helper()
	cmd = s.fleetCommand(append([]string{"--listen", "127.0.0.1:0"}, args...)...)
	stdout = &bytes.Buffer{}
	cmd.Stdout = stdout
	pipe, err := cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(pipe)
	for lines.Scan() {
		if _, url, ok := strings.Cut(lines.Text(), " may join by "); ok {
			go func() { _, _ = io.Copy(io.Discard, pipe) }()
			return cmd, url, stdout
		}
	}
	s.t.Fatalf("the fleet ended without an invitation: %v", cmd.Wait())
	return nil, "", nil
}

func (s sandbox) fleetCommand(args ...string) *exec.Cmd { return s.command(s.fleetArgs(args...)...) }

func (s sandbox) fleetArgs(args ...string) []string {
	return append([]string{"fleet", "--space", "tiny.toml", "--prompt", "32", "--context", "48", "--trial-time", "20ms", "--protocol", "lts",
		"--strategy", "random", "--store", "store.db"}, args...)
}

// TestDevice has a fleet's study done by a device in a process of its own, which then
// ends as a service does.
func TestDevice(t *testing.T) {
	s := newSandbox(t)
	fleet, invitation, frontier := s.fleet("--budget", "6", "--end-after", "1")
	device := s.command("device", "--join", invitation, "--state", "one", "--name", "board", "--json")
	var log bytes.Buffer
	device.Stdout, device.Stderr = &log, &log
	if err := device.Start(); err != nil {
		t.Fatal(err)
	}
	if err := fleet.Wait(); err != nil {
		_ = device.Process.Kill()
		_ = device.Wait()
		t.Fatalf("the fleet ended with %v; its device said:\n%s", err, &log)
	}
	if err := device.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := device.Wait(); err != nil {
		t.Errorf("the device ended with %v", err)
	}
	measured := 0
	for line := range strings.Lines(log.String()) {
		var entry struct {
			Msg     string  `json:"msg"`
			Trial   int     `json:"trial"`
			Prefill float64 `json:"prefill_ms"`
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Errorf("%q is not JSON: %v", line, err)
		}
		if entry.Msg == "measured" {
			if measured++; entry.Trial < 1 || entry.Prefill <= 0 {
				t.Errorf("line %s", line)
			}
		}
	}
	if measured < 6 || !strings.Contains(frontier.String(), "decode") || !strings.Contains(frontier.String(), "gpt2 L") {
		t.Errorf("%d measurements; the fleet printed:\n%s\nand the device:\n%s", measured, frontier, &log)
	}
	files, err := filepath.Glob(s.path("one/*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the device keeps %v, %v", files, err)
	}
	kept, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var secret struct {
		Seed string `json:"seed"`
	}
	if err := json.Unmarshal(kept, &secret); err != nil || secret.Seed == "" || strings.Contains(log.String(), secret.Seed) || strings.Contains(log.String(), invitation) {
		t.Errorf("the device told its secrets, or has none: %v", err)
	}
	if out := s.must("devices", "--store", "store.db"); !strings.Contains(out, "board") {
		t.Errorf("the store knows of\n%s", out)
	}

	// Another host of the study has nothing to do, and says so.
	_, table, _ := strings.Cut(frontier.String(), "study ")
	stdout, stderr, code := s.run(s.fleetArgs("--listen", "127.0.0.1:0", "--budget", "6", "--end-after", "1")...)
	if code != 0 || stdout != "study "+table || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "the budget of 6 is spent on class ") {
		t.Errorf("a fleet whose budget is spent exited with %d:\n%s\n%s\nwant the frontier of the first:\n%s", code, stdout, stderr, frontier)
	}
	if out := s.must(s.fleetArgs("--listen", "127.0.0.1:0", "--budget", "6", "--end-after", "1", "--json")...); strings.Count(out, `"kind":"done"`) != 1 {
		t.Errorf("as JSON it says\n%s", out)
	}
	// A constraint that is none leaves the study as it was.
	if _, stderr, code := s.run(s.fleetArgs("--listen", "127.0.0.1:0", "--budget", "6", "--end-after", "1", "--constraint", "peak<=1")...); code != 1 || !strings.Contains(stderr, `"peak" is unknown`) {
		t.Errorf("a constraint that is none: %d, %s", code, stderr)
	}
	// What it found can be judged anew all the same, and once more.
	if out := s.must(s.fleetArgs("--listen", "127.0.0.1:0", "--budget", "6", "--end-after", "1", "--constraint", "peak_mb<=0.001")...); !strings.Contains(out, ": 0 on the frontier") {
		t.Errorf("under a constraint that nothing keeps the fleet prints\n%s", out)
	}
	if out := s.must(s.fleetArgs("--listen", "127.0.0.1:0", "--budget", "6", "--end-after", "1", "--constraint", "none")...); out != "study "+table {
		t.Errorf("without constraints again the fleet prints\n%s", out)
	}
	// Its classes keep their names on the way to another store.
	s.must("store", "export", "out", "--store", "store.db")
	class, _, _ := strings.Cut(table[strings.Index(table, " on ")+4:], ":")
	if out := s.must("store", "import", "out/"+regexp.MustCompile("[^a-z0-9.-]").ReplaceAllString("fleet-"+class, "_")+".jsonl", "--store", "other.db"); !strings.Contains(out, fmt.Sprintf("class %q", class)) {
		t.Errorf("of class %s is imported\n%s", class, out)
	}
	if _, _, code := s.run("store", "import", "absent.jsonl", "--store", "none.db"); code != 1 {
		t.Errorf("an import of nothing exits with %d", code)
	}
	if left, err := filepath.Glob(s.path("none.db*")); len(left) != 0 || err != nil {
		t.Errorf("an import of nothing leaves %q, %v", left, err)
	}
}

// TestDeviceRefused has a fleet refuse a device, which says why.
func TestDeviceRefused(t *testing.T) {
	s := newSandbox(t)
	fleet, invitation, _ := s.fleet("--budget", "6")
	address, _, _ := strings.Cut(invitation, "#")
	for url, want := range map[string]string{address: "needs an invitation", address + "#join=WRONG": "this invitation was used already"} {
		_, stderr, code := s.run("device", "--join", url, "--state", "other")
		if code != 1 || !strings.HasPrefix(stderr, "litefront: ") || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("exit code %d, stderr:\n%s", code, stderr)
		}
	}
	if err := fleet.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := fleet.Wait(); err != nil {
		t.Error(err)
	}
}
