package main

import (
	"context"
	"encoding/json"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"litefront/host/store"
)

// A study goes into the store and out again, and its frontier is that of the journal.
func TestStore(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the sandbox keeps data apart by XDG_DATA_HOME")
	}
	s := newSandbox(t)
	for _, command := range [][]string{{"devices"}, {"studies"}, {"store", "backup", "b.db"}, {"store", "export", "out"}} {
		if _, stderr, code := s.run(command...); code != 1 || !strings.Contains(stderr, "there is none; litefront fleet or") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v without a store: %d, %s", command, code, stderr)
		}
	}
	s.must(quick("--budget", "6", "--study", "s.journal")...)
	if out := s.must("store", "import", "s.journal", "--class", "board"); !strings.Contains(out, `class "board"`) {
		t.Errorf("import printed %s", out)
	}
	if out := s.must("store", "import", "s.journal"); !strings.Contains(out, runtime.GOOS+"/"+runtime.GOARCH) {
		t.Errorf("import printed %s", out)
	}
	if _, err := os.Stat(s.path("data/litefront/store.db")); err != nil {
		t.Error(err)
	}

	var studies []struct {
		Name     string
		Journals []struct{ Class string }
	}
	decode(t, s.must("studies", "--json"), &studies)
	if len(studies) != 1 || len(studies[0].Journals) != 2 || studies[0].Journals[0].Class != "board" {
		t.Fatalf("studies: %+v", studies)
	}
	name := studies[0].Name
	if out := s.must("studies"); strings.Count(out, name) != 2 || !strings.Contains(out, "board") {
		t.Errorf("studies printed\n%s", out)
	}

	var front struct{ Trials []struct{ Trial int } }
	decode(t, s.must("front", "s.journal", "--objective", "flops,quality", "--format", "json"), &front)
	var shown struct {
		Frontiers []struct {
			Class  string
			Points []struct {
				Trial  int
				Values []float64
			}
		}
	}
	decode(t, s.must("studies", name, "--class", "board", "--objective", "flops,quality", "--json"), &shown)
	if len(shown.Frontiers) != 1 || len(shown.Frontiers[0].Points) != len(front.Trials) || len(front.Trials) == 0 {
		t.Errorf("the store has %+v, the journal %+v", shown, front)
	}
	want := map[int]bool{}
	for _, p := range front.Trials {
		want[p.Trial] = true
	}
	for _, p := range shown.Frontiers[0].Points {
		if !want[p.Trial] {
			t.Errorf("trial %d is not on the journal's frontier", p.Trial)
		}
	}
	if out := s.must("studies", name); strings.Count(out, "on the frontier") != 2 || !strings.Contains(out, "MiB") || !strings.Contains(out, "gpt2 L") {
		t.Errorf("studies %s printed\n%s", name, out)
	}

	s.must("store", "backup", "b.db")
	out := strings.Fields(s.must("store", "export", "out", "--store", "b.db"))
	if len(out) != 2 {
		t.Fatalf("exported %q", out)
	}
	journal, err := os.ReadFile(s.path("s.journal"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range out {
		if got, err := os.ReadFile(s.path(path)); err != nil || string(got) != string(journal) {
			t.Errorf("%s differs from what was imported (%v)", path, err)
		}
		s.must("front", path)
	}

	for want, command := range map[string][]string{
		"exists already":            {"store", "import", "s.journal", "--class", "board"},
		"no class \"phone\"":        {"studies", name, "--class", "phone"},
		`study "x" is unknown`:      {"studies", "x"},
		"not of SQLite":             {"devices", "--store", "s.journal"},
		"are for one study":         {"studies", "--class", "board"},
		"line 1: not a journal":     {"store", "import", "tiny.toml"},
		"needs the journals":        {"store", "import"},
		"takes one argument, not 0": {"store", "backup"},
		"unknown command \"back\"":  {"store", "back"},
		"name another file":         {"store", "backup", "b.db"},
	} {
		if _, stderr, code := s.run(command...); code != 1 || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: %d, %s; want one line with %q", command, code, stderr, want)
		}
	}
}

func decode(t *testing.T, text string, to any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), to); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}

func TestDevicesCommand(t *testing.T) {
	s := newSandbox(t)
	st, err := store.Open(context.Background(), s.path("store.db"))
	if err != nil {
		t.Fatal(err)
	}
	if out := s.must("devices", "--store", "store.db", "--json"); strings.TrimSpace(out) != "[]" {
		t.Errorf("no devices are %s", out)
	}
	d := store.Device{ID: "d1", Name: "Ann's phone", Class: "phone", PublicKey: "k", State: store.Quarantined, Reason: "2× too fast", FirstSeen: time.Now(), LastSeen: time.Now()}
	if err := st.PutDevice(context.Background(), d); err != nil {
		t.Fatal(err)
	}
	out := s.must("devices", "--store", "store.db") // while it is open here
	for _, want := range []string{"d1", "Ann's phone", "phone", "quarantined", "2× too fast"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	var list []store.Device
	decode(t, s.must("devices", "--store", "store.db", "--json"), &list)
	if len(list) != 1 || list[0].Reason != d.Reason {
		t.Errorf("%+v", list)
	}
	for _, tt := range []struct {
		flag  string
		state store.State
	}{{"--admit", store.Active}, {"--revoke", store.Revoked}} {
		decode(t, s.must("devices", "--store", "store.db", "--json", tt.flag, "d1"), &list)
		if len(list) != 1 || list[0].State != tt.state {
			t.Errorf("%s: %+v; want %q", tt.flag, list, tt.state)
		}
	}
	if _, stderr, code := s.run("devices", "--store", "store.db", "--admit", "d2"); code != 1 || !strings.Contains(stderr, `device "d2"`) {
		t.Errorf("--admit d2: %d, %s", code, stderr)
	}
	if err := st.Close(); err != nil {
		t.Error(err)
	}
}
