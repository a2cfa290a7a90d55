package main

import (
	"strings"

	"rsc.io/qr"
)

// quietZone is how many modules around a QR code have to be white (ISO/IEC 18004).
const quietZone = 4

// qrCode draws text as a QR code, two modules to a character. Its colours are those
// of the palette of 256 that no theme changes, so that it is black on white on dark
// terminals too: not every phone reads the opposite.
func qrCode(text string) (string, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for y := -quietZone; y < code.Size+quietZone; y += 2 {
		b.WriteString("\x1b[38;5;16;48;5;231m")
		for x := -quietZone; x < code.Size+quietZone; x++ {
			switch upper, lower := code.Black(x, y), code.Black(x, y+1); {
			case upper && lower:
				b.WriteRune('█')
			case upper:
				b.WriteRune('▀')
			case lower:
				b.WriteRune('▄')
			default:
				b.WriteRune(' ')
			}
		}
		b.WriteString("\x1b[0m\n")
	}
	return b.String(), nil
}
