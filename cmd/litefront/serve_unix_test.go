//go:build unix

package main

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"litefront/host/web"
)

// TestServe opens the page and ends the server with Ctrl-C: where it listens, and
// nothing else, is on standard output, one line unless that is everywhere.
func TestServe(t *testing.T) {
	if _, err := web.Dist(); err != nil {
		t.Skip(err)
	}
	s := newSandbox(t)
	for _, tt := range []struct {
		args       []string
		host       string // that the printed URL begins with
		complaints int    // lines on standard error
	}{
		{[]string{"serve"}, "http://localhost:", 0},
		{[]string{"serve"}, "http://localhost:", 0}, // with the port taken by the first
		{[]string{"serve", "--listen", "127.0.0.1:0"}, "http://localhost:", 0},
		{[]string{"serve", "--listen", "0.0.0.0:0"}, "http://localhost:", 1},
	} {
		cmd := s.command(tt.args...)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		stdout := bufio.NewReader(out)
		// All run until the test ends, so that each finds the others' ports taken.
		defer func() {
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Error(err)
			}
			more, err := io.ReadAll(stdout)
			if err != nil || len(more) > 0 && tt.complaints == 0 {
				t.Errorf("%v also printed %q, %v", tt.args, more, err)
			}
			for line := range strings.Lines(string(more)) {
				if !strings.HasPrefix(line, "litefront: serving http://") || !strings.HasSuffix(line, "/\n") {
					t.Errorf("%v also printed %q", tt.args, line)
				}
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v ended with %v: %s", tt.args, err, &stderr)
			}
			if lines := strings.Count(stderr.String(), "\n"); lines != tt.complaints {
				t.Errorf("%v wrote %d lines on standard error: %s; want %d", tt.args, lines, &stderr, tt.complaints)
			}
		}()
		line, err := stdout.ReadString('\n')
		url, found := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "litefront: serving ")
		if err != nil || !found || !strings.HasPrefix(url, tt.host) {
			t.Errorf("%v printed %q, %v", tt.args, line, err)
			continue
		}
		r, err := http.Get(url)
		if err != nil {
			t.Error(err)
			continue
		}
		r.Body.Close()
		if r.StatusCode != http.StatusOK {
			t.Errorf("GET %s = %s", url, r.Status)
		}
	}
}
