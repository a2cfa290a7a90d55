package store

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"litefront/host/journal"
	"litefront/searchcore/results"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

func newRand(seed int) *rand.Rand { return rand.New(rand.NewPCG(uint64(seed), 0)) }

// What a journal is given comes back, to whoever holds it next and to whoever looks,
// and is, exported, the very file that package journal would have written.
func TestJournalKeepsEvents(t *testing.T) {
	s := fresh(t)
	st, j := held(t, s, "tiny", "phone")
	path := filepath.Join(t.TempDir(), "study.jsonl")
	file, err := journal.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	running, err := study.New("tiny", "v0", testSetup(), journals{j, file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	random := newRand(7)
	if err := story(running, 60, random.IntN); err != nil {
		t.Fatal(err)
	}
	want, err := journal.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := eventsOf(t, s, st.ID, "phone"); !reflect.DeepEqual(got, want) {
		t.Errorf("looking gives %d events, want %d", len(got), len(want))
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again, events, err := s.Journal(ctx, st.ID, "phone")
	if err != nil || !reflect.DeepEqual(events, want) {
		t.Fatalf("holding gives %d events (%v), want %d", len(events), err, len(want))
	}
	if running, err = study.Replay(events, journals{again, file}, nil); err != nil {
		t.Fatal(err)
	}
	tell(t, running, 3)
	list, err := s.Export(ctx, filepath.Join(t.TempDir(), "out"))
	if err != nil || len(list) != 1 || filepath.Base(list[0].Path) != "tiny-phone.jsonl" {
		t.Fatalf("exported %v, %v", list, err)
	}
	if got, want := read(t, list[0].Path), read(t, path); got != want {
		t.Errorf("exported %d bytes that differ from the file's %d", len(got), len(want))
	}
	info, err := s.Study(ctx, "tiny")
	if err != nil {
		t.Fatal(err)
	}
	p := running.Progress()
	if got := info.Journals[0]; got.Asked != p.Asked || got.Measured != p.Measured || got.Failed != p.Failed ||
		got.Bytes != int64(len(read(t, path))) || got.Frontier != len(running.Frontier()) || !reflect.DeepEqual(got.Objectives, testSetup().Objectives) {
		t.Errorf("the list has %+v; the study is at %+v", got, p)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// The frontier that the store tells is the study's, and by other objectives what
// package results makes of the journal: after every event, after a rebuilding and an
// import.
func TestFrontierIsTheStudys(t *testing.T) {
	s := fresh(t)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		choose := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "choice") }
		n++
		name := fmt.Sprintf("study %d", n)
		st, err := s.CreateStudy(ctx, name, nil)
		if err != nil {
			t.Fatal(err)
		}
		j, _, err := s.Journal(ctx, st.ID, "phone")
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		var l list
		var objectives []string
		if choose(2) == 0 {
			objectives = []string{"decoder_params", "response_ms", "peak_mb"}
		}
		running, err := study.New(name, "v0", testSetup(objectives...), journals{j, &l}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 4 {
			if err := story(running, choose(20), choose); err != nil {
				t.Fatal(err)
			}
			sameFrontier(t, s, st.ID, "phone", running, someObjectives(choose))
		}
		if err := s.rebuild(ctx, st.ID, "phone"); err != nil {
			t.Fatal(err)
		}
		sameFrontier(t, s, st.ID, "phone", running, someObjectives(choose))
		if err := story(running, choose(10), choose); err != nil { // the holder goes on
			t.Fatal(err)
		}
		sameFrontier(t, s, st.ID, "phone", running, someObjectives(choose))
		if _, err := s.Import(ctx, "", "copy", l.events); err != nil {
			t.Fatal(err)
		}
		sameFrontier(t, s, st.ID, "copy", running, someObjectives(choose))
	})
}

type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

func sameFrontier(t fataler, s *Store, id int64, class string, running *study.Study, cut []string) {
	t.Helper()
	var want []Point
	for _, r := range running.Frontier() {
		want = append(want, Point{Number: r.Number, ArchID: r.Arch.ID(), Arch: r.Arch.String(), DeviceID: r.Measurement.Device.ID, Verdict: string(r.Measurement.Verdict), Values: r.Values, ended: r.Ended})
	}
	got, err := s.Frontier(ctx, id, class)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("frontier %+v (%v), want %+v", got, err, want)
	}
	view, err := results.New(running, results.Cut{Objectives: cut})
	if err != nil {
		t.Fatalf("%v", err)
	}
	want = nil
	for _, p := range view.Frontier {
		want = append(want, Point{Number: p.Number, ArchID: p.Arch.ID(), Arch: p.Arch.String(), DeviceID: p.Measurement.Device.ID, Verdict: string(p.Measurement.Verdict), Values: p.Judged, ended: p.Ended})
	}
	got, err = s.Frontier(ctx, id, class, cut...)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("frontier by %v %+v (%v), want %+v", cut, got, err, want)
	}
}

