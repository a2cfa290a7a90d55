package space

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const tinyTOML = `
name = "tiny"
arch_type = "gpt2"
vocab_size = 1000
max_sequence_length = 64
cutoffs = [100, 500, 2000]
n_layer = {min = 1, max = 2}
d_model = [16, 8, 60, 12, 8]   # sorted, repeats dropped
d_inner = {min = 16, max = 39, step = 8}
n_head = [2, 3, 8]
div_val = [1, 2, 4]
inner_ratio = 1.7
min_decoder_params = 800
max_decoder_params = 4_000
`

func TestParseTOML(t *testing.T) {
	got, err := ParseTOML([]byte(tinyTOML))
	if err != nil {
		t.Fatal(err)
	}
	if want := tiny(); !reflect.DeepEqual(got, want) {
		t.Errorf("ParseTOML = %+v, want %+v", got, want)
	}
	got, err = ParseTOML([]byte(strings.Replace(tinyTOML, "n_head = [2, 3, 8]", "n_head = 2\nshared = true", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParseTOML([]byte(tinyTOML + "max_inner_ratio = 2.1\n")); err != nil || got.MaxInnerRatio != 2.1 {
		t.Errorf("max_inner_ratio %v: %v", got.MaxInnerRatio, err)
	}
	if want := (Choices{2}); !reflect.DeepEqual(got.NHead, want) || !got.Shared {
		t.Errorf("n_head %v, shared %v, want %v, true", got.NHead, got.Shared, want)
	}
}

func TestParseTOMLErrors(t *testing.T) {
	for _, tt := range []struct{ old, new, want string }{
		{"name =", "nmae =", `space: line 2: unknown key "nmae"; allowed are name, arch_type, `},
		{"n_layer =", "N_Layer =", `space: line 7: unknown key "N_Layer"; allowed are name, arch_type, `},
		{"n_layer =", "NLayer =", `space: line 7: unknown key "NLayer"; allowed are `},
		{"inner_ratio = 1.7", "[depth]\nmin = 1", `space: line 12: unknown key "depth"; allowed are `},
		{"inner_ratio = 1.7", "  'my depth' = 1", `space: line 12: unknown key "my depth"; allowed are `},
		{"{min = 1, max = 2}", "{min = 1, mx = 2}", `space: line 7: n_layer: unknown key "mx"; allowed are min, max, step`},
		{"{min = 1, max = 2}", "{min = 1}", "a table needs min and max"},
		{"{min = 1, max = 2}", "{min = 2, max = 1}", "min 2 exceeds max 1"},
		{"{min = 1, max = 2}", "{min = 1, max = 2, step = 0}", "step: value 0; allowed are integers from 1 to 16777216"},
		{"{min = 1, max = 2}", "{min = 1, max = 2000}", "2000 values from min 1, max 2000, step 1; at most 512 are allowed"},
		{"{min = 1, max = 2}", `"two"`, "value two is not an integer; give a number, a list of numbers or {min, max, step}"},
		{"{min = 1, max = 2}", "[1, 2.5]", "value 2.5 is not an integer"},
		{"{min = 1, max = 2}", "[[1], [2]]", "value [1] is not an integer"},
		{"{min = 1, max = 2}", "[{min = 1, max = 2}]", "is not an integer"},
		{"{min = 1, max = 2}", "-1", "value -1; allowed are integers from 1 to"},
		{"{min = 1, max = 2}", "[" + strings.Repeat("1,", 513) + "]", "513 values; at most 512 are allowed"},
		{"{min = 1, max = 2}", "[]", "n_layer has no values"},
		{"n_layer = {min = 1, max = 2}", "n_layer = []", "space: line 7: n_layer has no values"},
		{"n_head = [2, 3, 8]", "", "space: n_head has no values"},
		{"n_head = [2, 3, 8]", "n_head = 7", "space: line 10: empty: no d_model admits a layer; with d_model 8: architecture: n_head[0] 7 must divide d_model 8"},
		{"vocab_size = 1000", `vocab_size = "many"`, "space: line 4: vocab_size: incompatible types"},
		{"vocab_size = 1000", "vocab_size = 1e99", "space: line 4: vocab_size: incompatible types"},
		{"vocab_size = 1000", "vocab_size = -1", "space: line 4: empty: no d_model admits a layer; with d_model 8: architecture: vocab_size -1"},
		{"inner_ratio = 1.7", "inner_ratio = nan", "space: line 12: inner_ratio NaN; allowed are 0 (no bound) to"},
		{"max_decoder_params = 4_000", "max_decoder_params = 4", "min_decoder_params 800 exceeds max_decoder_params 4"},
		{"name =", "name = =", "space: line 2: name: "},
		{"[100, 500, 2000]", "[0b\n0]", `'0b\n'`},
	} {
		text := strings.Replace(tinyTOML, tt.old, tt.new, 1)
		if text == tinyTOML {
			t.Fatalf("%q is not in the text", tt.old)
		}
		_, err := ParseTOML([]byte(text))
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %s", tt.new, err, tt.want)
		}
	}
	_, err := ParseTOML([]byte("#" + strings.Repeat(" ", MaxTOMLBytes)))
	if want := fmt.Sprintf("space: %d bytes of TOML; at most %d are allowed", MaxTOMLBytes+1, MaxTOMLBytes); err == nil || err.Error() != want {
		t.Errorf("large text: %v, want %s", err, want)
	}
}

func FuzzParseTOML(f *testing.F) {
	f.Add([]byte(tinyTOML))
	f.Add([]byte(strings.ReplaceAll(tinyTOML, "gpt2", "transformer-xl")))
	f.Add([]byte(tinyTOML + "max_inner_ratio = 2.1"))
	f.Add([]byte("n_layer = {min = 1, max = 9223372036854775807, step = 1}"))
	f.Add([]byte("[n_layer]\nmin = 1\nmax = 3\n[[d_model]]\nmin = 2"))
	f.Add([]byte("\"a\nb\" = 1"))
	f.Add([]byte("cutoffs = [0, 0b\n0]"))
	f.Add([]byte("a.b.c = [\"\\u0000\", 1979-05-27]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseTOML(data)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error of several lines: %q", err)
			}
			return
		}
		if err := s.Validate(); err != nil {
			t.Errorf("parsed, but: %v", err)
		}
		if s.Size().Sign() <= 0 {
			t.Errorf("parsed, but has no architecture")
		}
		line, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		text, err := s.TOML()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseTOML(text)
		if rewritten, _ := json.Marshal(again); err != nil || string(rewritten) != string(line) {
			t.Errorf("written as %s, which reads back as %s (%v), want %s", text, rewritten, err, line)
		}
		var back Space
		if err := json.Unmarshal(line, &back); err != nil {
			t.Fatal(err)
		}
		if err := back.Validate(); err != nil {
			t.Errorf("valid, but read back from JSON: %v", err)
		}
		if len(s.NLayer)*len(s.DModel)*len(s.NHead) > 1000 || s.MinDecoderParams != 0 || s.MaxDecoderParams != 0 {
			return
		}
		a, err := s.Sample(newRand(1))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Contains(a); err != nil {
			t.Errorf("sampled %v, but: %v", a, err)
		}
	})
}

func TestTOMLRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpace(t)
		text, err := s.TOML()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseTOML(text); err != nil || !reflect.DeepEqual(got, s) {
			t.Fatalf("%s\nreads back as %+v (%v), want %+v", text, got, err, s)
		}
	})
	if text, err := (Space{}).TOML(); err == nil {
		t.Errorf("the empty space is written as %s", text)
	}
}

func TestTOMLIsShort(t *testing.T) {
	for _, tt := range []struct {
		values Choices
		want   string
	}{
		{Choices{4}, "4"},
		{Choices{2, 4}, "[2, 4]"},
		{Choices{2, 4, 8}, "[2, 4, 8]"},
		{Choices{3, 4, 5}, "{min = 3, max = 5}"},
		{Choices{64, 128, 192}, "{min = 64, max = 192, step = 64}"},
	} {
		if got := tt.values.toml(); got != tt.want {
			t.Errorf("%v is written %s, want %s", tt.values, got, tt.want)
		}
	}
}
