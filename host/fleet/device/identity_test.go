package device

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func address(t testing.TB, text string) Address {
	t.Helper()
	return must[Address](t)(ParseAddress(text))
}

// A device has one key for a host, made once, for its owner alone.
func TestIdentity(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "litefront", "device")
	a := address(t, "https://host:8443")
	first, unlock, err := openIdentity(dir, a)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "host-8443.json")
	for name, want := range map[string]os.FileMode{dir: 0o700, path: 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want && runtime.GOOS != "windows" {
			t.Errorf("%s: %v, %v; want mode %o", name, info, err, want)
		}
	}
	if _, _, err := openIdentity(dir, address(t, "https://other:8443")); err == nil || !strings.Contains(err.Error(), "another litefront device") {
		t.Errorf("while one runs: %v", err)
	}
	first.Known = true
	if err := first.save(); err != nil {
		t.Fatal(err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	second, unlock, err := openIdentity(dir, a)
	if err != nil || second.Seed != first.Seed || !second.Known {
		t.Fatalf("the second start has another identity, %v", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	other, unlock, err := openIdentity(dir, address(t, "https://host:8444"))
	if err != nil || other.Seed == first.Seed {
		t.Fatalf("another host knows it by the same key, %v", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
}

// A file that is not as it was written is refused in one line, which holds no secret.
func TestIdentityRefuses(t *testing.T) {
	dir := t.TempDir()
	a := address(t, "https://host:8443")
	id, unlock, err := openIdentity(dir, a)
	if err != nil {
		t.Fatal(err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, a.file())
	good := must[[]byte](t)(os.ReadFile(path))
	edit := func(old, new string) func() error {
		return func() error {
			text := strings.Replace(string(good), old, new, 1)
			if text == string(good) {
				t.Errorf("no %s in the file", old)
			}
			return os.WriteFile(path, []byte(text), 0o600)
		}
	}
	for _, tt := range []struct {
		name   string
		damage func() error
		want   string
	}{
		{"not JSON", edit("{", ""), "not the JSON"},
		{"unknown field", edit(`{"v"`, `{"x":1,"v"`), "not the JSON"},
		{"two objects", edit("}", "}{}"), "follows"},
		{"another version", edit(`"v":1`, `"v":2`), "version 2"},
		{"another host", edit("host:8443", "host:8444"), `host "host:8444"`},
		{"a damaged seed", edit(id.Seed[4:10], "AAAAAA"), "seed"},
		{"no seed", edit(id.Seed, ""), "seed"},
		{"a root that is none", edit(`"known"`, `"root":"x","known"`), "root"},
		{"too long", func() error { return os.WriteFile(path, bytes.Repeat([]byte(" "), mostIdentity+1), 0o600) }, "at most"},
		{"open to others", func() error {
			if err := os.WriteFile(path, good, 0o600); err != nil {
				return err
			}
			return os.Chmod(path, 0o644)
		}, "chmod 600"},
		{"a folder", func() error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Mkdir(path, 0o700)
		}, "not a file"},
	} {
		if tt.name == "open to others" && runtime.GOOS == "windows" {
			continue
		}
		if err := tt.damage(); err != nil {
			t.Fatal(err)
		}
		_, _, err := openIdentity(dir, a)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) ||
			strings.Contains(err.Error(), id.Seed[10:20]) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want one line with %q and %s, and no seed", tt.name, err, tt.want, path)
		}
	}
}

func FuzzParseIdentity(f *testing.F) {
	id, err := newIdentity(filepath.Join(f.TempDir(), "file"), "host:1")
	if err != nil {
		f.Fatal(err)
	}
	text, err := json.Marshal(id)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"v":1,"host":"host:1","seed":"SU","root":"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n","known":true}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		id, err := parseIdentity(data)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
			return
		}
		text, err := json.Marshal(id)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := parseIdentity(text); err != nil || again.Seed != id.Seed || again.Host != id.Host {
			t.Errorf("%s is not read again: %v", text, err)
		}
	})
}
