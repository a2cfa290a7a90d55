package store

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// Limits of texts, in bytes.
const (
	maxName    = 1000    // of a study, as package study has it
	maxWord    = 200     // of a device's ID, name, class and public key
	maxReason  = 1000    // of a device's state
	maxRequest = 4 << 20 // of a study
	maxSeen    = 16_000  // of what a device says of itself, as JSON
)

// checkText demands one line of printable text, neither empty nor too long.
func checkText(what, text string, most int) error {
	switch {
	case text == "":
		return fmt.Errorf("%s is empty", what)
	case len(text) > most:
		return fmt.Errorf("%s has %d bytes; at most %d are allowed", what, len(text), most)
	case !utf8.ValidString(text):
		return fmt.Errorf("%s %.40q must be UTF-8", what, text)
	}
	for _, r := range text {
		if unicode.IsControl(r) {
			return fmt.Errorf("%s %.40q must be one line of printable text", what, text)
		}
	}
	return nil
}
