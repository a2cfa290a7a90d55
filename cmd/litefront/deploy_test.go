package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What starts the device, as a service and in a container, starts it with flags that it
// has.
func TestDeployedCommands(t *testing.T) {
	for _, tt := range []struct {
		file, key string
		args      func(value string) ([]string, error)
	}{
		{"litefront-device.service", "ExecStart=", func(value string) ([]string, error) {
			args := strings.Fields(value)
			return slices.DeleteFunc(args, func(arg string) bool { return arg == "$LITEFRONT_OPTIONS" }), nil
		}},
		{"Containerfile", "ENTRYPOINT ", func(value string) (args []string, err error) {
			err = json.Unmarshal([]byte(value), &args)
			return append(args, "--join", "http://127.0.0.1:8080/#join=t"), err // which who runs it appends
		}},
	} {
		text, err := os.ReadFile(filepath.Join("..", "..", "deploy", tt.file))
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for line := range strings.Lines(string(text)) {
			value, ok := strings.CutPrefix(strings.TrimSpace(line), tt.key)
			if !ok {
				continue
			}
			found++
			args, err := tt.args(value)
			if err != nil || len(args) < 2 {
				t.Fatalf("%s: %s: %v", tt.file, value, err)
			}
			cmd, rest, err := root().Find(args[1:])
			if err == nil {
				err = cmd.ParseFlags(rest)
			}
			if err != nil || cmd.Name() != "device" || cmd.Flags().NArg() > 0 || !cmd.Flags().Changed("join") || !cmd.Flags().Changed("state") {
				t.Errorf("%s: %s starts %s with %q: %v", tt.file, value, cmd.Name(), rest, err)
			}
		}
		if found != 1 {
			t.Errorf("%s has %s %d times", tt.file, tt.key, found)
		}
	}
}
