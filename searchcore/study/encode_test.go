package study_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"reflect"
	"strings"
	"testing"

	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// samples are events of all kinds that a short study writes.
func samples(t testing.TB) []trial.Event {
	st, j := start(t, setup(t, "random"), nil)
	step(t, st)
	tr, err := st.Ask()
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Fail(tr.Number, tr.Token, "child died"); err != nil {
		t.Fatal(err)
	}
	if err := st.Set("budget", "60s"); err != nil {
		t.Fatal(err)
	}
	return append(j.events(t),
		trial.Event{V: 1, Kind: trial.KindFrontier, Frontier: &trial.Frontier{}},
		trial.Event{V: 1, Kind: trial.KindPredicted, Predicted: &trial.Predicted{Total: 3, Fitted: 12}},
		trial.Event{V: 1, Kind: trial.KindProgress, Progress: &trial.Progress{Asked: 2}},
		trial.Event{V: 1, Kind: trial.KindDone, Done: &trial.Done{Reason: "budget"}},
		trial.Event{V: 1, Kind: trial.KindProfile, Profile: &trial.Profile{MemoryBytes: 65536,
			Memory: []trial.MemoryPart{{Name: "unused", Kind: "unused", Bytes: 65536}}}},
		trial.Event{V: 1, Kind: trial.KindRounds, Rounds: []trial.Round{{AtMs: 7, PrefillMs: []float64{30}}}},
		trial.Event{V: 1, Kind: trial.KindSustained, Sustained: &trial.Sustained{AskedMs: 60e3, Compute: &trial.Kept{Share: 0.9}}})
}

func TestEncodeFormat(t *testing.T) {
	line, err := study.Encode(trial.Event{V: 1, Kind: trial.KindSetting, Seq: 3,
		Setting: &trial.Setting{Name: "budget", Value: "60s\n"}})
	if err != nil {
		t.Fatal(err)
	}
	object := `{"v":1,"kind":"setting","seq":3,"setting":{"name":"budget","value":"60s\n"}}`
	sum := crc32.Checksum([]byte(object), crc32.MakeTable(crc32.Castagnoli))
	want := fmt.Sprintf(`%s,"sum":"%08x"}`, strings.TrimSuffix(object, "}"), sum)
	if string(line) != want {
		t.Errorf("got  %s\nwant %s", line, want)
	}
	if !json.Valid(line) {
		t.Errorf("not JSON: %s", line)
	}
}

func TestDecodeReturnsWhatWasEncoded(t *testing.T) {
	for _, e := range samples(t) {
		line, err := study.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		before := bytes.Clone(line)
		got, err := study.Decode(line)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, e) {
			t.Errorf("%s: got %+v, want %+v", e.Kind, got, e)
		}
		if !bytes.Equal(line, before) {
			t.Errorf("%s: Decode changed its input", e.Kind)
		}
	}
}

func TestDecodeCatchesEveryFlippedBit(t *testing.T) {
	for _, e := range samples(t) {
		line, err := study.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		for bit := range 8 * len(line) {
			line[bit/8] ^= 1 << (bit % 8)
			if _, err := study.Decode(line); !errors.Is(err, study.ErrDamaged) {
				t.Fatalf("%s: bit %d flipped: got %v, want ErrDamaged", e.Kind, bit, err)
			}
			line[bit/8] ^= 1 << (bit % 8)
		}
	}
}

// sealed gives a JSON object a valid checksum.
func sealed(object string) []byte {
	sum := crc32.Checksum([]byte(object), crc32.MakeTable(crc32.Castagnoli))
	return fmt.Appendf(nil, `%s,"sum":"%08x"}`, object[:len(object)-1], sum)
}

func TestDecodeRefuses(t *testing.T) {
	for _, test := range []struct{ name, object, want string }{
		{"another version", `{"v":2,"kind":"setting","new":{}}`, "event version 2 is not supported"},
		{"no version", `{"kind":"setting","setting":{}}`, "event version 0 is not supported"},
		{"unknown kind", `{"v":1,"kind":"paused"}`, `"paused" is unknown`},
		{"unknown field", `{"v":1,"kind":"setting","setting":{"name":"a","value":"b","x":1}}`, `unknown field "x"`},
		{"no payload", `{"v":1,"kind":"failed"}`, `"failed" lacks its payload`},
		{"null payload", `{"v":1,"kind":"failed","failed":null}`, `"failed" lacks its payload`},
		{"wrong payload", `{"v":1,"kind":"failed","setting":{}}`, `"failed" lacks its payload`},
		{"two payloads", `{"v":1,"kind":"setting","setting":{},"done":{}}`, `carries the payload of "done"`},
		{"not an object", `[1}`, "not an event"},
		{"two objects", `{"v":1,"kind":"setting","setting":{}}{}`, "not an event"},
		{"bad architecture", `{"v":1,"kind":"asked","asked":{"trial":1,"token":"1.1","arch":{"arch_type":"rnn"},"origin":{"op":"random"}}}`, "not an event: architecture"},
	} {
		_, err := study.Decode(sealed(test.object))
		if err == nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, study.ErrDamaged) {
			t.Errorf("%s: got %v, want an error with %q", test.name, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: more than one line: %q", test.name, err)
		}
	}
	for _, line := range []string{"", "{}", `{"v":1}`, `,"sum":"00000000"}`, strings.Repeat(" ", study.MaxLine+1)} {
		if _, err := study.Decode([]byte(line)); !errors.Is(err, study.ErrDamaged) {
			t.Errorf("%.20q: got %v, want ErrDamaged", line, err)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	measured := func(m trial.Measured) trial.Event {
		return trial.Event{V: 1, Kind: trial.KindMeasured, Measured: &m}
	}
	long := trial.Measurement{Code: strings.Repeat("x", study.MaxLine)}
	for name, e := range map[string]trial.Event{
		"not a number": measured(trial.Measured{Values: []float64{math.NaN()}}),
		"too long":     measured(trial.Measured{Measurement: long}),
	} {
		if line, err := study.Encode(e); err == nil {
			t.Errorf("%s: got %d bytes, want an error", name, len(line))
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, e := range samples(f) {
		line, err := study.Encode(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line[:bytes.LastIndex(line, []byte(`,"sum":`))])
	}
	f.Add([]byte(`{"v":1,"kind":"setting","setting":{}`))
	f.Add([]byte(`{"v":1,"kind":"started","started":{"known":[{"prefill":{"pass_ms":1,"threshold_bytes":1}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		study.Decode(body) // as it came
		// With a valid checksum the fuzzer gets past it.
		e, err := study.Decode(sealed(string(body) + "}"))
		if err != nil {
			return
		}
		line, err := study.Encode(e)
		if err != nil {
			t.Fatalf("decoded but not encoded: %v", err)
		}
		again, err := study.Decode(line)
		if err != nil {
			t.Fatalf("encoded but not decoded: %v", err)
		}
		line2, err := study.Encode(again)
		if err != nil || !bytes.Equal(line, line2) {
			t.Fatalf("encodings differ:\n%s\n%s", line, line2)
		}
	})
}
