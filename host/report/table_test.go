package report_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"strconv"
	"strings"
	"testing"

	"litefront/host/report"
	"litefront/searchcore/objective"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func table(t testing.TB, s *study.Study) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Table(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// golden compares got with a file that the flag -update writes.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; run with -update if that is meant\ngot:\n%s", path, got)
	}
}

func TestTableGolden(t *testing.T) { golden(t, "testdata/table.txt", table(t, sample(t))) }

func TestTableRows(t *testing.T) {
	s := sample(t)
	text := table(t, s)
	for _, want := range []string{
		"decoder parameters (proxy for quality; differences of a few percent are ties)",
		`study "nightly" on bench (Zen 4, wazero 1.12.0)`,
		"\nreference\n1      gpt2 L2 d96 D200|100 h3|2 ",
		"; infeasible: 5; references: 1\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	// A trial that breaks a constraint is there, with the constraint.
	for _, r := range s.Trials() {
		if r.Violates == "" {
			continue
		}
		if row := cells(t, text, strconv.Itoa(r.Number)); !strings.Contains(row, r.Arch.String()) || !strings.Contains(row, "breaks prefill_ms<=60") {
			t.Errorf("trial %d: row %q", r.Number, row)
		}
	}
	params, _ := objective.Parse("decoder_params")
	prefill, _ := objective.Parse("prefill_ms")
	for _, r := range s.Frontier() {
		p := r.Measurement.Prefill
		number := func(ms float64) string { return strings.TrimSuffix(prefill.Format(ms), " ms") }
		want := params.Format(float64(r.Arch.DecoderParams()))
		interval := prefill.Format(p.MedianMs) + " [" + number(p.LowMs) + ", " + number(p.HighMs) + "]"
		found := false
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			if strings.Contains(line, r.Arch.String()) && strings.Contains(line, want) && strings.Contains(line, interval) {
				found = strings.HasSuffix(line, "noisy") == (r.Measurement.Verdict == trial.Noisy)
			}
			if strings.TrimRight(line, " ") != line {
				t.Errorf("blanks at the end of %q", line)
			}
		}
		if !found {
			t.Errorf("no row for trial %d with %s, %s and verdict %s", r.Number, want, interval, r.Measurement.Verdict)
		}
	}
}

func TestTableColumnsFollowObjectives(t *testing.T) {
	set := setup(t)
	set.Objectives = []string{"response_ms", "weight_mb", "total_params", "decode_ms"}
	s := start(t, "x", set)
	run(t, s, 3)
	var heading []string
	for line := range strings.Lines(table(t, s)) {
		if strings.HasPrefix(line, "trial ") {
			for cell := range strings.SplitSeq(strings.TrimSpace(line), "  ") {
				if cell = strings.TrimSpace(cell); cell != "" {
					heading = append(heading, cell)
				}
			}
		}
	}
	want := "trial|architecture|decoder params|response|weight memory|total params|decode|peak memory"
	if got := strings.Join(heading, "|"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestTableWithoutFrontier(t *testing.T) {
	s := start(t, "new", setup(t))
	ask(t, s)
	if got, want := table(t, s), "study \"new\": nothing measured yet (trials asked: 1, failed: 0)\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	set := setup(t)
	set.Constraints = []string{"prefill_ms<=1"}
	s = start(t, "tight", set)
	run(t, s, 2)
	if got, want := table(t, s), "the frontier is empty"; !strings.Contains(got, want) {
		t.Errorf("no %q in\n%s", want, got)
	}
	// What is not listed is counted.
	run(t, s, 23)
	got := table(t, s)
	if n := strings.Count(got, "breaks prefill_ms<=1"); n != 20 {
		t.Errorf("%d of 25 infeasible trials are listed, want 20", n)
	}
	if want := "5 more are infeasible"; !strings.Contains(got, want) {
		t.Errorf("no %q in\n%s", want, got)
	}
}

// Devices are strangers: what they call themselves must not reach a terminal as
// it is.
func TestTableCleansForeignText(t *testing.T) {
	s := start(t, "x\u202e", setup(t))
	for _, name := range []string{"\x1b[31mred\x00\xff" + strings.Repeat("z", 500), "", ""} {
		tr := ask(t, s)
		m := measure(t, tr)
		m.Device = trial.Device{Name: name}
		tell(t, s, tr, m)
	}
	got, _, _ := strings.Cut(table(t, s), "\n")
	if strings.ContainsAny(got, "\x1b\x00\u202e") || len(got) > 150 {
		t.Errorf("got %q", got)
	}
	if want := "and 1 more"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want %q at its end", got, want)
	}
}

type brokenPipe struct{}

var errPipe = errors.New("broken pipe")

func (brokenPipe) Write([]byte) (int, error) { return 0, errPipe }

func TestWriterErrorsAreReturned(t *testing.T) {
	s := sample(t)
	if err := report.Table(brokenPipe{}, s); !errors.Is(err, errPipe) {
		t.Errorf("Table: got %v", err)
	}
	if err := compare(t, report.CompareOptions{}, s).Table(brokenPipe{}); !errors.Is(err, errPipe) {
		t.Errorf("Compare: got %v", err)
	}
	if err := front(t, s, report.FrontOptions{}).Table(brokenPipe{}); !errors.Is(err, errPipe) {
		t.Errorf("Front: got %v", err)
	}
}
