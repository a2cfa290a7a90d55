package objective

import (
	"math"
	"strings"
	"testing"
	"testing/quick"
)

func TestParseConstraint(t *testing.T) {
	tests := []struct {
		text     string
		written  string
		keep     []float64
		violate  []float64
		isStatic bool
	}{
		{"decode_ms<=20", "decode_ms<=20", []float64{-1, 0, 20}, []float64{20.001, math.Inf(1), math.NaN()}, false},
		{"decoder_params>=5e6", "decoder_params>=5e+06", []float64{5e6, 6e6, math.Inf(1)}, []float64{4999999, math.NaN()}, true},
		{" peak_mb \t<=  512.5 ", "peak_mb<=512.5", []float64{512.5}, []float64{512.6}, true},
		{"response_ms>=-0.1", "response_ms>=-0.1", []float64{0}, []float64{-1}, false},
	}
	for _, tt := range tests {
		c, err := ParseConstraint(tt.text)
		if err != nil {
			t.Errorf("%q: %v", tt.text, err)
			continue
		}
		if got := c.String(); got != tt.written {
			t.Errorf("%q is written %q, want %q", tt.text, got, tt.written)
		}
		if got := c.Objective.Static(); got != tt.isStatic {
			t.Errorf("%q: static %v, want %v", tt.text, got, tt.isStatic)
		}
		for _, v := range tt.keep {
			if !c.Satisfied(v) {
				t.Errorf("%q: %v violates it", tt.text, v)
			}
		}
		for _, v := range tt.violate {
			if c.Satisfied(v) {
				t.Errorf("%q: %v satisfies it", tt.text, v)
			}
		}
	}
}

func TestParseConstraintRefuses(t *testing.T) {
	const form = "must have the form objective<=number or objective>=number"
	tests := []struct{ text, want string }{
		{"", form},
		{"decode_ms", form},
		{"decode_ms<20", form},
		{"decode_ms=20", form},
		{"decode_ms==20", form},
		{"decode_ms=<20", form},
		{"decode_ms< =20", form},
		{"decode_ms>", form},
		{"decode_ms<=", `bound "" must be a finite number`},
		{"decode_ms<==20", `bound "=20" must be a finite number`},
		{"decode_ms<=20ms", `bound "20ms" must be a finite number`},
		{"decode_ms<=1 000", `bound "1 000" must be a finite number`},
		{"decode_ms<=NaN", `bound "NaN" must be a finite number`},
		{"decode_ms<=inf", `bound "inf" must be a finite number`},
		{"decode_ms<=1e999", `bound "1e999" must be a finite number`},
		{"10<=decode_ms<=20", `objective "10" is unknown; use one of decoder_params, `},
		{"latency<=20", `objective "latency" is unknown; use one of decoder_params, `},
		{"<=20", `objective "" is unknown; use one of decoder_params, `},
		{"decode_ms<=" + strings.Repeat("0", 200), "211 bytes long; at most 100 are allowed"},
	}
	for _, tt := range tests {
		c, err := ParseConstraint(tt.text)
		switch {
		case err == nil:
			t.Errorf("%q was read as %v", tt.text, c)
		case !strings.HasPrefix(err.Error(), `constraint "`) || !strings.Contains(err.Error(), ": "+tt.want):
			t.Errorf("%q: error %q, want %q", tt.text, err, tt.want)
		case strings.Contains(err.Error(), "\n") || len(err.Error()) > 300:
			t.Errorf("%q: error %q is not one short line", tt.text, err)
		}
	}
}

// TestConstraintBounds checks every finite bound against Go's own comparison and
// through its written form.
func TestConstraintBounds(t *testing.T) {
	property := func(bound, value float64, pick uint8, atMost bool) bool {
		op := ">="
		if atMost {
			op = "<="
		}
		c := Constraint{table[int(pick)%len(table)], op, bound}
		read, err := ParseConstraint(c.String())
		if err != nil {
			return false
		}
		for _, v := range []float64{value, bound, math.Nextafter(bound, math.Inf(1)), math.Nextafter(bound, math.Inf(-1))} {
			if read.Satisfied(v) != (atMost && v <= bound || !atMost && v >= bound) {
				return false
			}
		}
		return read.Objective.Name == c.Objective.Name && read.bound == bound
	}
	if err := quick.Check(property, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}

func FuzzParseConstraint(f *testing.F) {
	for _, seed := range []string{
		"decode_ms<=20", "decoder_params>=5e6", " peak_mb <= 0x1p9 ", "kv_mb>=-0", "response_ms<=1e-320",
		"decode_ms<20", "<=", ">=1", "decode_ms<=inf", "latency<=1", "decode_ms<=1\n", "decode_ms<=\xff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseConstraint(text)
		if err != nil {
			if msg := err.Error(); strings.ContainsAny(msg, "\r\n") || len(msg) > 1000 {
				t.Fatalf("error %q is not one short line", msg)
			}
			return
		}
		if !c.Satisfied(c.bound) || c.Satisfied(math.NaN()) {
			t.Fatalf("%q: bound %v does not satisfy itself, or NaN does", text, c.bound)
		}
		again, err := ParseConstraint(c.String())
		if err != nil {
			t.Fatalf("%q is written %q: %v", text, c, err)
		}
		if again.String() != c.String() || again.bound != c.bound {
			t.Fatalf("%q is written %q and read back as %q", text, c, again)
		}
	})
}
