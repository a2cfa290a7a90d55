package main

import (
	"os"
	"strings"
	"testing"
)

func TestProxyFrontier(t *testing.T) {
	s := newSandbox(t)
	s.must("search", "--space", "archai-gpt2", "--strategy", "random", "--budget", "8", "--prompt", "8", "--context", "16", "--study", "s.jsonl")
	text := s.must("proxy", "frontier", "s.jsonl", "--out", "f.svg")
	for _, want := range []string{"archai-gpt2 without", "of 8 measurements", "decoder_params  ", "quality  "} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if plot, err := os.ReadFile(s.path("f.svg")); err != nil || !strings.Contains(string(plot), "best by quality") {
		t.Errorf("the plot: %v", err)
	}
	s.must("search", "--space", "archai-gpt2", "--strategy", "random", "--budget", "1", "--prompt", "8", "--context", "16", "--study", "few.jsonl")
	if _, stderr, code := s.run("proxy", "frontier", "few.jsonl"); code != 1 || !strings.HasPrefix(stderr, "litefront: journal few.jsonl: cost: 1 observations") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}
