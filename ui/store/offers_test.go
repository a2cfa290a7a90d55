package store

import (
	"slices"
	"strings"
	"testing"

	"litefront/kernels/search"
	"litefront/searchcore/trial"
)

// offered returns what a page with these surroundings says of a device.
func offered(t *testing.T, d trial.Device, around Surroundings) []Offer {
	t.Helper()
	s := New("test")
	s.Surroundings = around
	s.Open()
	tell(t, s, search.Message{Device: &d, State: search.StateIdle})
	return s.Offers()
}

// full is a browser that lacks nothing.
var full = Surroundings{Secure: true, SharedMemory: true, ServiceWorker: true, WebGPU: true, MemoryMiB: 1024, DeviceMemoryGiB: 8}

var fullDevice = trial.Device{Cores: 4, Features: []string{"simd128", "relaxed-simd", "isolated"}, TimerStepNs: 5000}

func TestOffers(t *testing.T) {
	without := func(feature string) trial.Device {
		d := fullDevice
		d.Features = slices.DeleteFunc(slices.Clone(d.Features), func(f string) bool { return f == feature })
		return d
	}
	change := func(f func(*Surroundings)) Surroundings {
		a := full
		f(&a)
		return a
	}
	slow := fullDevice
	slow.TimerStepNs = 20_000
	slower := without("isolated")
	slower.TimerStepNs = 100_000
	for _, tt := range []struct {
		name    string
		device  trial.Device
		around  Surroundings
		missing string // the names of what is, with commas
		offer   string // one of the offers,
		value   string // with what its value,
		follows string // consequence
		remedy  string // and remedy contain; "" for none of the latter two
	}{
		{"everything", fullDevice, full, "", "Threads over shared memory", "up to 4", "", ""},
		{"a fine timer", fullDevice, full, "", "Timer step", "5 µs", "", ""},
		{"the coarsest fine timer", slow, full, "", "Timer step", "20 µs", "", ""},
		{"memory", fullDevice, full, "", "Memory of a module", "1024 MiB", "", ""},
		{"device memory", fullDevice, full, "", "Memory of the device", "about 8 GiB", "", ""},
		{"WebGPU", fullDevice, full, "", "WebGPU", "yes", "Not used by this version", ""},
		{"no WebGPU", fullDevice, change(func(a *Surroundings) { a.WebGPU = false }), "", "WebGPU", "no", "Not used by this version", ""},
		{"offline", fullDevice, full, "", "Use without the server", "once the page is kept", "", ""},
		{"device memory not told", fullDevice, change(func(a *Surroundings) { a.DeviceMemoryGiB = 0 }), "", "Memory of the device", "not told", "", ""},
		{"no SIMD", without("simd128"), full, "SIMD", "SIMD", "no", "No candidate can run", "newer browser"},
		{"no relaxed SIMD", without("relaxed-simd"), full, "Relaxed SIMD", "Relaxed SIMD", "no", "portable", ""},
		{"by HTTP from elsewhere", slower, change(func(a *Surroundings) { a.Secure, a.SharedMemory, a.ServiceWorker = false, false, false }),
			"Isolation from other sites,Threads over shared memory,Timer step,Use without the server", "Timer step", "100 µs", "lasts 10 ms instead of 2", "isolates"},
		{"isolation by HTTP from elsewhere", slower, change(func(a *Surroundings) { a.Secure, a.SharedMemory, a.ServiceWorker = false, false, false }),
			"Isolation from other sites,Threads over shared memory,Timer step,Use without the server", "Isolation from other sites", "no", "timer coarse", "HTTPS or as localhost"},
		{"isolated by no server", without("isolated"), change(func(a *Surroundings) { a.SharedMemory = false }),
			"Isolation from other sites,Threads over shared memory", "Isolation from other sites", "no", "timer coarse", "Cross-Origin-Embedder-Policy"},
		{"threads of a server", without("isolated"), change(func(a *Surroundings) { a.SharedMemory = false }),
			"Isolation from other sites,Threads over shared memory", "Threads over shared memory", "no", "one thread", "isolates"},
		{"isolated, not shared", fullDevice, change(func(a *Surroundings) { a.SharedMemory = false }),
			"Threads over shared memory", "Threads over shared memory", "no", "refused", "newer browser"},
		{"little linear memory", fullDevice, change(func(a *Surroundings) { a.MemoryMiB = 256 }), "Memory of a module", "Memory of a module", "256 MiB", "fail", "peak_mb<=256"},
		{"no linear memory", fullDevice, change(func(a *Surroundings) { a.MemoryMiB = 0 }), "Memory of a module", "Memory of a module", "hardly any", "fail", "reload"},
		{"a small device", fullDevice, change(func(a *Surroundings) { a.DeviceMemoryGiB = 0.5 }), "Memory of the device", "Memory of the device", "about 0.5 GiB", "no room", "peak_mb<=256"},
		{"a private window", fullDevice, change(func(a *Surroundings) { a.ServiceWorker = false }), "Use without the server", "Use without the server", "no", "needs its server", "not private"},
	} {
		offers := offered(t, tt.device, tt.around)
		var absent []string
		for _, o := range offers {
			if o.Missing {
				absent = append(absent, o.Name)
			}
			if o.Missing && o.Follows == "" || o.Remedy != "" && o.Follows == "" || o.Value == "" {
				t.Errorf("%s: %+v says too little", tt.name, o)
			}
			for _, sentence := range []string{o.Follows, o.Remedy} {
				if sentence != "" && (!strings.HasSuffix(sentence, ".") || strings.Count(sentence, ". ") > 0) {
					t.Errorf("%s: %q is not one sentence", tt.name, sentence)
				}
			}
		}
		if got := strings.Join(absent, ","); got != tt.missing {
			t.Errorf("%s: missing are %s; want %s", tt.name, got, tt.missing)
		}
		i := slices.IndexFunc(offers, func(o Offer) bool { return o.Name == tt.offer })
		if i < 0 {
			t.Fatalf("%s: nothing about %s in %+v", tt.name, tt.offer, offers)
		}
		o := offers[i]
		if !strings.Contains(o.Value, tt.value) || !says(o.Follows, tt.follows) || !says(o.Remedy, tt.remedy) {
			t.Errorf("%s: %+v", tt.name, o)
		}
	}
	if offers := New("test").Offers(); offers != nil {
		t.Errorf("before the worker has told its device: %+v", offers)
	}
}

// says reports whether text contains want, and is empty if that is.
func says(text, want string) bool {
	return strings.Contains(text, want) && (text == "") == (want == "")
}
