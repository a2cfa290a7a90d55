package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// stockConfig is an architecture that Hugging Face's class can express.
const stockConfig = `{"arch_type":"gpt2","n_layer":1,"d_model":12,"d_inner":20,"n_head":2,"vocab_size":30,"max_sequence_length":16}`

func TestExport(t *testing.T) {
	s := newSandbox(t)
	stdout, stderr, code := s.run("export", "tiny.json", "--format", "wasm,onnx", "--format", "hf", "--format", "pytorch", "--out", "home/deep")
	if code != 0 {
		t.Fatal(stderr)
	}
	entries, err := os.ReadDir(s.path("home/deep"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		if info, err := e.Info(); err != nil || info.Size() == 0 || !strings.Contains(stdout, filepath.Join("home/deep", e.Name())) {
			t.Errorf("%s: %v, printed was %s", e.Name(), err, stdout)
		}
	}
	want := []string{"config.json", "model.json", "model.onnx", "model.py", "model.safetensors", "model.wasm", "weights.bin"}
	if !slices.Equal(names, want) {
		t.Errorf("files %v, want %v", names, want)
	}
	// Its layers differ, which a stock class cannot express.
	if !strings.Contains(stderr, "note: GPT2LMHeadModel cannot express d_inner 96|64") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("note %q", stderr)
	}

	s.write("stock.json", stockConfig)
	if _, stderr, code := s.run("export", "stock.json", "--format", "hf", "--out", "stock"); code != 0 || stderr != "" {
		t.Errorf("stock: exit code %d, %s", code, stderr)
	}
	config, err := os.ReadFile(s.path("stock/config.json"))
	if err != nil || !strings.Contains(string(config), `"GPT2LMHeadModel"`) {
		t.Errorf("config %s: %v", config, err)
	}
}

// xlConfig has three clusters, heads that do not fill the width, and a memory.
const xlConfig = `{"arch_type":"transformer-xl","n_layer":2,"d_model":20,"d_inner":[40,36],"n_head":[3,2],"vocab_size":90,` +
	`"div_val":2,"cutoffs":[20,50],"mem_len":7}`

// TestExportTransformerXL takes weights out in every format and back from
// safetensors.
func TestExportTransformerXL(t *testing.T) {
	s := newSandbox(t)
	s.write("xl.json", xlConfig)
	stdout, stderr, code := s.run("export", "xl.json", "--format", "wasm,onnx,hf,pytorch", "--out", "home", "--seed", "5")
	if code != 0 || strings.Count(stdout, "\n") != 7 || !strings.Contains(stderr, "note: TransfoXLLMHeadModel cannot express d_inner 40|36") {
		t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
	}
	seeded := generated(s, "xl.json", "--prompt-ids", "1,30,80", "--tokens", "9", "--seed", "5")
	back := generated(s, "home/config.json", "--prompt-ids", "1,30,80", "--tokens", "9", "--weights", "home/model.safetensors")
	if len(seeded.Tokens) != 9 || !slices.Equal(seeded.Tokens, back.Tokens) || seeded.ID != back.ID {
		t.Errorf("generated %+v, want %+v", back, seeded)
	}

	s.write("stock.json", strings.NewReplacer("[40,36]", "40", "[3,2]", "3").Replace(xlConfig))
	if _, stderr, code := s.run("export", "stock.json", "--format", "hf", "--out", "stock"); code != 0 || stderr != "" {
		t.Errorf("stock: exit code %d, %s", code, stderr)
	}
	stock := generated(s, "stock/config.json", "--prompt-ids", "1", "--weights", "stock/model.safetensors")
	if same := generated(s, "stock.json", "--prompt-ids", "1"); !slices.Equal(stock.Tokens, same.Tokens) {
		t.Errorf("stock: generated %v, want %v", stock.Tokens, same.Tokens)
	}
}

// generated runs generate and decodes what it prints.
func generated(s sandbox, args ...string) (g generation) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.must(append([]string{"generate", "--json"}, args...)...)), &g); err != nil {
		s.t.Fatal(err)
	}
	return g
}

