package runtime

import (
	"strings"
	"testing"

	"github.com/tetratelabs/wazero/sys"

	"litefront/kernels/search"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// told is what becomes of text that a guest writes in parts of n bytes.
func told(t testing.TB, text string, n int) (l guestLines, watched []trial.Event) {
	t.Helper()
	l.watch = func(e trial.Event) { watched = append(watched, e) }
	defer func() {
		r := recover()
		if _, exit := r.(*sys.ExitError); r != nil && !exit || exit != (l.fault != nil) {
			t.Errorf("ended with %v and the fault %v", r, l.fault)
		}
	}()
	for part := ""; text != ""; {
		part, text = text[:min(n, len(text))], text[min(n, len(text)):]
		if got, err := l.Write([]byte(part)); got != len(part) || err != nil {
			t.Errorf("wrote %d bytes of %d, %v", got, len(part), err)
		}
	}
	return l, watched
}

func FuzzGuestLines(f *testing.F) {
	var lines []string
	for _, e := range []trial.Event{
		{Kind: trial.KindSetting, Seq: 1, Setting: &trial.Setting{Name: "a", Value: "b"}},
		{Kind: trial.KindProgress, Progress: &trial.Progress{}},
		{Kind: trial.KindFailed, Seq: 2, Failed: &trial.Failed{Number: 1, Token: "1.1", Reason: "r"}},
		{Kind: trial.KindDone, Done: &trial.Done{Reason: search.DoneBudget}},
	} {
		e.V = trial.EventVersion
		line, err := study.Encode(e)
		if err != nil {
			f.Fatal(err)
		}
		lines = append(lines, string(line)+"\n")
	}
	whole := strings.Join(lines, "")
	if l, watched := told(f, whole, len(whole)); l.fault != nil || l.end() != nil || len(watched) != len(lines) || len(l.events) != 2 || l.done == nil {
		f.Fatalf("a good guest: fault %v, %d events, %d kept, done %+v", l.fault, len(watched), len(l.events), l.done)
	}
	f.Add(whole, 7)
	f.Add(whole+whole, 1000)
	f.Add(lines[0]+lines[0], 1)
	f.Add(whole[:len(whole)/2], 100)
	f.Add(strings.Join(lines[1:], ""), 50)
	f.Add("\n\n", 1)
	f.Fuzz(func(t *testing.T, text string, n int) {
		if n < 1 {
			n = 1
		}
		whole, all := told(t, text, len(text)+1)
		parts, some := told(t, text, n)
		if errorText(whole.fault) != errorText(parts.fault) || len(all) != len(some) || len(whole.events) != len(parts.events) {
			t.Errorf("at once: %d events, %d kept, fault %v; in parts of %d: %d, %d, %v", len(all), len(whole.events), whole.fault, n, len(some), len(parts.events), parts.fault)
		}
		for i, e := range whole.events {
			if e.Seq != int64(i+1) {
				t.Errorf("event %d has seq %d", i, e.Seq)
			}
		}
		if strings.Contains(errorText(whole.fault), "\n") {
			t.Errorf("more than one line: %v", whole.fault)
		}
	})
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
