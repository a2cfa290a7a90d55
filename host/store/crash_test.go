package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// childPath has the test binary append to the store at that path, until it is killed.
const childPath = "STORE_TEST_PATH"

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		fmt.Fprintln(os.Stderr, child(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// child measures for ever, and prints the number of each trial whose result is
// announced.
func child(path string) error {
	s, err := Open(ctx, path)
	if err != nil {
		return err
	}
	st, err := s.Study(ctx, "tiny")
	if errors.Is(err, ErrUnknown) {
		st, err = s.CreateStudy(ctx, "tiny", nil)
	}
	if err != nil {
		return err
	}
	j, events, err := s.Journal(ctx, st.ID, "phone")
	if err != nil {
		return err
	}
	announce := func(e trial.Event) {
		if e.Kind == trial.KindMeasured {
			fmt.Println(e.Measured.Number)
		}
	}
	var running *study.Study
	if len(events) == 0 {
		running, err = study.New("tiny", "v0", testSetup(), j, announce)
	} else {
		running, err = study.Replay(events, j, announce)
	}
	if err != nil {
		return err
	}
	for {
		tr, err := running.Ask()
		if err != nil {
			return err
		}
		if err := running.Tell(tr.Number, tr.Token, result(tr, 10, float64(tr.Arch.DModel)/100, "a")); err != nil {
			return err
		}
	}
}

// A process that is killed at any moment, again and again, loses nothing that it
// announced, and leaves rows that follow from the events.
func TestKilledAtRandomMoments(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	announced := map[int]int{}
	random := rand.New(rand.NewPCG(1, 1))
	kills := 12
	if os.Getenv("LITEFRONT_LONG") != "" {
		kills = 300
	}
	for range kills {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childPath+"="+path, "GORACE=atexit_sleep_ms=0")
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		pipe := bufio.NewReader(out)
		var before strings.Builder
		for range random.IntN(8) {
			line, err := pipe.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			before.WriteString(line)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(io.MultiReader(strings.NewReader(before.String()), pipe)); lines.Scan(); {
			number, err := strconv.Atoi(lines.Text())
			if err != nil {
				t.Fatal(err)
			}
			announced[number]++
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the child ended by itself")
		}
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			continue // killed before it began
		}
		checkAfterCrash(t, path, announced)
	}
	if len(announced) < kills {
		t.Fatalf("only %d results were announced; the test shows nothing", len(announced))
	}
}

func checkAfterCrash(t *testing.T, path string, announced map[int]int) {
	t.Helper()
	s := opened(t, path)
	defer s.Close()
	st, err := s.Study(ctx, "tiny")
	if errors.Is(err, ErrUnknown) && len(announced) == 0 {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(st.Journals) == 0 || st.Journals[0].Events == 0 {
		if len(announced) > 0 {
			t.Fatalf("%d results are gone", len(announced))
		}
		return
	}
	recorded := map[int]int{}
	events := eventsOf(t, s, st.ID, "phone")
	for _, e := range events {
		if e.Measured != nil {
			recorded[e.Measured.Number]++
		}
	}
	for number, n := range announced {
		if n != 1 || recorded[number] != 1 {
			t.Fatalf("trial %d was announced %d times and recorded %d times", number, n, recorded[number])
		}
	}
	running, err := study.Replay(events, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p := running.Progress(); p.Asked-p.Measured > 1 || st.Journals[0].Measured != p.Measured {
		t.Fatalf("%+v in the journal, %+v in the list", p, st.Journals[0])
	}
	sameFrontier(t, s, st.ID, "phone", running, []string{"flops", "decode_ms"})
}
