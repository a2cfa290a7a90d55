package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"litefront/host/journal"
	"litefront/searchcore/proxy"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// The tests run the program as its users do: in a process of its own, which is
// this test binary started again.
func TestMain(m *testing.M) {
	if os.Getenv("LITEFRONT_TEST_MAIN") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// tinySpace is a search space whose candidates take milliseconds.
const tinySpace = `
name = "tiny"
arch_type = "gpt2"
vocab_size = 300
max_sequence_length = 64
n_layer = {min = 1, max = 3, step = 1}
d_model = {min = 16, max = 128, step = 16}
d_inner = {min = 16, max = 256, step = 16}
n_head = [1, 2, 4]
`

const tinyConfig = `{"arch_type":"gpt2","n_layer":2,"d_model":48,"d_inner":[96,64],"n_head":2,"vocab_size":300,"max_sequence_length":64}`

// sandbox is a directory with a tiny space and a tiny configuration.
type sandbox struct {
	t   testing.TB
	dir string
}

func newSandbox(t testing.TB) sandbox {
	s := sandbox{t, t.TempDir()}
	s.write("tiny.toml", tinySpace)
	s.write("tiny.json", tinyConfig)
	return s
}

func (s sandbox) path(name string) string { return filepath.Join(s.dir, name) }

func (s sandbox) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// command is litefront with args, in the sandbox.
func (s sandbox) command(args ...string) *exec.Cmd {
	return s.commandUntil(context.Background(), args...)
}

// commandUntil is command, killed when ctx ends.
func (s sandbox) commandUntil(ctx context.Context, args ...string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "LITEFRONT_TEST_MAIN=1", "XDG_CACHE_HOME="+s.path("cache"), "XDG_CONFIG_HOME="+s.path("config"), "XDG_DATA_HOME="+s.path("data"))
	return cmd
}

// quick are the arguments of a quick search in the tiny space.
func quick(more ...string) []string {
	return append([]string{"search", "--space", "tiny.toml", "--prompt", "32", "--context", "48", "--trial-time", "20ms"}, more...)
}

