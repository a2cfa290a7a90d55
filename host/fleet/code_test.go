package fleet

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"rsc.io/qr"

	"litefront/kernels/jobs"
)

// The path has to be black where the code is: read it back.
func TestDrawCode(t *testing.T) {
	address := "https://192.168.100.200:8443/#join=ABCDEFGHIJKLMNOPQRSTUVWXYZ&ca=" + strings.Repeat("0a", 32)
	path, size := drawCode(address)
	want, err := qr.Encode(address, qr.L)
	if err != nil {
		t.Fatal(err)
	}
	if size != want.Size+8 {
		t.Fatalf("%d wide; want %d", size, want.Size+8)
	}
	black := map[[2]int]bool{}
	runs := regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`)
	if rest := runs.ReplaceAllString(path, ""); rest != "" {
		t.Errorf("the path has %.40q", rest)
	}
	for _, m := range runs.FindAllStringSubmatch(path, -1) {
		var n [4]int
		for i := range n {
			if n[i], err = strconv.Atoi(m[i+1]); err != nil {
				t.Fatal(err)
			}
		}
		if n[2] != n[3] {
			t.Fatalf("%s does not come back", m[0])
		}
		for x := n[0]; x < n[0]+n[2]; x++ {
			black[[2]int{x, n[1]}] = true
		}
	}
	for y := range size {
		for x := range size {
			if black[[2]int{x, y}] != want.Black(x-quietZone, y-quietZone) {
				t.Fatalf("at %d, %d it is black: %v", x, y, black[[2]int{x, y}])
			}
		}
	}
	if _, err := jobs.Encode(jobs.Invitation{V: jobs.Version, URL: address, Code: path, CodeSize: size}); err != nil {
		t.Error(err)
	}
	if path, size := drawCode(strings.Repeat("long", 1000)); path != "" || size != 0 {
		t.Error("no QR code has 4000 characters")
	}
}
