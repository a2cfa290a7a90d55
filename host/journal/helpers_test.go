package journal

import (
	"os"
	"path/filepath"
	"testing"

	"litefront/searchcore/space"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

func setup() trial.Setup {
	sp, err := space.Preset("archai-gpt2")
	if err != nil {
		panic(err)
	}
	return trial.Setup{
		Space:       sp,
		Workload:    trial.DefaultWorkload(),
		Objectives:  []string{"decoder_params", "decode_ms"},
		Strategy:    "archai",
		Protocol:    "litefront",
		Seed:        1,
		MemoryLimit: 1 << 30,
	}
}

// measure is a device that is done at once.
func measure(tr trial.Trial) trial.Measurement {
	ms := float64(tr.Arch.DModel) / 100
	return trial.Measurement{
		ArchID:   tr.Arch.ID(),
		Workload: trial.DefaultWorkload(),
		Protocol: "litefront",
		Prefill:  trial.Stat{MedianMs: 100 * ms},
		Decode:   trial.Stat{MedianMs: ms},
		Verdict:  trial.OK,
	}
}

// tempPath is where a test keeps its journal.
func tempPath(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "study.jsonl")
}

// written makes a journal of a study with the given number of results, and
// leaves it closed.
func written(t testing.TB, path string, results int) {
	t.Helper()
	j, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	st, err := study.New("test", "v0", setup(), j, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range results {
		tr, err := st.Ask()
		if err != nil {
			t.Fatal(err)
		}
		if err := st.Tell(tr.Number, tr.Token, measure(tr)); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// reopen opens a journal and replays it.
func reopen(t testing.TB, path string) (*study.Study, *File) {
	t.Helper()
	j, events, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	st, err := study.Replay(events, j, nil)
	if err != nil {
		t.Fatal(err)
	}
	return st, j
}
