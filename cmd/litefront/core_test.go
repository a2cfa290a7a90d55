package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"litefront/searchcore/surrogate"
	"litefront/searchcore/trial"
)

// testEdge names the guest's file for the program that a test starts.
const testEdge = "LITEFRONT_TEST_EDGE"

func init() {
	if file, ok := os.LookupEnv(testEdge); ok {
		edgeGuest = func() ([]byte, error) { return os.ReadFile(file) }
	}
}

// wasmSandbox is a sandbox with the guest. Compiling it takes a second, once for
// each sandbox.
func wasmSandbox(t testing.TB) sandbox {
	t.Helper()
	if testing.Short() {
		t.Skip("compiles a guest")
	}
	s := newSandbox(t)
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", s.path("edge.wasm"), "litefront/wasm/edge")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Setenv(testEdge, s.path("edge.wasm"))
	return s
}

func wasm(args ...string) []string { return quick(append(args, "--core", "wasm")...) }

func asked(list []trial.Event) (ids []string) {
	for _, e := range list {
		if e.Kind == trial.KindAsked {
			ids = append(ids, e.Asked.Arch.ID())
		}
	}
	return ids
}

func TestCore(t *testing.T) {
	s := wasmSandbox(t)
	t.Run("same output", func(t *testing.T) {
		var lists [][]trial.Event
		for _, core := range []string{"native", "wasm"} {
			lists = append(lists, events(t, strings.NewReader(s.must(quick("--budget", "13", "--json", "--overlay", "tiny.json", "--core", core)...))))
		}
		// What follows the design depends on what was measured.
		if native, wasm := asked(lists[0]), asked(lists[1]); len(wasm) < 13 || !slices.Equal(native[:surrogate.Designed], wasm[:surrogate.Designed]) {
			t.Errorf("the native core asks for %v, the guest for %v", native, wasm)
		}
		for _, kind := range []trial.Kind{trial.KindStarted, trial.KindSetting, trial.KindMeasured, trial.KindFailed, trial.KindPredicted, trial.KindProgress, trial.KindDone} {
			if native, wasm := count(lists[0], kind), count(lists[1], kind); native != wasm {
				t.Errorf("the native core tells %d events %q, the guest %d", native, kind, wasm)
			} else if kind == trial.KindPredicted && wasm == 0 {
				t.Error("no frontier is predicted")
			}
		}
	})
	t.Run("report", func(t *testing.T) {
		table := s.must(wasm("--budget", "3", "--overlay", "tiny.json", "--out", "results")...)
		if !strings.Contains(table, "MiB") || !strings.Contains(table, "reference") {
			t.Errorf("the table is:\n%s", table)
		}
		if _, err := os.Stat(s.path("results/frontier.svg")); err != nil {
			t.Error(err)
		}
	})
	t.Run("seeds", func(t *testing.T) {
		if out := s.must(wasm("--budget", "2", "--seeds", "1..2")...); !strings.Contains(out, "median") {
			t.Errorf("no comparison of the seeds:\n%s", out)
		}
	})
	t.Run("interchangeable", func(t *testing.T) {
		var ids []string
		for i, core := range []string{"wasm", "native", "wasm"} {
			list := events(t, strings.NewReader(s.must(quick("--budget", fmt.Sprint(3*i+3), "--study", "s.journal", "--json", "--core", core)...)))
			if n := count(list, trial.KindMeasured); n != 3 {
				t.Errorf("session %d measured %d candidates, want 3", i, n)
			}
			ids = append(ids, asked(list)...)
		}
		whole := asked(events(t, strings.NewReader(s.must(quick("--budget", "9", "--json")...))))
		if !slices.Equal(ids, whole) {
			t.Errorf("in three sessions %v were asked for, in one %v", ids, whole)
		}
	})
	t.Run("killed", func(t *testing.T) { killed(t, s) })
	t.Run("errors", func(t *testing.T) {
		s.write("text.wasm", "not a module")
		s.write("notes.txt", "not a journal")
		for _, c := range []struct {
			name, edge string
			args       []string
			want       string
		}{
			{"no such core", s.path("edge.wasm"), quick("--core", "js"), `core "js" must be "native" or "wasm"`},
			{"no guest", s.path("absent.wasm"), wasm(), "absent.wasm"},
			{"not a guest", s.path("text.wasm"), wasm(), "guest: invalid magic number"},
			{"strategy", s.path("edge.wasm"), wasm("--strategy", "luck"), `strategy "luck"`},
			{"strategy, to be kept", s.path("edge.wasm"), wasm("--strategy", "luck", "--study", "x.journal"), `strategy "luck"`},
			{"not a journal", s.path("edge.wasm"), wasm("--study", "notes.txt"), "notes.txt"},
		} {
			t.Run(c.name, func(t *testing.T) {
				t.Setenv(testEdge, c.edge)
				_, stderr, code := s.run(c.args...)
				if code == 0 || strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "litefront: ") || !strings.Contains(stderr, c.want) {
					t.Errorf("exit code %d, stderr:\n%s", code, stderr)
				}
			})
		}
		if _, err := os.Stat(s.path("x.journal")); err == nil {
			t.Error("a refused search left a journal behind")
		}
	})
}

// killed kills searches of the guest at random moments, and resumes each time
// with the other core.
func killed(t *testing.T, s sandbox) {
	r := rand.New(rand.NewPCG(20, 26))
	var announced []int
	for i := range 6 {
		core := []string{"wasm", "native"}[i%2]
		cmd := s.command(quick("--budget", "100000", "--study", "k.journal", "--json", "--core", core)...)
		measured, most := 0, 1+r.IntN(4)
		s.follow(cmd, func(e trial.Event) bool {
			if e.Kind == trial.KindMeasured {
				announced = append(announced, e.Measured.Number)
				if measured++; measured == most {
					time.AfterFunc(time.Duration(r.IntN(30))*time.Millisecond, func() { _ = cmd.Process.Kill() })
				}
			}
			return true
		})
		_ = cmd.Wait() // it was killed
		s.checkJournal("k.journal", announced)
	}
	n := s.checkJournal("k.journal", announced)
	list := events(t, strings.NewReader(s.must(wasm("--budget", fmt.Sprint(n+2), "--study", "k.journal", "--json")...)))
	if got := count(list, trial.KindMeasured); got != 2 {
		t.Errorf("two more candidates were asked for, %d were measured", got)
	}
}
