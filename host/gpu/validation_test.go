//go:build gpu && linux

package gpu_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// watched is in the environment of the process that Vulkan's validation layer watches.
const watched = "LITEFRONT_GPU_WATCHED"

// Vulkan's validation layer finds no error in what the tests of logits do. It is loaded by
// the environment, since the library does not let it be asked for.
func TestValidation(t *testing.T) {
	if os.Getenv(watched) != "" {
		t.Fatal("the watched process is not to run this test")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^(TestLogits|TestWide)$")
	cmd.Env = append(os.Environ(), watched+"=1", "VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation", "VK_LOADER_DEBUG=layer")
	out, err := cmd.CombinedOutput()
	text := string(out)
	if err != nil {
		t.Errorf("%v: %.2000s", err, text)
	}
	if !strings.Contains(text, `Insert instance layer "VK_LAYER_KHRONOS_validation"`) {
		t.Fatalf("the layer was not loaded: %.2000s", text)
	}
	for line := range strings.Lines(text) {
		if strings.Contains(line, "VUID-") || strings.Contains(line, "Validation Error") {
			t.Errorf("%.1000s", line)
		}
	}
}