// An event that the study cannot have recorded is refused, changes nothing, and does
// not keep the next one out.
func TestAppendRefuses(t *testing.T) {
	s := fresh(t)
	st, j := held(t, s, "tiny", "phone")
	events := measuredEvents(t, "tiny", 3)
	if err := j.Append(events[1]); err == nil || !strings.Contains(err.Error(), "seq 1 must follow") {
		t.Errorf("an event before the first: %v", err)
	}
	second := events[1]
	second.Seq = 1
	if err := j.Append(second); err == nil || !strings.Contains(err.Error(), "must begin with") {
		t.Errorf("a study that does not start: %v", err)
	}
	for _, e := range events[:3] {
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	long := *events[4].Measured
	long.Measurement.Device.ID = strings.Repeat("x", maxWord+1)
	for name, tt := range map[string]struct {
		e    trial.Event
		want string
	}{
		"again":     {events[2], "event 3: seq 4 must follow"},
		"a gap":     {events[4], "event 5: seq 4 must follow"},
		"unasked":   {trial.Event{V: 1, Kind: trial.KindFailed, Seq: 4, Failed: &trial.Failed{Number: 9, Token: "9.1", Reason: "r"}}, "trial 9 was never asked"},
		"not kept":  {trial.Event{V: 1, Kind: trial.KindDone, Seq: 4, Done: &trial.Done{}}, "are not kept"},
		"empty":     {trial.Event{V: 1, Kind: trial.KindAsked, Seq: 4}, "lacks its payload"},
		"a long ID": {trial.Event{V: 1, Kind: trial.KindMeasured, Seq: 4, Measured: &long}, "id has 201 bytes"},
	} {
		err := j.Append(tt.e)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), s.path) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one line with %q", name, err, tt.want)
		}
	}
	for _, e := range events[3:] {
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	if got := eventsOf(t, s, st.ID, "phone"); !reflect.DeepEqual(got, events) {
		t.Errorf("%d events, want %d", len(got), len(events))
	}
	j.Close()
	if err := j.Append(events[0]); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("a closed journal: %v", err)
	}
}

// One holder at a time, in one process and, by the lock, in several.
func TestJournalHasOneHolder(t *testing.T) {
	s := fresh(t)
	st, j := held(t, s, "tiny", "phone")
	if _, _, err := s.Journal(ctx, st.ID, "phone"); !errors.Is(err, ErrHeld) {
		t.Errorf("held twice: %v", err)
	}
	other := opened(t, s.path)
	if _, _, err := other.Journal(ctx, st.ID, "laptop"); !errors.Is(err, ErrHeld) || !strings.Contains(err.Error(), "another process") {
		t.Errorf("another opening holds a journal: %v", err)
	}
	if _, err := other.Import(ctx, "", "laptop", measuredEvents(t, "elsewhere", 1)); err != nil {
		t.Errorf("whoever imports needs no journal: %v", err)
	}
	if _, _, err := s.Journal(ctx, 99, "phone"); !errors.Is(err, ErrUnknown) {
		t.Errorf("study 99: %v", err)
	}
	j.Close()
	again, _, err := s.Journal(ctx, st.ID, "phone")
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	s.Close()
	if _, _, err := other.Journal(ctx, st.ID, "phone"); err != nil {
		t.Errorf("after the holder's end: %v", err)
	}
}