// run runs litefront to its end.
func (s sandbox) run(args ...string) (stdout, stderr string, code int) {
	s.t.Helper()
	cmd := s.command(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// must is run where nothing may go wrong.
func (s sandbox) must(args ...string) (stdout string) {
	s.t.Helper()
	stdout, stderr, code := s.run(args...)
	if code != 0 {
		s.t.Fatalf("%v exited with %d: %s", args, code, stderr)
	}
	return stdout
}

// events decodes lines that must all be Events.
func events(t testing.TB, r io.Reader) (list []trial.Event) {
	t.Helper()
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e trial.Event
		d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		d.DisallowUnknownFields()
		if err := d.Decode(&e); err != nil || e.V != trial.EventVersion {
			t.Fatalf("not an Event: %v: %s", err, lines.Text())
		}
		list = append(list, e)
	}
	return list
}

func count(list []trial.Event, k trial.Kind) (n int) {
	for _, e := range list {
		if e.Kind == k {
			n++
		}
	}
	return n
}

func TestSearch(t *testing.T) {
	s := newSandbox(t)
	table := s.must(quick("--budget", "14", "--study", "tiny.journal", "--overlay", "tiny.json", "--out", "results")...)
	for _, want := range []string{"gpt2", "MiB", "[", "reference"} {
		if !strings.Contains(table, want) {
			t.Errorf("the table does not mention %q:\n%s", want, table)
		}
	}
	for _, name := range []string{"frontier.csv", "trials.csv", "predicted.csv", "study.json", "frontier.svg"} {
		if info, err := os.Stat(s.path("results/" + name)); err != nil || info.Size() == 0 {
			t.Errorf("results/%s: %v", name, err)
		}
	}

	// The finished study has nothing to measure and says so; a larger budget
	// continues it.
	stdout, stderr, code := s.run(quick("--study", "tiny.journal", "--json")...)
	if code != 0 || !strings.Contains(stderr, "budget of 14 was spent already") {
		t.Errorf("a finished study exits with %d and says %q", code, stderr)
	}
	again := events(t, strings.NewReader(stdout))
	if n := count(again, trial.KindMeasured); n != 0 {
		t.Errorf("a finished study measured %d candidates more", n)
	}
	more := events(t, strings.NewReader(s.must(quick("--study", "tiny.journal", "--json", "--budget", "17")...)))
	if n := count(more, trial.KindMeasured); n != 3 { // the overlay is beside the budget
		t.Errorf("three candidates more were asked for, %d were measured", n)
	}
	if last := more[len(more)-1]; last.Kind != trial.KindDone || last.Done.Measured != 17+1 || last.Done.Reason != "budget" {
		t.Errorf("the last event is %+v", last)
	}
}

func TestSearchJSONIsOnlyEvents(t *testing.T) {
	s := newSandbox(t)
	list := events(t, strings.NewReader(s.must(quick("--budget", "5", "--json", "--protocol", "lts")...)))
	for kind, want := range map[trial.Kind]int{trial.KindStarted: 1, trial.KindAsked: 5, trial.KindMeasured: 5, trial.KindProgress: 6, trial.KindDone: 1} {
		if n := count(list, kind); n != want {
			t.Errorf("%d events %q, want %d", n, kind, want)
		}
	}
	for _, e := range list {
		if e.Kind == trial.KindMeasured && (len(e.Measured.Measurement.Prefill.SamplesMs) != 10 || e.Measured.Measurement.Protocol != "lts") {
			t.Errorf("not measured as LTS does: %+v", e.Measured.Measurement)
		}
	}
}

func TestSameSeedSameCandidates(t *testing.T) {
	s := newSandbox(t)
	ids := func(strategy, seed string) (ids []string) {
		for _, e := range events(t, strings.NewReader(s.must(quick("--budget", "4", "--json", "--strategy", strategy, "--seed", seed)...))) {
			if e.Kind == trial.KindAsked {
				ids = append(ids, e.Asked.Arch.ID())
			}
		}
		return ids
	}
	a, b, c := ids("random", "7"), ids("random", "7"), ids("random", "8")
	if !slices.Equal(a, b) || slices.Equal(a, c) {
		t.Errorf("seed 7 proposed %v and %v, seed 8 %v", a, b, c)
	}
	// Two seeds may have the same design, since both prefer the same frontier.
	if a, b := ids("exact", "7"), ids("exact", "7"); !slices.Equal(a, b) {
		t.Errorf("seed 7 designed %v and %v", a, b)
	}
}

func TestSeeds(t *testing.T) {
	s := newSandbox(t)
	out := s.must(quick("--budget", "3", "--seeds", "1..3", "--study", "s.journal", "--out", "r")...)
	if !strings.Contains(out, "median") {
		t.Errorf("no comparison of the seeds:\n%s", out)
	}
	for seed := 1; seed <= 3; seed++ {
		for _, name := range []string{fmt.Sprintf("s-seed%d.journal", seed), fmt.Sprintf("r/seed%d/frontier.svg", seed)} {
			if _, err := os.Stat(s.path(name)); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestMeasure(t *testing.T) {
	s := newSandbox(t)
	out := s.must("measure", "tiny.json", "--trial-time", "50ms")
	if !strings.Contains(out, "prefill of 64 tokens") || !strings.Contains(out, "peak memory") {
		t.Errorf("measure printed:\n%s", out)
	}
	list := events(t, strings.NewReader(s.must("measure", "tiny.json", "tiny.json", "--json", "--trial-time", "50ms")))
	if len(list) != 2 || list[1].Measured.Measurement.Prefill.MedianMs <= 0 {
		t.Errorf("measure --json printed %+v", list)
	}
	if runtime.NumCPU() > 1 {
		list = events(t, strings.NewReader(s.must("measure", "tiny.json", "--json", "--threads", "2", "--trial-time", "50ms")))
		if m := list[0].Measured.Measurement; m.Workload.Threads != 2 || m.Decode.MedianMs <= 0 {
			t.Errorf("measure with two threads printed %+v", m)
		}
	}
	s.write("xl.json", `{"arch_type":"transformer-xl","n_layer":2,"d_model":50,"d_inner":80,"n_head":4,"vocab_size":300,"mem_len":16,"div_val":2,"cutoffs":[100,200]}`)
	out = s.must("measure", "xl.json", "--trial-time", "50ms")
	if !strings.Contains(out, "prefill of 192 tokens") || !strings.Contains(out, "decode at 224") {
		t.Errorf("measure printed:\n%s", out)
	}
}

func TestMeasureProfile(t *testing.T) {
	s := newSandbox(t)
	s.write("xl.json", `{"arch_type":"transformer-xl","n_layer":2,"d_model":50,"d_inner":80,"n_head":4,"vocab_size":300,"mem_len":16,"div_val":2,"cutoffs":[100,200]}`)
	for file, want := range map[string][]string{
		"tiny.json": {"prefill of 64 tokens", "decode at 63", "2 attention ", "2 mlp.fc ", "1 head ", "whole pass", "1 weights", "100.0 %"},
		"xl.json":   {"prefill of 192 tokens", "decode at 224", "2 attn.position ", "3 log_softmax ", "attn.r.keys", "2 derived"},
	} {
		out := s.must("measure", "--profile", file, "--trial-time", "50ms")
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: the profile does not mention %q:\n%s", file, w, out)
			}
		}
	}
	list := events(t, strings.NewReader(s.must("measure", "--profile", "--json", "tiny.json", "xl.json", "--trial-time", "50ms")))
	if len(list) != 2 {
		t.Fatalf("%d events for two files", len(list))
	}
	for _, e := range list {
		p := e.Profile
		if e.Kind != trial.KindProfile || p == nil || len(p.Prefill.Ops) < 10 || len(p.Prefill.Ops) != len(p.Decode.Ops) || p.MemoryBytes%65536 != 0 {
			t.Errorf("not a profile: %+v", e)
		}
	}
}

func TestInspect(t *testing.T) {
	s := newSandbox(t)
	cmd := s.command("inspect", "--json", "-")
	cmd.Stdin = strings.NewReader(tinyConfig)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var in struct {
		ID            string             `json:"id"`
		DecoderParams int64              `json:"decoder_params"`
		TotalParams   int64              `json:"total_params"`
		Quality       float64            `json:"quality"`
		Perplexity    []proxy.Prediction `json:"perplexity"`
		Memory        struct {
			TotalBytes int64 `json:"total_bytes"`
		} `json:"memory"`
	}
	if err := json.Unmarshal(out, &in); err != nil {
		t.Fatal(err)
	}
	// 2·(4·48² + 4·48) + Σ (2·48·D + D + 48 + 4·48) + 2·48, and 300·48 + 64·48
	// for the embedding and the positions.
	const decoder = 2*(4*48*48+4*48) + (2*48*96 + 96 + 48 + 4*48) + (2*48*64 + 64 + 48 + 4*48) + 2*48
	if in.DecoderParams != decoder || in.TotalParams != decoder+300*48+64*48 || len(in.ID) != 32 ||
		in.Memory.TotalBytes < 4*in.TotalParams {
		t.Errorf("inspect printed %s", out)
	}
	// In int8, the positions' 64·48 and the vectors stay what they are.
	var int8 struct {
		Memory struct {
			WeightBytes int64 `json:"weight_bytes"`
		} `json:"memory"`
	}
	if err := json.Unmarshal([]byte(s.must("inspect", "tiny.json", "--json", "--precision", "int8")), &int8); err != nil {
		t.Fatal(err)
	}
	if n := int8.Memory.WeightBytes; n < in.TotalParams+3*64*48 || n > 2*in.TotalParams {
		t.Errorf("in int8, %d parameters take %d bytes", in.TotalParams, n)
	}
	if !(in.Quality > 0 && in.Quality < decoder) || len(in.Perplexity) != 2 || !in.Perplexity[0].Extrapolated {
		t.Errorf("quality %v and perplexities %+v of a model smaller than any that was trained", in.Quality, in.Perplexity)
	}
	s.write("plain.json", `{"arch_type":"gpt2","n_layer":5,"d_model":512,"d_inner":1536,"n_head":8,"vocab_size":50264,"max_sequence_length":1024}`)
	if out := s.must("inspect", "plain.json"); !strings.Contains(out, "\n  on WikiText-103    perplexity ") ||
		!strings.Contains(out, "\n  on LM1B            perplexity ") || strings.Contains(out, "outside") {
		t.Errorf("inspect printed:\n%s", out)
	}
	if out := s.must("inspect", "tiny.json"); !strings.Contains(out, "]; outside the calibrated range\n  shape              d_model 48 (validated 64 to 512, off by 1.33×), d_inner/d_model ") {
		t.Errorf("inspect printed:\n%s", out)
	}
	s.write("xl.json", `{"arch_type":"transformer-xl","n_layer":2,"d_model":64,"d_inner":128,"n_head":2,"vocab_size":300,"mem_len":16}`)
	// Relative keys for 16 + 256 distances, 64 wide, in two layers.
	if out := s.must("inspect", "xl.json"); !strings.Contains(out, fmt.Sprintf("relative keys      %d\n", 2*272*64*4)) {
		t.Errorf("inspect printed:\n%s", out)
	}
}

// TestBadInput demands one clear line that names what is wrong, and an exit code
// other than zero.
func TestBadInput(t *testing.T) {
	s := newSandbox(t)
	cores := strconv.Itoa(runtime.NumCPU())
	s.write("malformed.json", `{"arch_type":"gpt2",`)
	s.write("unknown.json", strings.Replace(tinyConfig, "n_layer", "layers", 1))
	s.write("heads.json", strings.Replace(tinyConfig, `"n_head":2`, `"n_head":5`, 1))
	s.write("empty.toml", strings.Replace(tinySpace, "n_head = [1, 2, 4]", "n_head = [11]", 1))
	s.write("unknown.toml", tinySpace+"depth = 3\n")
	s.write("gap.toml", tinySpace+"min_decoder_params = 3000\nmax_decoder_params = 3001\n")
	s.write("notes.txt", "these are my notes\nand not a journal\n")
	s.must(quick("--budget", "3", "--study", "good.journal")...)
	s.must(quick("--budget", "1", "--study", "other.journal", "--objective", "flops,decoder_params")...)
	good, err := os.ReadFile(s.path("good.journal"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("corrupt.journal", strings.Replace(string(good), `"trial":1`, `"trial":2`, 1))
	s.write("file", "")
	// Tokens and positions, attention, the feed-forward block, its biases and the rest.
	hugeWeights := strconv.Itoa(4 * (4_000_064*512 + 4*512*512 + 2*512*64 + 64 + 9*512 + 2*512))
	// An embedding of 4·10⁶·512 floats, 4·10⁶ logits, and little else.
	const hugeBytes = "8212971520"
	s.write("long.json", strings.Replace(tinyConfig, `"max_sequence_length":64`, `"max_sequence_length":512`, 1))
	s.write("huge.json", `{"arch_type":"gpt2","n_layer":1,"d_model":512,"d_inner":64,"n_head":2,"vocab_size":4000000,"max_sequence_length":64}`)

	for _, c := range []struct {
		name string
		args []string
		want []string // what the line mentions
	}{
		{"malformed config", []string{"inspect", "malformed.json"}, []string{"malformed.json"}},
		{"unknown key", []string{"inspect", "unknown.json"}, []string{"unknown.json", "layers", "n_layer"}},
		{"heads", []string{"inspect", "heads.json"}, []string{"n_head", "5", "48"}},
		{"no such file", []string{"measure", "absent.json"}, []string{"absent.json"}},
		{"prompt beyond the positions", []string{"measure", "tiny.json", "--prompt", "600"}, []string{"tiny.json", "prompt 600", "at most"}},
		{"prompt beyond the space's positions", quick("--prompt", "600", "--context", "700"), []string{"context 700", "64"}},
		{"overlay", quick("--overlay", "heads.json"), []string{"heads.json", "n_head"}},
		{"empty space", []string{"search", "--space", "empty.toml"}, []string{"empty.toml", "n_head"}},
		{"unknown key in space", []string{"search", "--space", "unknown.toml"}, []string{"unknown.toml", "depth"}},
		{"unknown space", []string{"search", "--space", "lts"}, []string{`"lts"`, "archai-gpt2"}},
		{"no budget", quick("--budget", "0"), []string{"budget", `"0"`}},
		{"no budget of time", quick("--budget", "0s"), []string{"budget", `"0s"`}},
		{"negative budget", quick("--budget=-5s"), []string{"budget", `"-5s"`}},
		{"strategy", quick("--strategy", "magic"), []string{"strategy", `"magic"`, "lts"}},
		{"objective", quick("--objective", "decoder_params,beauty"), []string{"beauty", "prefill_ms"}},
		{"constraint", quick("--constraint", "decode_ms==5"), []string{"decode_ms==5"}},
		{"protocol", quick("--protocol", "stopwatch"), []string{"protocol", "stopwatch", "lts"}},
		{"memory limit", quick("--memory-limit", "lots"), []string{`memory-limit "lots" must be`, "512MiB"}},
		{"nothing fits", quick("--memory-limit", "1KiB"), []string{"memory", "1024"}},
		{"candidate too large", []string{"measure", "tiny.json", "--memory-limit", "100KiB"}, []string{"tiny.json", "memory", "limit"}},
		{"unaddressable", []string{"measure", "huge.json"}, []string{"huge.json", "memory", hugeBytes}},
		{"unaddressable, with a limit beyond", []string{"measure", "--profile", "huge.json", "--memory-limit", "99GiB"}, []string{hugeBytes, "4294901760"}},
		{"unaddressable, inspected", []string{"inspect", "huge.json"}, []string{"huge.json", hugeBytes, "4294901760"}},
		{"unaddressable, exported", []string{"export", "huge.json", "--format", "wasm", "--out", "huge"}, []string{hugeBytes, "4294901760"}},
		{"too large for hf", []string{"export", "huge.json", "--format", "hf", "--out", "huge"}, []string{hugeWeights, "4294901760"}},
		{"too large for ONNX", []string{"export", "huge.json", "--format", "onnx,hf", "--out", "huge"}, []string{"onnx", hugeWeights, "2147483647"}},
		{"profile by another protocol", []string{"measure", "--profile", "tiny.json", "--protocol", "lts"}, []string{"--profile", "litefront", "lts"}},
		{"sustained for too short", []string{"measure", "--sustained", "5s", "tiny.json"}, []string{`sustained "5s"`, "10s to 600s"}},
		{"sustained without a unit", []string{"measure", "--sustained", "60", "tiny.json"}, []string{`sustained "60"`, "60s"}},
		{"sustained with too many", []string{"measure", "--sustained", "60s", "tiny.json", "tiny.json", "tiny.json", "tiny.json", "tiny.json"}, []string{"--sustained", "at most 4", "5"}},
		{"sustained by another protocol", []string{"measure", "--sustained", "60s", "tiny.json", "--protocol", "lts"}, []string{"--sustained", "litefront", "lts"}},
		{"sustained and profiled", []string{"measure", "--sustained", "60s", "--profile", "tiny.json"}, []string{"--profile", "--sustained"}},
		{"sustained under two workloads", []string{"measure", "--sustained", "60s", "tiny.json", "long.json"}, []string{"tiny.json has a prompt of 64", "long.json of 192", "--prompt"}},
		{"sustained in too little memory", []string{"measure", "--sustained", "60s", "tiny.json", "tiny.json", "--memory-limit", "600KiB"}, []string{"2 architectures side by side", "limit is 614400"}},
		{"context", []string{"measure", "tiny.json", "--context", "65"}, []string{"context", "65", "64"}},
		{"half precision", quick("--precision", "f16"), []string{"precision", `"f16"`, "f32", "int8"}},
		{"target", quick("--target", "npu"), []string{"target", `"npu"`, `"cpu"`, `"gpu"`}},
		{"target without a name", quick("--target", "gpu:"), []string{"target", `"gpu:"`}},
		{"trial time", quick("--trial-time", "2h"), []string{"trial-time", "2h", "1h"}},
		{"trial time of a fleet", []string{"fleet", "--space", "tiny.toml", "--trial-time", "2h"}, []string{"trial-time", "2h", "1h"}},
		{"trial time of a device", []string{"device", "--join", "http://localhost:1/#join=A", "--trial-time", "2h"}, []string{"trial-time", "2h", "1h"}},
		{"half precision to export", []string{"export", "tiny.json", "--format", "hf", "--out", "out", "--precision", "f16"}, []string{"precision", `"f16"`, "f32", "int8"}},
		{"guest and target", quick("--core", "wasm", "--target", "gpu"), []string{"core", `"wasm"`, `"gpu"`}},
		{"precision", quick("--precision", "int4"), []string{"precision", `"int4"`, "f32", "int8"}},
		{"precision to generate in", []string{"generate", "tiny.json", "--prompt-ids", "1", "--precision", "f64"}, []string{"precision", `"f64"`, "f32", "int8"}},
		{"prompt", quick("--prompt", "0"), []string{"prompt_len", "0"}},
		{"no threads", quick("--threads", "0"), []string{"threads 0", "between 1 and 64"}},
		{"more threads than cores", quick("--threads", cores+"1", "--study", "new.journal"), []string{"threads " + cores + "1", "at most " + cores}},
		{"measure with more threads than cores", []string{"measure", "tiny.json", "--threads", cores + "1"}, []string{"threads " + cores + "1"}},
		{"seeds", quick("--seeds", "5..1"), []string{"seeds", "5..1"}},
		{"corrupt journal", quick("--study", "corrupt.journal"), []string{"corrupt.journal", "line"}},
		{"not a journal", quick("--study", "notes.txt"), []string{"notes.txt"}},
		{"another study", quick("--study", "good.journal", "--seed", "9"), []string{"good.journal", "seed"}},
		{"another precision", quick("--study", "good.journal", "--precision", "int8"), []string{"good.journal", "precision", "int8"}},
		{"out is a file", quick("--budget", "1", "--out", "file"), []string{"file"}},
		{"seed of words", quick("--seed", "first"), []string{`seed "first" must be a whole number`, "18446744073709551615", "--help"}},
		{"seed too large", []string{"export", "tiny.json", "--format", "hf", "--out", "x", "--seed", "4294967296"}, []string{`seed "4294967296" must be`, "0 to 4294967295"}},
		{"prompt with a unit", quick("--prompt", "1k"), []string{`prompt "1k" must be a whole number`}},
		{"time without a unit", quick("--trial-time", "5"), []string{`trial-time "5" must be a time`, "1.5s"}},
		{"temperature of words", []string{"generate", "tiny.json", "--temperature", "hot"}, []string{`temperature "hot" must be a number`}},
		{"neither true nor false", quick("--json=maybe"), []string{`json "maybe" must be true or false`}},
		{"unknown flag", []string{"search", "--speed"}, []string{"speed", "--help"}},
		{"unknown command", []string{"serch"}, []string{`"serch"`, "search"}},
		{"help for an unknown command", []string{"help", "serch"}, []string{`"serch"`, "search"}},
		{"argument", quick("tiny.toml"), []string{`"tiny.toml"`, "--space"}},
		{"space with a mistake", []string{"space", "check", "unknown.toml"}, []string{"unknown.toml", "depth"}},
		{"space without members", []string{"space", "check", "empty.toml"}, []string{"empty.toml", "n_head"}},
		{"space too short for the context", []string{"space", "check", "tiny.toml", "--context", "65"}, []string{"tiny.toml", "context 65", "64"}},
		{"space in a gap", []string{"space", "check", "gap.toml"}, []string{"gap.toml", "min_decoder_params 3000", "max_decoder_params 3001"}},
		{"no such space", []string{"space", "check", "absent.toml"}, []string{"absent.toml"}},
		{"no space", []string{"space", "check"}, []string{"space check", "TOML"}},
		{"no such preset", []string{"space", "show", "gpt5"}, []string{`"gpt5"`, "archai-gpt2"}},
		{"unknown command of space", []string{"space", "chekc"}, []string{`"chekc"`, "check"}},
		{"front of nothing", []string{"front", "absent.journal"}, []string{"absent.journal"}},
		{"front of a corrupt journal", []string{"front", "corrupt.journal"}, []string{"corrupt.journal", "line"}},
		{"front without a study", []string{"front"}, []string{"front", "journal"}},
		{"front by an unknown objective", []string{"front", "good.journal", "--objective", "beauty,flops"}, []string{"beauty", "prefill_ms"}},
		{"front sorted by beauty", []string{"front", "good.journal", "--sort", "beauty"}, []string{"sort", "beauty"}},
		{"front with a wrong constraint", []string{"front", "good.journal", "--constraint", "decode_ms=5"}, []string{"decode_ms=5"}},
		{"front as XML", []string{"front", "good.journal", "--format", "xml"}, []string{`"xml"`, "csv"}},
		{"front of fewer than none", []string{"front", "good.journal", "--limit", "-2"}, []string{"limit -2"}},
		{"configurations over a file", []string{"front", "good.journal", "--config-dir", "file"}, []string{"file"}},
		{"comparison of nothing", []string{"compare"}, []string{"compare", "journals"}},
		{"comparison with nothing", []string{"compare", "good.journal", "absent.journal"}, []string{"absent.journal"}},
		{"comparison of objectives", []string{"compare", "good.journal", "other.journal"}, []string{"good.journal", "other.journal", "objectives", "flops"}},
		{"comparison from words", []string{"compare", "good.journal", "--reference", "0,much,9"}, []string{`reference "0,much,9" must be numbers`}},
		{"a prompt of words", []string{"generate", "tiny.json", "--prompt-ids", "1,two"}, []string{`prompt-ids "1,two" must be whole numbers`}},
		{"comparison from two values", []string{"compare", "good.journal", "--reference", "0,9"}, []string{"reference", "2 values for 3 objectives"}},
		{"comparison from the best", []string{"compare", "good.journal", "--reference", "1e12,900,900"}, []string{"reference", "decoder_params", "worse"}},
		{"comparison into a file", []string{"compare", "good.journal", "--out", "file"}, []string{"file"}},
		{"no file", []string{"inspect"}, []string{"inspect", "file"}},
		{"a device for nobody", []string{"device"}, []string{"--join"}},
		{"a device for a page", []string{"device", "--join", "https://host/page#join=x"}, []string{"join", `path "/page" must be /`}},
		{"a device with a title", []string{"device", "--join", "http://127.0.0.1:1", "--label", "Living room"}, []string{"label", `"Living room"`, "a-z"}},
		{"a device without time", []string{"device", "--join", "http://127.0.0.1:1", "--trial-time", "0s"}, []string{"trial-time", "0s"}},
		{"a device with an argument", []string{"device", "http://127.0.0.1:1"}, []string{`"http://127.0.0.1:1"`, "--join"}},
		{"a device whose folder is a file", []string{"device", "--join", "http://127.0.0.1:1", "--state", "file"}, []string{"state", "file"}},
		{"no time", quick("--trial-time", "0s"), []string{"trial-time", "0s"}},
		{"context before the prompt ends", quick("--prompt", "40", "--context", "32"), []string{"context 32", "prompt_len 40"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, _ := os.ReadFile(s.path("corrupt.journal"))
			_, stderr, code := s.run(c.args...)
			// Progress lines may come first; the error is the last one.
			lines := strings.Split(strings.TrimSpace(stderr), "\n")
			last := lines[len(lines)-1]
			if code == 0 || !strings.HasPrefix(last, "litefront: ") || strings.Count(stderr, "litefront: ") != 1 {
				t.Errorf("exit code %d, stderr:\n%s", code, stderr)
			}
			for _, want := range c.want {
				if !strings.Contains(last, want) {
					t.Errorf("%q does not mention %q", last, want)
				}
			}
			if after, _ := os.ReadFile(s.path("corrupt.journal")); !bytes.Equal(before, after) {
				t.Error("the corrupt journal was changed")
			}
		})
	}
}

// TestTruncatedJournal cuts a journal in its last line, as a crash would.
func TestTruncatedJournal(t *testing.T) {
	s := newSandbox(t)
	s.must(quick("--budget", "4", "--study", "s.journal")...)
	whole, err := os.ReadFile(s.path("s.journal"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("s.journal", string(whole[:len(whole)-20]))
	_, stderr, code := s.run(quick("--budget", "4", "--study", "s.journal")...)
	if code != 0 || strings.Count(stderr, "litefront: ") != 1 {
		t.Errorf("exit code %d, want 0 and a line about the cut; stderr:\n%s", code, stderr)
	}
	s.checkJournal("s.journal", nil)
}

// TestConstraintOnFinishedStudy adds a constraint to a study whose budget is spent:
// the frontier is cut, and nothing is measured.
func TestConstraintOnFinishedStudy(t *testing.T) {
	s := newSandbox(t)
	s.must(quick("--budget", "4", "--study", "s.journal")...)
	before := s.replay("s.journal")
	params := before.Frontier()[len(before.Frontier())-1].Arch.DecoderParams()
	s.must(quick("--study", "s.journal", "--constraint", fmt.Sprintf("decoder_params<=%d", params-1))...)
	after := s.replay("s.journal")
	if len(after.Trials()) != 4 {
		t.Errorf("%d trials, want the 4 of before", len(after.Trials()))
	}
	for _, r := range after.Frontier() {
		if r.Arch.DecoderParams() >= params {
			t.Errorf("trial %d with %d decoder parameters is on the frontier", r.Number, r.Arch.DecoderParams())
		}
	}
	if len(after.Started().Constraints) != 1 {
		t.Errorf("constraints %q", after.Started().Constraints)
	}
	// Without the flag they stay.
	s.must(quick("--study", "s.journal")...)
	if again := s.replay("s.journal"); len(again.Started().Constraints) != 1 {
		t.Errorf("constraints %q after going on", again.Started().Constraints)
	}
	s.must(quick("--study", "s.journal", "--constraint", "none")...)
	if again := s.replay("s.journal"); len(again.Started().Constraints) != 0 || len(again.Frontier()) != len(before.Frontier()) {
		t.Errorf("constraints %q after removing them", again.Started().Constraints)
	}
}

// replay reads a journal.
func (s sandbox) replay(name string) *study.Study {
	s.t.Helper()
	file, events, err := journal.Open(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	defer file.Close()
	st, err := study.Replay(events, nil, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return st
}

// checkJournal replays a journal's lines by hand: every trial ended at most once,
// every announced measurement is there, at most one trial is outstanding.
func (s sandbox) checkJournal(name string, announced []int) (measured int) {
	s.t.Helper()
	file, list, err := journal.Open(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	defer file.Close()
	ended := map[int]bool{}
	outstanding := map[int]bool{}
	for _, e := range list {
		switch e.Kind {
		case trial.KindAsked:
			outstanding[e.Asked.Number] = true
		case trial.KindMeasured:
			if ended[e.Measured.Number] {
				s.t.Errorf("trial %d was measured twice", e.Measured.Number)
			}
			ended[e.Measured.Number] = true
			delete(outstanding, e.Measured.Number)
			measured++
		case trial.KindFailed:
			delete(outstanding, e.Failed.Number)
		}
	}
	for _, n := range announced {
		if !ended[n] {
			s.t.Errorf("trial %d was announced and is not in the journal", n)
		}
	}
	if len(outstanding) > 1 {
		s.t.Errorf("%d trials are outstanding, at most the one in flight may be", len(outstanding))
	}
	return measured
}

// follow starts a search with Events on standard output and calls each for
// every event until it returns false or the output ends.
func (s sandbox) follow(cmd *exec.Cmd, each func(trial.Event) bool) {
	s.t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); errors.Is(err, context.DeadlineExceeded) {
		return // killed before it began
	} else if err != nil {
		s.t.Fatal(err)
	}
	d := json.NewDecoder(out)
	for {
		var e trial.Event
		if err := d.Decode(&e); err != nil {
			// A killed program may leave half a line.
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, os.ErrClosed) {
				s.t.Error(err)
			}
			break
		}
		if !each(e) {
			break
		}
	}
}

// TestKilled kills a search at random moments, and in the middle of measuring,
// and resumes it each time.
func TestKilled(t *testing.T) {
	s := newSandbox(t)
	r := rand.New(rand.NewPCG(20, 26))
	var announced []int
	var ready time.Duration // from the start of the program to its third candidate, on this machine
	for i := range 22 {
		random := i%4 > 0
		if random && ready == 0 {
			t.Fatal("the search ended before its third candidate")
		}
		ctx, cancel := context.Background(), context.CancelFunc(func() {})
		if random {
			ctx, cancel = context.WithTimeout(ctx, time.Duration(r.Int64N(int64(2*ready))))
		}
		start := time.Now()
		cmd := s.commandUntil(ctx, quick("--budget", "100000", "--study", "s.journal", "--json")...)
		asked := 0
		s.follow(cmd, func(e trial.Event) bool {
			switch e.Kind {
			case trial.KindMeasured:
				announced = append(announced, e.Measured.Number)
			case trial.KindAsked:
				// The trial that was just handed out is being measured now.
				if asked++; !random && asked == 3 {
					ready = time.Since(start)
					_ = cmd.Process.Kill()
				}
			}
			return true
		})
		_ = cmd.Wait() // it was killed
		cancel()
		if _, err := os.Stat(s.path("s.journal")); err == nil {
			s.checkJournal("s.journal", announced)
		}
	}
	if len(announced) < 10 {
		t.Errorf("only %d measurements were announced in all", len(announced))
	}
	slices.Sort(announced)
	if len(slices.Compact(slices.Clone(announced))) != len(announced) {
		t.Errorf("measurements were announced twice: %v", announced)
	}
	// What is left behind is a study like any other.
	n := s.checkJournal("s.journal", announced)
	list := events(t, strings.NewReader(s.must(quick("--budget", fmt.Sprint(n+2), "--study", "s.journal", "--json")...)))
	if got := count(list, trial.KindMeasured); got != 2 {
		t.Errorf("two more candidates were asked for, %d were measured", got)
	}
}
