package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// The crash tests run this test binary again as a child that measures, and end
// it at a chosen or at a random moment. The child's environment says what to do.
const (
	childPath    = "JOURNAL_TEST_PATH"
	childResults = "JOURNAL_TEST_RESULTS" // stop at this many
	childCrash   = "JOURNAL_TEST_CRASH"   // "point:n": end at the n-th time
)

const crashed = 99 // exit status

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		if err := child(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child measures until there are enough results, and prints the number of each
// trial whose result is announced.
func child(path string) error {
	if crash := os.Getenv(childCrash); crash != "" {
		point, n, _ := strings.Cut(crash, ":")
		count, err := strconv.Atoi(n)
		if err != nil {
			return err
		}
		disk = failing(disk, point, count)
	}
	results, err := strconv.Atoi(os.Getenv(childResults))
	if err != nil {
		return err
	}
	st, err := resume(path)
	if err != nil {
		return err
	}
	for st.Progress().Measured < results {
		tr, err := st.Ask()
		if err != nil {
			return err
		}
		if err := st.Tell(tr.Number, tr.Token, measure(tr)); err != nil {
			return err
		}
	}
	return nil
}

// resume opens the study at path, or starts it.
func resume(path string) (*study.Study, error) {
	announce := func(e trial.Event) {
		if e.Kind == trial.KindMeasured {
			fmt.Println(e.Measured.Number)
		}
	}
	j, events, err := Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		j, err = Create(path)
	}
	if err != nil {
		return nil, err
	}
	if len(events) == 0 {
		s := setup()
		s.Strategy = "random"
		return study.New("test", "v0", s, j, announce)
	}
	return study.Replay(events, j, announce)
}

// failing returns calls of which the n-th at point ends the process.
func failing(real diskCalls, point string, n int) diskCalls {
	at := func(p string) bool {
		if p == point {
			n--
		}
		return p == point && n == 0
	}
	crashAt := func(p string) {
		if at(p) {
			os.Exit(crashed)
		}
	}
	return diskCalls{
		write: func(f *os.File, b []byte) (int, error) {
			crashAt("before-write")
			if at("mid-write") {
				real.write(f, b[:len(b)/2])
				os.Exit(crashed)
			}
			n, err := real.write(f, b)
			crashAt("after-write")
			return n, err
		},
		sync: func(f *os.File) error {
			err := real.sync(f)
			crashAt("after-sync")
			return err
		},
		rename: func(from, to string) error {
			crashAt("before-rename")
			err := real.rename(from, to)
			crashAt("after-rename")
			return err
		},
	}
}

func childCommand(path string, results int, crash string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childPath+"="+path, fmt.Sprintf("%s=%d", childResults, results), childCrash+"="+crash,
		"GORACE=atexit_sleep_ms=0") // or each child waits for a second
	cmd.Stderr = os.Stderr
	return cmd
}

// announcements counts how often each trial was announced as measured.
type announcements map[int]int

func (a announcements) read(t *testing.T, out io.Reader) {
	t.Helper()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		number, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Fatal(err)
		}
		a[number]++
	}
}

// run runs a child to its end.
func (a announcements) run(t *testing.T, path string, results int, crash string) {
	t.Helper()
	cmd := childCommand(path, results, crash)
	out, err := cmd.Output()
	want := 0
	if crash != "" {
		want = crashed
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		t.Fatalf("child ended with status %d (%v), want %d", got, err, want)
	}
	a.read(t, strings.NewReader(string(out)))
}

// check demands that the journal holds every announced result exactly once, and
// at most one trial without a result. It returns the study.
func (a announcements) check(t *testing.T, path string) *study.Study {
	t.Helper()
	j, events, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	recorded := announcements{}
	for _, e := range events {
		if e.Measured != nil {
			recorded[e.Measured.Number]++
		}
	}
	for number, n := range a {
		if n != 1 || recorded[number] != 1 {
			t.Fatalf("trial %d was announced %d times and recorded %d times", number, n, recorded[number])
		}
	}
	if len(events) == 0 {
		return nil
	}
	st, err := study.Replay(events, j, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p := st.Progress(); p.Asked-p.Measured > 1 {
		t.Fatalf("%d trials without a result", p.Asked-p.Measured)
	}
	return st
}

// A study ends the same wherever its process died on the way.
func TestCrashAtEveryPoint(t *testing.T) {
	const results = 3 // 7 lines: started, then asked and measured for each
	path := tempPath(t)
	announcements{}.run(t, path, results, "")
	whole := announcements{}.check(t, path)
	for _, point := range []string{"before-write", "mid-write", "after-write", "after-sync"} {
		for _, n := range []int{1, 2, 3, 6, 7} {
			path, seen := tempPath(t), announcements{}
			seen.run(t, path, results, fmt.Sprintf("%s:%d", point, n))
			seen.check(t, path)
			seen.run(t, path, results, "")
			st := seen.check(t, path)
			for i, want := range whole.Trials() {
				if got := st.Trials()[i]; got.Arch.ID() != want.Arch.ID() || got.Status != study.Measured {
					t.Errorf("%s:%d: trial %d is %s with architecture %s, want %s measured",
						point, n, i+1, got.Status, got.Arch.ID(), want.Arch.ID())
				}
			}
			if len(st.Trials()) != results {
				t.Errorf("%s:%d: %d trials, want %d", point, n, len(st.Trials()), results)
			}
		}
	}
}

// A crash in a compaction leaves the old journal or the new one.
func TestCrashInCompaction(t *testing.T) {
	for _, point := range []string{"before-write:1", "mid-write:2", "after-write:4", "after-sync:1", "before-rename:1", "after-rename:1"} {
		path, seen := tempPath(t), announcements{}
		manyAttempts(t, path)
		seen.run(t, path, 3, point)
		seen.run(t, path, 3, "")
		if len(seen) != 2 {
			t.Errorf("%s: %d results were announced after the first, want 2", point, len(seen))
		}
		if st := seen.check(t, path); st.Progress().Measured != 3 {
			t.Errorf("%s: %d results, want 3", point, st.Progress().Measured)
		}
		if _, err := os.Stat(path + ".compact"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the temporary file is still there", point)
		}
	}
}

// A process that is killed at any moment, again and again, loses nothing that
// it announced.
func TestKilledAtRandomMoments(t *testing.T) {
	path, seen := tempPath(t), announcements{}
	random := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		cmd := childCommand(path, 1<<30, "")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// The child has gone on by the time that the kill arrives, how far is
		// chance.
		pipe := bufio.NewReader(out)
		var lines strings.Builder
		for range random.IntN(8) {
			line, err := pipe.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			lines.WriteString(line)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		seen.read(t, io.MultiReader(strings.NewReader(lines.String()), pipe))
		if err := cmd.Wait(); err == nil {
			t.Fatal("the child ended by itself")
		}
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			continue // killed before it began
		}
		seen.check(t, path)
	}
	if len(seen) < 20 {
		t.Fatalf("only %d results were announced; the test shows nothing", len(seen))
	}
}
