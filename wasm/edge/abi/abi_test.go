package abi_test

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"

	"litefront/kernels/search"
	"litefront/searchcore/arch"
	"litefront/searchcore/space"
	"litefront/searchcore/trial"
	"litefront/wasm/edge/abi"
)

func input() abi.Input {
	return abi.Input{
		Device: trial.Device{Name: "here", Engine: "virtual", Features: []string{"simd128"}, TimerStepNs: 40},
		Request: search.Request{Name: "s", Code: "v0", Budget: "60s", Setup: trial.Setup{
			Space:       space.Space{Name: "tiny", Backbone: arch.GPT2, Vocab: 10, MaxLen: 16, NLayer: space.Choices{1}, DModel: space.Choices{8}, NHead: space.Choices{1}, DInner: space.Choices{8}},
			Workload:    trial.DefaultWorkload(),
			Objectives:  []string{"decoder_params", "prefill_ms"},
			Strategy:    "lts",
			Seed:        1<<64 - 1,
			MemoryLimit: 1 << 40,
		}},
	}
}

func text(t testing.TB) string {
	t.Helper()
	b, err := json.Marshal(input())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestReadInput(t *testing.T) {
	good := text(t)
	for _, s := range []string{good, good + "\n", " " + good} {
		got, err := abi.ReadInput(strings.NewReader(s))
		if err != nil || !reflect.DeepEqual(got, input()) {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	for _, test := range []struct{ text, want string }{
		{"", "EOF"},
		{"{", "unexpected EOF"},
		{good[:len(good)-1], "unexpected EOF"},
		{good + good, "something follows"},
		{good + "}", "input: "},
		{strings.Replace(good, `"device"`, `"machine"`, 1), `unknown field "machine"`},
		{strings.Replace(good, `"budget"`, `"money"`, 1), `unknown field "money"`},
		{strings.Replace(good, `"60s"`, `60`, 1), "budget"},
	} {
		got, err := abi.ReadInput(strings.NewReader(test.text))
		if err == nil || !strings.HasPrefix(err.Error(), "input: ") || !strings.Contains(err.Error(), test.want) || !reflect.DeepEqual(got, abi.Input{}) {
			t.Errorf("%.40q: %+v with error %v, want %q", test.text, got, err, test.want)
		}
	}
}

// spaces is white space without an end.
type spaces struct{ read int }

func (s *spaces) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	s.read += len(b)
	return len(b), nil
}

func TestReadInputLimit(t *testing.T) {
	for _, before := range []string{"", text(t)} {
		endless := &spaces{}
		_, err := abi.ReadInput(io.MultiReader(strings.NewReader(before), endless))
		if err == nil || !strings.Contains(err.Error(), "longer than the limit of 134217728 bytes") {
			t.Errorf("after %d bytes: error %v", len(before), err)
		}
		if endless.read > 2*abi.MaxInput {
			t.Errorf("%d bytes were read", endless.read)
		}
	}
}

func FuzzReadInput(f *testing.F) {
	f.Add(text(f))
	f.Add("{}")
	f.Add(`{"request":{"journal":[{"v":1}]}}`)
	f.Add(`{"request":{"overlays":[{"arch_type":"gpt2"}]}} x`)
	f.Fuzz(func(t *testing.T, s string) {
		in, err := abi.ReadInput(strings.NewReader(s))
		if err != nil {
			if !reflect.DeepEqual(in, abi.Input{}) {
				t.Errorf("%+v with error %v", in, err)
			}
			return
		}
		b, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		again, err := abi.ReadInput(strings.NewReader(string(b)))
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if c, err := json.Marshal(again); err != nil || string(b) != string(c) {
			t.Errorf("%s became %s, %v", b, c, err)
		}
	})
}

func TestResult(t *testing.T) {
	var r abi.Result
	for _, text := range []string{"", "short", strings.Repeat("x", abi.MaxError), strings.Repeat("x", abi.MaxError+1), strings.Repeat("é", abi.MaxError), "x" + strings.Repeat("é", abi.MaxError)} {
		r.SetError(text)
		got := r.ErrorText()
		if !strings.HasPrefix(text, got) || !utf8.ValidString(got) || len(got) < min(len(text), abi.MaxError-1) {
			t.Errorf("%q became %q", text, got)
		}
	}
	r.ErrorLen = 1<<32 - 1
	if n := len(r.ErrorText()); n != abi.MaxError {
		t.Errorf("a length that is too large gives %d bytes", n)
	}

	// The guest reads with its own struct what the host encodes field by field.
	var fields uintptr
	for i := range reflect.TypeFor[abi.Result]().NumField() {
		field := reflect.TypeFor[abi.Result]().Field(i)
		if field.Name != "_" && field.Offset != fields {
			t.Errorf("%s lies at %d, and %d bytes come before it", field.Name, field.Offset, fields)
		}
		fields += field.Type.Size()
	}
	if size := unsafe.Sizeof(r); size != fields || int(size) != binary.Size(&r) {
		t.Errorf("the struct has %d bytes, its fields %d, its encoding %d", size, fields, binary.Size(&r))
	}
}