func TestGenerate(t *testing.T) {
	s := newSandbox(t)
	seeded := generated(s, "tiny.json", "--prompt-ids", "1,2,3", "--tokens", "20", "--seed", "5")
	if !slices.Equal(seeded.Prompt, []int{1, 2, 3}) || len(seeded.Tokens) != 20 || seeded.PrefillMs <= 0 || seeded.MsPerToken <= 0 {
		t.Errorf("generated %+v", seeded)
	}

	// Weights that were exported and read again say the same, from either configuration.
	s.must("export", "tiny.json", "--format", "hf", "--out", "home", "--seed", "5")
	s.must("export", "home/config.json", "--format", "hf", "--out", "again", "--weights", "home/model.safetensors")
	for _, args := range [][]string{
		{"tiny.json", "--weights", "home/model.safetensors"},
		{"again/config.json", "--weights", "again/model.safetensors"},
	} {
		if g := generated(s, append(args, "--prompt-ids", "1,2,3", "--tokens", "20")...); !slices.Equal(g.Tokens, seeded.Tokens) {
			t.Errorf("%v: generated %v, want %v", args, g.Tokens, seeded.Tokens)
		}
	}

	// In int8 too, a module runs with weights of its own and with those of a file.
	for _, args := range [][]string{{"--seed", "5"}, {"--weights", "home/model.safetensors"}} {
		g := generated(s, append(args, "tiny.json", "--precision", "int8", "--prompt-ids", "1,2,3", "--tokens", "20")...)
		if len(g.Tokens) != 20 || g.Tokens[0] != seeded.Tokens[0] {
			t.Errorf("%v in int8: generated %v, in f32 %v", args, g.Tokens, seeded.Tokens)
		}
	}

	// Greedily, what is generated from a longer prompt is the rest.
	prompt := []string{"1", "2", "3"}
	for _, id := range seeded.Tokens[:10] {
		data, _ := json.Marshal(id)
		prompt = append(prompt, string(data))
	}
	rest := generated(s, "tiny.json", "--prompt-ids", strings.Join(prompt, ","), "--tokens", "10", "--seed", "5")
	if !slices.Equal(rest.Tokens, seeded.Tokens[10:]) {
		t.Errorf("generated %v after a longer prompt, want %v", rest.Tokens, seeded.Tokens[10:])
	}

	hot := generated(s, "tiny.json", "--prompt-ids", "1,2,3", "--tokens", "20", "--seed", "5", "--temperature", "1")
	same := generated(s, "tiny.json", "--prompt-ids", "1,2,3", "--tokens", "20", "--seed", "5", "--temperature", "1")
	if slices.Equal(hot.Tokens, seeded.Tokens) || !slices.Equal(hot.Tokens, same.Tokens) {
		t.Errorf("sampled %v and %v", hot.Tokens, same.Tokens)
	}

	// The last position is the last that can be used.
	if g := generated(s, "tiny.json", "--prompt-ids", "0", "--tokens", "64"); len(g.Tokens) != 64 {
		t.Errorf("%d tokens", len(g.Tokens))
	}
	text := s.must("generate", "tiny.json", "--prompt-ids", "7,8", "--tokens", "3")
	ids, timing, _ := strings.Cut(text, "\n")
	if strings.Count(ids, ",") != 2 || !strings.HasPrefix(timing, "prefill of 2 tokens ") {
		t.Errorf("printed %s", text)
	}
}