// Even without the lock, two who append do not mix: the slower one is refused.
func TestAppendsDoNotMix(t *testing.T) {
	s := fresh(t)
	st, j := held(t, s, "tiny", "phone")
	events := measuredEvents(t, "tiny", 2)
	for _, e := range events[:2] {
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	s.give(j.id)
	thief, _, err := s.Journal(ctx, st.ID, "phone")
	if err != nil {
		t.Fatal(err)
	}
	if err := thief.Append(events[2]); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(events[2]); err == nil {
		t.Error("an event was appended twice")
	}
	if err := j.Append(events[3]); err == nil {
		t.Error("a journal that another went on with goes on as if nothing had happened")
	}
	if got := eventsOf(t, s, st.ID, "phone"); len(got) != 3 {
		t.Errorf("%d events, want 3", len(got))
	}
}

// Whoever looks meanwhile sees whole states.
func TestReadersWhileAppending(t *testing.T) {
	s := fresh(t)
	st, j := held(t, s, "tiny", "phone")
	events := measuredEvents(t, "tiny", 40)
	if err := j.Append(events[0]); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 6 {
		readers.Add(1)
		go func() {
			defer readers.Done()
			for {
				select {
				case <-done:
					return
				default:
				}
				var got []trial.Event
				for e, err := range s.Events(ctx, st.ID, "phone") {
					if err != nil {
						t.Error(err)
						return
					}
					got = append(got, e)
				}
				if !reflect.DeepEqual(got, events[:len(got)]) {
					t.Errorf("events 1 to %d are others", len(got))
				}
				err := s.look(ctx, func(tx *sql.Tx) error {
					var seq, measured, rows int
					return errors.Join(
						tx.QueryRow("SELECT events, measured FROM journal").Scan(&seq, &measured),
						tx.QueryRow("SELECT count(*) FROM measurement").Scan(&rows),
						check(rows == measured && measured == (seq-1)/2, "%d events, %d measured, %d rows", seq, measured, rows))
				})
				if err != nil {
					t.Error(err)
				}
				if _, err := s.Frontier(ctx, st.ID, "phone"); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	for _, e := range events[1:] {
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	readers.Wait()
}

func check(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// A full disk fails an append, which is then nowhere; with room again the study goes on.
func TestDiskFull(t *testing.T) {
	s := fresh(t)
	st, j := held(t, s, "tiny", "phone")
	var pages int
	if err := s.write.QueryRow("PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	limit := func(pages int) {
		if err := s.write.QueryRow(fmt.Sprintf("PRAGMA max_page_count = %d", pages)).Scan(new(int)); err != nil {
			t.Fatal(err)
		}
	}
	limit(pages + 6)
	events := measuredEvents(t, "tiny", 30)
	var full error
	kept := 0
	for _, e := range events {
		if full = j.Append(e); full != nil {
			break
		}
		kept++
	}
	if full == nil || !strings.Contains(full.Error(), "the disk is full") || strings.Contains(full.Error(), "\n") {
		t.Fatalf("after %d events: %v", kept, full)
	}
	if kept == 0 {
		t.Fatal("nothing fitted; the test shows nothing")
	}
	if got := eventsOf(t, s, st.ID, "phone"); !reflect.DeepEqual(got, events[:kept]) {
		t.Fatalf("%d events, want %d", len(got), kept)
	}
	if _, err := s.Import(ctx, "", "copy", measuredEvents(t, "other", 50)); err == nil || !strings.Contains(err.Error(), "full") {
		t.Errorf("an import: %v", err)
	}
	if list, err := s.Studies(ctx); err != nil || len(list) != 1 {
		t.Errorf("%d studies (%v), want the one there was", len(list), err)
	}
	limit(1 << 20)
	for _, e := range events[kept:] {
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	running, err := study.Replay(eventsOf(t, s, st.ID, "phone"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	sameFrontier(t, s, st.ID, "phone", running, []string{"flops", "decode_ms"})
}
