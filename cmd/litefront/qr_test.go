package main

import (
	"strings"
	"testing"

	"rsc.io/qr"
)

// unprinted reads a QR code back from what is on a terminal: true is black. The
// lines must set and reset their colours.
func unprinted(t *testing.T, lines []string) (modules [][]bool) {
	t.Helper()
	for _, line := range lines {
		line, begins := strings.CutPrefix(line, "\x1b[38;5;16;48;5;231m")
		line, ends := strings.CutSuffix(line, "\x1b[0m")
		if !begins || !ends {
			t.Fatalf("a line is %q", line)
		}
		var upper, lower []bool
		for _, c := range line {
			upper = append(upper, c == '█' || c == '▀')
			lower = append(lower, c == '█' || c == '▄')
			if !strings.ContainsRune("█▀▄ ", c) {
				t.Fatalf("a line has %q", c)
			}
		}
		modules = append(modules, upper, lower)
	}
	return modules
}

// isQR checks that printed lines are the QR code of text, with white around it.
func isQR(t *testing.T, lines []string, text string) {
	t.Helper()
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		t.Fatal(err)
	}
	modules := unprinted(t, lines)
	if want := code.Size + 2*4; len(modules) < want || len(modules) > want+1 {
		t.Fatalf("%d rows of modules; want %d", len(modules), want)
	}
	for y, row := range modules {
		if len(row) != code.Size+2*4 {
			t.Fatalf("row %d has %d modules; want %d", y, len(row), code.Size+2*4)
		}
		for x, black := range row {
			if want := code.Black(x-4, y-4); black != want { // outside of the code all is white
				t.Fatalf("of %q module %d, %d is black: %v; want %v", text, x-4, y-4, black, want)
			}
		}
	}
}

func TestQRCode(t *testing.T) {
	for _, text := range []string{"", "http://10.0.0.7:8080/", "http://192.168.100.100:12345/", "http://[fd12:3456:789a:bcde:f012:3456:789a:bcde]:65535/", strings.Repeat("http://", 100)} {
		printed, err := qrCode(text)
		if err != nil {
			t.Fatal(err)
		}
		isQR(t, strings.Split(strings.TrimSuffix(printed, "\n"), "\n"), text)
	}
	if _, err := qrCode(strings.Repeat("long", 1000)); err == nil {
		t.Error("no QR code has 4000 characters")
	}
}
