package space

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Mistake is why a text is not the TOML of a space.
type Mistake struct {
	Line int    // of the text, counted from 1; 0 if no single line is at fault
	Text string // one line, which names the key, its value and what is allowed
}

// Error implements error.
func (m *Mistake) Error() string {
	if m.Line == 0 {
		return "space: " + m.Text
	}
	return fmt.Sprintf("space: line %d: %s", m.Line, m.Text)
}

// decoderMistake is what the TOML decoder says: its errors are of several types, and all
// read "toml: line 3 (last key "a.b"): reason", of which line and key may be missing.
// Package regexp would make the page a fiftieth larger.
func decoderMistake(err error) error {
	m := &Mistake{}
	text, _ := strings.CutPrefix(err.Error(), "toml: ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		after := strings.TrimLeft(rest, "0123456789")
		if line, err := strconv.Atoi(rest[:len(rest)-len(after)]); err == nil {
			m.Line, text = line, strings.TrimPrefix(strings.TrimPrefix(after, ":"), " ")
		}
	}
	if rest, ok := strings.CutPrefix(text, "(last key "); ok {
		quoted, _ := strconv.QuotedPrefix(rest)
		reason, ok := strings.CutPrefix(rest[len(quoted):], "): ")
		if key, err := strconv.Unquote(quoted); ok && err == nil {
			text = key + ": " + reason
		}
	}
	// It quotes bad values as they are, line breaks included.
	m.Text = strings.ReplaceAll(text, "\n", `\n`)
	return m
}

// spaceMistake is what [Space.Validate] says of the space in a text, and the line of the
// key that it is about, if the text has that.
func spaceMistake(text string, err error) error {
	m := &Mistake{Text: strings.TrimPrefix(err.Error(), "space: ")}
	// An error says where it was found, what was tried there, and last what is wrong.
	parts := strings.Split(m.Text, ": ")
	for _, part := range slices.Backward(parts) {
		if key := firstKey(part); key != "" {
			m.Line = lineOf(text, key)
			break
		}
	}
	return m
}

// firstKey is the first key of a space that a text names; empty if it names none.
func firstKey(text string) string {
	keys := tomlKeys()
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return !isKeyRune(r) }) {
		if slices.Contains(keys, word) {
			return word
		}
	}
	return ""
}

// lineOf is the number of the first line that begins with a key, be it of a value or
// of a table; 0 if there is none.
func lineOf(text, key string) int {
	number := 0
	for line := range strings.Lines(text) {
		number++
		rest, begins := strings.CutPrefix(strings.TrimLeft(line, " \t[\"'"), key)
		if begins && strings.IndexFunc(rest, isKeyRune) != 0 {
			return number
		}
	}
	return 0
}

// isKeyRune reports whether a key that needs no quotes may have r.
func isKeyRune(r rune) bool {
	return r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}
