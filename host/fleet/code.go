package fleet

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// quietZone is how many modules around a QR code have to be white (ISO/IEC 18004).
const quietZone = 4

// drawCode draws text as a QR code, as jobs.Invitation has it; nothing if it is too long
// for one. The page has no room for what makes one.
func drawCode(text string) (path string, size int) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return "", 0
	}
	var d strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			begin := x
			for code.Black(x, y) {
				x++
			}
			if n := x - begin; n > 0 {
				fmt.Fprintf(&d, "M%d %dh%dv1h-%dz", quietZone+begin, quietZone+y, n, n)
			}
		}
	}
	return d.String(), code.Size + 2*quietZone
}
