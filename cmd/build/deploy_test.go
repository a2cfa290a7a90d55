package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func deployed(t *testing.T, name string) string {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	return read(t, root, "deploy", name)
}

// unitKeys reads the keys of a unit, by section, with all their values.
func unitKeys(t *testing.T, unit string) map[string][]string {
	t.Helper()
	keys, section := map[string][]string{}, ""
	for i, line := range strings.Split(unit, "\n") {
		line = strings.TrimSpace(line)
		name, value, isKey := strings.Cut(line, "=")
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[' && strings.HasSuffix(line, "]"):
			section = line
		case section != "" && isKey && name != "" && !strings.ContainsAny(name, " \t"):
			keys[section+name] = append(keys[section+name], value)
		default:
			t.Fatalf("line %d is no section, key or comment: %s", i+1, line)
		}
	}
	return keys
}

// The unit runs the device as nobody in particular, and lets it do what an engine that
// compiles has to.
func TestUnit(t *testing.T) {
	keys := unitKeys(t, deployed(t, "litefront-device.service"))
	for name, want := range map[string]string{
		"[Service]EnvironmentFile":          "/etc/litefront/device.env",
		"[Service]ExecStart":                "/usr/local/bin/litefront device --join ${LITEFRONT_JOIN} --state %S/litefront-device $LITEFRONT_OPTIONS",
		"[Service]Restart":                  "on-failure",
		"[Service]RestartPreventExitStatus": "1", // of what waiting does not mend
		"[Service]KillMode":                 "mixed",
		"[Service]OOMPolicy":                "continue",
		"[Service]DynamicUser":              "yes",
		"[Service]StateDirectory":           "litefront-device",
		"[Service]StateDirectoryMode":       "0700",
		"[Service]CacheDirectory":           "litefront-device",
		"[Service]NoNewPrivileges":          "yes",
		"[Service]ProtectSystem":            "strict",
		"[Service]CapabilityBoundingSet":    "",
		"[Install]WantedBy":                 "multi-user.target",
	} {
		if got := keys[name]; !slices.Equal(got, []string{want}) {
			t.Errorf("%s is %q; want %q", name, got, want)
		}
	}
	for _, name := range []string{"[Service]MemoryDenyWriteExecute", "[Service]ProcSubset", "[Service]User", "[Service]PrivateNetwork"} {
		if got, set := keys[name]; set {
			t.Errorf("%s is %q; the device works without it only", name, got)
		}
	}
}

// TestUnitVerifies has systemd read the unit. It wants the program of the unit to be
// there, for which this one stands.
func TestUnitVerifies(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	unit := strings.ReplaceAll(deployed(t, "litefront-device.service"), "/usr/local/bin/litefront", exe)
	verify := func(unit string) string {
		t.Helper()
		dir := t.TempDir()
		write(t, unit, dir, "litefront-device.service")
		out, err := exec.Command("systemd-analyze", "verify", filepath.Join(dir, "litefront-device.service")).CombinedOutput()
		if err != nil {
			return string(out) + err.Error()
		}
		// What it says of other units of this machine is not of this one.
		var ours []string
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, "litefront") {
				ours = append(ours, line)
			}
		}
		return strings.Join(ours, "")
	}
	if said := verify(unit); said != "" {
		t.Errorf("systemd says %s", said)
	}
	if said := verify(strings.Replace(unit, "DynamicUser=", "DynamicUsr=", 1)); !strings.Contains(said, "DynamicUsr") {
		t.Errorf("of a key that does not exist it says %q", said)
	}
}

// The image takes binaries that are released, one for each machine with Linux, and runs
// the device as a user who owns nothing but its state.
func TestContainerfile(t *testing.T) {
	said := map[string]string{}
	for line := range strings.Lines(deployed(t, "Containerfile")) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			name, rest, _ := strings.Cut(line, " ")
			if _, twice := said[name]; twice {
				t.Errorf("%s is there twice", name)
			}
			said[name] = rest
		}
	}
	want := map[string]string{"FROM": "scratch", "ARG": "TARGETARCH", "USER": "65532:65532", "WORKDIR": "/state", "VOLUME": "/state", "ENV": "XDG_CACHE_HOME=/state/cache"}
	for name, want := range want {
		if said[name] != want {
			t.Errorf("%s %s; want %s", name, said[name], want)
		}
	}
	source, target, _ := strings.Cut(said["COPY"], " ")
	linux := 0
	for _, p := range platforms {
		if p.system == "linux" {
			linux++
			if got, want := strings.ReplaceAll(source, "${TARGETARCH}", p.machine), releaseDir+"/"+p.binary(); got != want {
				t.Errorf("for %s it copies %s; make release makes %s", p.machine, got, want)
			}
		}
	}
	if linux != 2 {
		t.Errorf("there are binaries for %d machines with Linux", linux)
	}
	var entry []string
	if err := json.Unmarshal([]byte(said["ENTRYPOINT"]), &entry); err != nil || !slices.Equal(entry, []string{target, "device", "--state", said["VOLUME"]}) {
		t.Errorf("ENTRYPOINT %s after COPY to %s: %v", said["ENTRYPOINT"], target, err)
	}
}