func TestExportErrors(t *testing.T) {
	s := newSandbox(t)
	s.write("stock.json", stockConfig)
	s.write("file", "")
	s.write("junk", strings.Repeat("junk", 100))
	s.must("export", "tiny.json", "--format", "hf", "--out", "home")
	export := func(more ...string) []string { return append([]string{"export", "tiny.json"}, more...) }
	generate := func(more ...string) []string { return append([]string{"generate", "tiny.json"}, more...) }
	for _, c := range []struct {
		args []string
		want string
	}{
		{export("--format", "tflite", "--out", "x"), `format "tflite" must be one of hf, onnx, pytorch, wasm`},
		{export("--format", "", "--out", "x"), "format must be one or more of"},
		{export("--format", "hf", "--out", ""), "out must name a directory"},
		{export("--format", "hf"), `"out" not set`},
		{export("--out", "x"), `"format" not set`},
		{export("--format", "hf", "--out", "file/x"), "file"},
		{export("--format", "hf", "--out", "x", "--weights", "absent"), "absent"},
		{export("--format", "hf", "--out", "x", "--weights", "junk"), "junk: safetensors: header of"},
		{export("--format", "hf", "--out", "x", "--weights", "home/model.safetensors", "--seed", "3"), "[seed weights]"},
		{[]string{"export", "stock.json", "--format", "hf", "--out", "x", "--weights", "home/model.safetensors"},
			`home/model.safetensors: safetensors: tensor "transformer.wte.weight" has shape [300 48], needed is [30 12]`},
		{[]string{"export", "absent.json", "--format", "hf", "--out", "x"}, "absent.json"},
		{generate(), `"prompt-ids" not set`},
		{generate("--prompt-ids", ""), "prompt-ids"},
		{generate("--prompt-ids", strings.Repeat("1,", 64)+"1"), "prompt-ids has 65 tokens, must be 1 to max_sequence_length 64"},
		{generate("--prompt-ids", "1,x"), "prompt-ids"},
		{generate("--prompt-ids", "1,300"), "token 300 must be 0 to 299"},
		{generate("--prompt-ids", "-1"), "token -1 must be 0 to 299"},
		{generate("--prompt-ids", "1,2", "--tokens", "64"), "tokens 64 must be 1 to 63"},
		{generate("--prompt-ids", "1", "--tokens", "0"), "tokens 0 must be"},
		{generate("--prompt-ids", "1", "--temperature", "-1"), "temperature -1 must be 0 or above"},
		{generate("--prompt-ids", "1", "--temperature", "NaN"), "temperature NaN"},
		{generate("--prompt-ids", "1", "--weights", "junk"), "junk: safetensors: header of"},
	} {
		_, stderr, code := s.run(c.args...)
		if code != 1 || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: exit code %d, %q, want %s", c.args, code, stderr, c.want)
		}
	}
	if entries, err := os.ReadDir(s.path("x")); err == nil && len(entries) > 0 {
		t.Errorf("errors left %v", entries)
	}
}

// TestWriteFile checks that a file is whole or, after an error or an interrupt,
// as it was.
func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	render := func(w io.Writer) error {
		_, err := io.WriteString(w, "whole")
		return err
	}
	if n, err := writeFile(context.Background(), path, render); n != 5 || err != nil {
		t.Fatalf("wrote %d bytes: %v", n, err)
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	for name, write := range map[string]func() (int64, error){
		"interrupted": func() (int64, error) { return writeFile(done, path, render) },
		"broken": func() (int64, error) {
			return writeFile(context.Background(), path, func(w io.Writer) error {
				return errors.Join(render(w), errors.New("broken"))
			})
		},
		"is a directory": func() (int64, error) { return writeFile(context.Background(), dir, render) },
	} {
		if _, err := write(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left %v: %v", entries, err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "whole" {
		t.Errorf("the file is %q: %v", data, err)
	}
}

// TestBrokenWeights generates with weights that are no numbers.
func TestBrokenWeights(t *testing.T) {
	s := newSandbox(t)
	s.write("stock.json", stockConfig)
	s.must("export", "stock.json", "--format", "hf", "--out", "home")
	data, err := os.ReadFile(s.path("home/model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	for i := len(data) - 12*4; i < len(data); i += 4 { // ln_f.bias
		copy(data[i:], []byte{0, 0, 0xc0, 0x7f})
	}
	s.write("home/model.safetensors", string(data))
	for _, temperature := range []string{"0", "1"} {
		_, stderr, code := s.run("generate", "stock.json", "--prompt-ids", "1", "--weights", "home/model.safetensors", "--temperature", temperature)
		if code != 1 || !strings.Contains(stderr, "not finite") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("exit code %d, %q", code, stderr)
		}
	}
}
