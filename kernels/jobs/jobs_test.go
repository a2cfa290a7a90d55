package jobs

import (
	"reflect"
	"strings"
	"testing"

	"litefront/kernels"
	"litefront/searchcore/arch"
	"litefront/searchcore/trial"
)

func job() Job {
	return Job{
		V: Version, Study: "tiny", Class: "pi4-0123abcd", Number: 3, Token: "3.1",
		Arch:     arch.Architecture{Backbone: arch.GPT2, Vocab: 10, DModel: 8, MaxLen: 16, Layers: []arch.Layer{{Heads: 2, DInner: 16}}}.Canonical(),
		Workload: trial.Workload{PromptLen: 4, Context: 8, Precision: trial.F32, Threads: 1},
		Protocol: trial.Litefront, Code: "v0", MemoryLimit: 1 << 20, BudgetMs: 1500,
	}
}

func hello() Hello {
	return Hello{V: Version, Token: "t", Key: "U", Name: "board", Code: "v0",
		Device: trial.Device{Name: "pi", OS: "linux", Arch: "arm64", Cores: 4, Engine: "wazero", Features: []string{"simd128"}}}
}

func TestRoundTrip(t *testing.T) {
	text, err := Encode(job())
	if err != nil {
		t.Fatal(err)
	}
	if back, err := Decode[Job](text); err != nil || !reflect.DeepEqual(back, job()) {
		t.Errorf("%+v, %v", back, err)
	}
	r := Result{V: Version, Job: job().ID(), Number: 3, Token: "3.1", Device: "d1", Failure: "too large"}
	if text, err = Encode(r); err != nil {
		t.Fatal(err)
	}
	if back, err := Decode[Result](text); err != nil || back != r {
		t.Errorf("%+v, %v", back, err)
	}
}

// A job's identity is what it measures, and nothing else.
func TestID(t *testing.T) {
	if len(job().ID()) != 32 {
		t.Errorf("ID %q; want 32 digits", job().ID())
	}
	for _, test := range []struct {
		what   string
		change func(*Job)
		same   bool
	}{
		{"study", func(j *Job) { j.Study = "other" }, true},
		{"trial", func(j *Job) { j.Number = 4 }, true},
		{"token", func(j *Job) { j.Token = "3.2" }, true},
		{"arch", func(j *Job) { j.Arch.Vocab = 11 }, false},
		{"workload", func(j *Job) { j.Workload.Context = 9 }, false},
		{"protocol", func(j *Job) { j.Protocol = trial.LTS }, false},
		{"class", func(j *Job) { j.Class = "other" }, false},
		{"code", func(j *Job) { j.Code = "v1" }, false},
	} {
		j := job()
		test.change(&j)
		if (j.ID() == job().ID()) != test.same {
			t.Errorf("another %s: same ID is %v, want %v", test.what, !test.same, test.same)
		}
	}
}

func TestClass(t *testing.T) {
	hello := func() Hello {
		h := hello()
		h.Device.CPU = "Cortex-A76"
		return h
	}
	a := hello()
	for _, test := range []struct {
		what   string
		change func(*Hello)
		same   bool
	}{
		{"name", func(h *Hello) { h.Name = "other" }, true},
		{"host name", func(h *Hello) { h.Device.Name = "other" }, true},
		{"timer", func(h *Hello) { h.Device.TimerStepNs = 100 }, true},
		{"label", func(h *Hello) { h.Label = "kitchen" }, false},
		{"cpu", func(h *Hello) { h.Device.CPU = "x" }, false},
		{"code", func(h *Hello) { h.Code = "v1" }, false},
		{"gpu", func(h *Hello) { h.Features.GPU = &kernels.GPU{} }, false},
	} {
		b := hello()
		test.change(&b)
		if (a.Class() == b.Class()) != test.same {
			t.Errorf("another %s: %q and %q; want same %v", test.what, a.Class(), b.Class(), test.same)
		}
		if !IsName(b.Class()) {
			t.Errorf("class %q is no name", b.Class())
		}
	}
	// A browser does not tell the processor: what it calls the phone has to do.
	one, other := hello(), hello()
	one.Device.CPU, other.Device.CPU, other.Device.Name = "", "", "another model"
	if one.Class() == other.Class() {
		t.Error("phones of two models are of one class")
	}
	odd := hello()
	odd.Device.OS = "Plan 9/../" + strings.Repeat("x", 100)
	for _, gpu := range []*kernels.GPU{nil, {}} {
		odd.Features.GPU = gpu
		if class := odd.Class(); !IsName(class) || strings.Contains(class, "-gpu-") != (gpu != nil) {
			t.Errorf("class %q with %v", class, gpu)
		}
	}
}

