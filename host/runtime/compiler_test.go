package runtime

import (
	"errors"
	"strings"
	"testing"
)

func TestCheckCompiler(t *testing.T) {
	if err := CheckCompiler(); err != nil { // other tests need it, too
		t.Error(err)
	}
	other := errors.New("other")
	for _, tt := range []struct {
		name    string
		missing error
		start   func() error
		want    string
	}{
		{"there is one", nil, func() error { return nil }, ""},
		{"another architecture", nil, func() error { panic("unsupported architecture") }, "(unsupported architecture), and timings of its interpreter mean nothing"},
		{"no memory for code", nil, func() error { panic(errors.New("permission denied")) }, "(permission denied), and"},
		{"an old CPU", errors.New("SSE 4.1"), func() error { t.Error("started all the same"); return nil }, "(the CPU lacks SSE 4.1)"},
		{"another error", nil, func() error { return other }, "other"},
	} {
		err := checkCompiler(tt.missing, tt.start)
		if (err == nil) != (tt.want == "") || err != nil && (!strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: %v; want one line with %q", tt.name, err, tt.want)
		}
	}
}
