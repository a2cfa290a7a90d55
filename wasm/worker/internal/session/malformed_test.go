package session_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"reflect"
	"strings"
	"testing"

	"litefront/kernels/search"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// sealed is a JSON object with at least one field as a line of a journal: its checksum
// is right, whatever it says.
func sealed(object string) string {
	sum := crc32.Checksum([]byte(object), crc32.MakeTable(crc32.Castagnoli))
	return fmt.Sprintf(`%s,"sum":"%08x"}`, strings.TrimSuffix(object, "}"), sum)
}

// unsealed is what a line says.
func unsealed(t *testing.T, line string) string {
	t.Helper()
	object, _, ok := strings.Cut(line, `,"sum":`)
	if !ok {
		t.Fatalf("%s has no checksum", line)
	}
	return object + "}"
}

// Whatever is imported in place of a journal, the page hears one clear line, and what
// is kept stays.
func TestMalformedImports(t *testing.T) {
	lines := searched(t).lines
	whole := strings.Join(lines, "\n") + "\n"
	var packed bytes.Buffer
	zw := gzip.NewWriter(&packed)
	if _, err := zw.Write([]byte(whole)); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	// with is the study with a field of a line changed, and the line's checksum right.
	with := func(number int, old, new string) string {
		t.Helper()
		object := unsealed(t, lines[number-1])
		if strings.Count(object, old) == 0 {
			t.Fatalf("line %d has no %s: %s", number, old, object)
		}
		changed := append([]string{}, lines...)
		changed[number-1] = sealed(strings.Replace(object, old, new, 1))
		return strings.Join(changed, "\n") + "\n"
	}
	// setup is a study's first line with another setup.
	setup := func(change func(*trial.Started)) string {
		t.Helper()
		e, err := study.Decode([]byte(lines[0]))
		if err != nil {
			t.Fatal(err)
		}
		change(e.Started)
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return sealed(string(text)) + "\n"
	}
	// measured is the study with its first result changed.
	measured := func(change func(*trial.Measured)) string {
		t.Helper()
		for i, line := range lines {
			e, err := study.Decode([]byte(line))
			if err != nil {
				t.Fatal(err)
			}
			if e.Measured == nil {
				continue
			}
			change(e.Measured)
			text, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			return strings.Join(append(append([]string{}, lines[:i]...), sealed(string(text))), "\n") + "\n"
		}
		t.Fatal("nothing was measured")
		return ""
	}
	if got := sealed(unsealed(t, lines[0])); got != lines[0] {
		t.Fatalf("sealed makes %s of %s", got, lines[0])
	}

	for _, test := range []struct{ name, text, want string }{
		{"empty", "", "line 1: not a journal: the file is empty"},
		{"blank", " \n\n", "line 1: not a journal"},
		{"prose", "Dear reader,\n", "line 1: not a journal: it must begin with"},
		{"a page", "<!DOCTYPE html><html></html>", "line 1: not a journal"},
		{"a list", "[" + strings.Join(lines, ",") + "]", "line 1: not a journal"},
		{"a picture", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "line 1: not a journal"},
		{"compressed", packed.String(), "line 1: not a journal: it looks compressed; unpack it first"},
		{"compressed, as a browser reads it", strings.ToValidUTF8(packed.String(), "\ufffd"), "it looks compressed"},
		{"byte order mark", "\ufeff" + whole, "line 1: not a journal: it begins with a byte order mark"},
		{"UTF-16", "{\x00\"\x00v\x00\"\x00:\x001\x00", "line 1: not a journal"},
		{"CR LF", strings.ReplaceAll(whole, "\n", "\r\n"), "line 1: it ends with CR LF; a journal's lines end with LF alone"},
		{"indented", strings.ReplaceAll(lines[0], `,"`, ",\n\""), "line 1: damaged line: no checksum at its end"},
		{"first line cut off", lines[0][:len(lines[0])/2], "line 1: damaged line"},
		{"cut off in the middle of a line", lines[0] + "\n" + lines[1][:40] + "\n" + lines[2], "line 2: damaged line"},
		{"wrong checksum", lines[0][:len(lines[0])-3] + `x"}` + "\n", "line 1: damaged line: checksum does not match"},
		{"a digit changed", strings.Replace(whole, `"seed":3`, `"seed":4`, 1), "line 1: damaged line: checksum does not match"},
		{"binary in the middle", strings.Replace(whole, "\n", "\n\x00\xff\xfe\n", 1), "line 2: damaged line"},
		{"huge line", lines[0] + "\n" + `{"v":1,"kind":"` + strings.Repeat("x", study.MaxLine) + `"}` + "\n", "line 2: damaged line: longer than the limit of 4194304 bytes"},
		{"version of tomorrow", with(1, `"v":1`, `"v":2`), "line 1: event version 2 is not supported; this program reads version 1"},
		{"negative version", with(1, `"v":1`, `"v":-1`), "line 1: event version -1 is not supported"},
		{"version as text", with(1, `"v":1`, `"v":"1"`), "line 1: not an event"},
		{"number twice", lines[0] + "\n" + lines[1] + "\n" + lines[1] + "\n", "line 3: event has seq 2"},
		{"number missing", lines[0] + "\n" + lines[2] + "\n", "line 2: event has seq 3"},
		{"negative number", with(2, `"seq":2`, `"seq":-2`), "line 2: event has seq -2"},
		{"fraction as number", with(2, `"seq":2`, `"seq":2.5`), "line 2: not an event"},
		{"begins twice", lines[0] + "\n" + sealed(strings.Replace(unsealed(t, lines[0]), `"seq":1`, `"seq":2`, 1)) + "\n", "the study has started already"},
		{"unknown kind", sealed(`{"v":1,"kind":"dance","seq":1}`), `line 1: event kind "dance" is unknown to version 1`},
		{"unknown field", with(1, `"kind"`, `"speed":9,"kind"`), `line 1: not an event: json: unknown field "speed"`},
		{"no payload", sealed(`{"v":1,"kind":"started","seq":1}`), `line 1: event "started" lacks its payload`},
		{"payload of another kind", with(2, `"kind":"`, `"done":{"reason":"budget","measured":1,"failed":0},"kind":"`), "carries the payload of"},
		{"an event that is not kept", lines[0] + "\n" + sealed(`{"v":1,"kind":"done","seq":2,"done":{"reason":"budget","measured":1,"failed":0}}`) + "\n", `events of kind "done" are not kept`},
		{"not JSON", sealed(`{"v":1,"kind":started}`), "line 1: not an event"},
		{"not a number", sealed(`{"v":1,"kind":"started","seq":NaN}`), "line 1: not an event: invalid character 'N'"},
		{"number too large", sealed(`{"v":1,"kind":"started","seq":1e999}`), "line 1: not an event"},
		{"deep", sealed(`{"v":1,"kind":"started","started":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}"), "line 1: not an event"},
		{"more after the object", sealed(`{"v":1,"kind":"started"} {}`), "line 1: not an event"},
		{"foreign objective", setup(func(s *trial.Started) { s.Objectives = []string{"decoder_params", "luck"} }), `objective "luck"`},
		{"no objectives", setup(func(s *trial.Started) { s.Objectives = nil }), "objectives"},
		{"foreign strategy", setup(func(s *trial.Started) { s.Strategy = "luck" }), `strategy "luck"`},
		{"foreign protocol", setup(func(s *trial.Started) { s.Protocol = "luck" }), `protocol "luck" is unknown`},
		{"negative prompt", setup(func(s *trial.Started) { s.Workload.PromptLen = -4 }), "prompt_len -4 must be at least 1"},
		{"negative memory", setup(func(s *trial.Started) { s.MemoryLimit = -1 }), "memory_limit -1 must be a positive number of bytes"},
		{"a name of many lines", setup(func(s *trial.Started) { s.Study = "a\nb" }), "study name"},
		{"no result for that trial", measured(func(m *trial.Measured) { m.Number = 7 }), "trial 7 was never asked"},
		{"negative trial", measured(func(m *trial.Measured) { m.Number = -1 }), "trial -1 was never asked"},
		{"negative value", measured(func(m *trial.Measured) { m.Values[1] = -1 }), "prefill_ms -1 must be finite and not negative"},
		{"negative time", measured(func(m *trial.Measured) { m.Measurement.SpentMs = -1 }), "spent_ms -1 must be at least 0"},
		{"negative median", measured(func(m *trial.Measured) { m.Measurement.Prefill.MedianMs = -2 }), "median_ms -2 of prefill must be at least 0"},
		{"negative time of a token", measured(func(m *trial.Measured) { m.Measurement.Decode.MedianMs = -2 }), "median_ms -2 of decode must be at least 0"},
		{"negative peak", measured(func(m *trial.Measured) { m.Measurement.MemoryBytes = -1 }), "memory_bytes -1 must be at least 0"},
		{"a value too many", measured(func(m *trial.Measured) { m.Values = append(m.Values, 1) }), "3 values for 2 objectives"},
		{"result of another architecture", measured(func(m *trial.Measured) { m.Measurement.ArchID = "beef" }), `arch_id "beef" is not the trial's`},
	} {
		w := newWorker(t, &memory{lines: lines[:6]})
		messages := w.ask(search.Command{Do: search.DoImport, Journal: test.text})
		errs := errorsIn(messages)
		if len(errs) != 1 || !strings.HasPrefix(errs[0], "import: ") || !strings.Contains(errs[0], test.want) || len(errs[0]) > 300 {
			t.Errorf("%s: the errors are %.400q, want one short line with %q", test.name, errs, test.want)
		}
		if len(messages) != len(errs) {
			t.Errorf("%s: more is said than the error: %+v", test.name, messages)
		}
		if !reflect.DeepEqual(w.store.lines, lines[:6]) {
			t.Errorf("%s: what is kept has changed", test.name)
		}
		if again := w.ask(open); len(errorsIn(again)) > 0 {
			t.Errorf("%s: what is kept cannot be read any more: %q", test.name, errorsIn(again))
		}
	}
}
