//go:build gpu && unix

package main

import (
	"bytes"
	"strings"
	"syscall"
	"testing"
)

// TestGPUDevice has a fleet's study in half precision done by a GPU; a CPU is refused,
// since it has none.
func TestGPUDevice(t *testing.T) {
	s := newSandbox(t)
	fleet, invitation, frontier := s.fleet("--precision", "f16", "--budget", "3", "--end-after", "1", "--lease", "3s")
	if _, stderr, code := s.run("device", "--join", invitation, "--state", "cpu"); code != 1 || !strings.Contains(stderr, `the study is in precision "f16", and this device has ["f32" "int8"]`) {
		t.Errorf("a CPU: exit code %d, stderr:\n%s", code, stderr)
	}
	device := s.command("device", "--join", invitation, "--state", "gpu", "--target", "gpu")
	var log bytes.Buffer
	device.Stdout, device.Stderr = &log, &log
	if err := device.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- device.Wait()
		_ = fleet.Process.Signal(syscall.SIGTERM) // which waits for devices
	}()
	if err := fleet.Wait(); err != nil {
		_ = device.Process.Kill()
		t.Fatalf("the fleet ended with %v; its device, %v, said:\n%s", err, <-ended, &log)
	}
	_ = device.Process.Signal(syscall.SIGTERM) // if it has not ended before, by a mistake
	if err := <-ended; err != nil {
		t.Errorf("the device ended with %v", err)
	}
	if n := strings.Count(log.String(), "msg=measured"); n < 3 || !strings.Contains(frontier.String(), "decode") {
		t.Errorf("%d measurements; the fleet printed:\n%s\nand the device:\n%s", n, frontier, &log)
	}
}

// TestGPUStudyStays has a study stay on the target that it began on.
func TestGPUStudyStays(t *testing.T) {
	s := newSandbox(t)
	for _, c := range []struct{ began, other, says string }{
		{"gpu", "cpu", "goes on with --target gpu"},
		{"cpu", "gpu", "goes on with --target cpu"},
	} {
		study := c.began + ".jsonl"
		s.must(quick("--budget", "1", "--target", c.began, "--study", study)...)
		if _, stderr, code := s.run(quick("--budget", "2", "--target", c.other, "--study", study)...); code != 1 || !strings.Contains(stderr, c.says) {
			t.Errorf("began on %s: exit code %d, stderr:\n%s", c.began, code, stderr)
		}
		s.must(quick("--budget", "2", "--target", c.began, "--study", study)...)
	}
}