func TestRefused(t *testing.T) {
	valid, err := Encode(job())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ text, want string }{
		{"", "not a message"},
		{"[]", "not a message"},
		{string(valid) + "{}", "something follows"},
		{strings.Replace(string(valid), `{"v":1`, `{"v":2`, 1), "version 2"},
		{strings.Replace(string(valid), `{"v":1`, `{"v":1,"run":"rm"`, 1), "unknown field"},
		{strings.Replace(string(valid), `"pi4-0123abcd"`, `"../etc"`, 1), "class"},
		{strings.Replace(string(valid), `"pi4-0123abcd"`, `"a.>"`, 1), "class"},
		{strings.Replace(string(valid), `"trial":3`, `"trial":0`, 1), "trial 0"},
		{strings.Replace(string(valid), `"budget_ms":1500`, `"budget_ms":1e300`, 1), "budget_ms"},
		{strings.Replace(string(valid), `"protocol":"litefront"`, `"protocol":"x"`, 1), "protocol"},
		{strings.Replace(string(valid), `"context":8`, `"context":1000000000`, 1), "context"},
		{strings.Repeat(" ", MaxMessage+1), "at most"},
		{strings.Repeat("[", 20000), "not a message"},
	} {
		if _, err := Decode[Job]([]byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.60q: %v; want one line with %q", test.text, err, test.want)
		}
	}
	both := Result{V: Version, Job: "x", Token: "1.1", Device: "d", Failure: "no", Measurement: &trial.Measurement{}}
	if err := both.Validate(); err == nil {
		t.Error("a result that failed and measured is valid")
	}
	for _, o := range []Order{{V: Version, Do: "run", Reason: "x"}, {V: Version, Do: Quit}} {
		if o.Validate() == nil {
			t.Errorf("%+v is valid", o)
		}
	}
}

func TestLine(t *testing.T) {
	for _, text := range []string{"", "\n", "two\nlines", strings.Repeat("ä", 1000), "\xff"} {
		if err := lines("test", "line", Line(text)); err != nil {
			t.Error(err)
		}
	}
}

// What a decoder lets pass can be written and read again, and is in its limits.
func FuzzDecode(f *testing.F) {
	for _, seed := range []any{job(), hello()} {
		var text []byte
		var err error
		switch m := seed.(type) {
		case Job:
			text, err = Encode(m)
		case Hello:
			text, err = Encode(m)
		}
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"v":1,"job":"x","trial":1,"token":"1.1","device":"d","measurement":{"prefill":{"samples_ms":[1e308,-1]}}}`))
	f.Add([]byte(`{"v":1,"device":"d","state":"idle"}`))
	f.Add([]byte(`{"v":1,"do":"quit","reason":"x"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		again[Job](t, data)
		again[Result](t, data)
		again[State](t, data)
		again[Order](t, data)
		again[Hello](t, data)
		again[Welcome](t, data)
	})
}

func again[M Message](t *testing.T, data []byte) {
	m, err := Decode[M](data)
	if err != nil {
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("the error has two lines: %q", err)
		}
		return
	}
	text, err := Encode(m)
	if err != nil {
		t.Fatalf("%+v is read and not written: %v", m, err)
	}
	if _, err := Decode[M](text); err != nil {
		t.Errorf("%s is not read again: %v", text, err)
	}
}
