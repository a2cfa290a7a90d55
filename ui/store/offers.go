package store

import (
	"fmt"
	"slices"
	"strconv"

	"litefront/kernels/measure"
)

// Surroundings are what the page finds out about its browser by itself; what
// candidates run on is in the worker's Device.
type Surroundings struct {
	Secure        bool `json:"secure"`         // the page came by HTTPS or from localhost
	SharedMemory  bool `json:"shared_memory"`  // workers may share WebAssembly memory
	ServiceWorker bool `json:"service_worker"` // the browser can keep the page
	WebGPU        bool `json:"web_gpu"`
	// MemoryMiB is the largest linear memory that was granted, of those that were
	// tried: up to what a candidate may need.
	MemoryMiB       int     `json:"memory_mib"`
	DeviceMemoryGiB float64 `json:"device_memory_gib"` // rounded by the browser; 0 where it does not tell
}

// Offer is something that candidates or their measuring profit from, and whether
// this browser has it.
type Offer struct {
	Name    string
	Value   string
	Missing bool
	Follows string // a sentence: what follows, mostly from its being missing; empty for nothing
	Remedy  string // a sentence: what to do about it; empty where nothing can be done
}

// littleMemoryGiB is a device's memory beside which the largest candidates are much.
const littleMemoryGiB = 2

// Offers lists what this browser offers; nothing before the worker has told its
// device.
func (s *Store) Offers() []Offer {
	if s.Device == nil {
		return nil
	}
	around, isolated := s.Surroundings, slices.Contains(s.Device.Features, "isolated")
	isolate, also := "", "What isolates the page helps here, too."
	switch {
	case isolated:
		also = ""
	case around.Secure:
		isolate = "Its server has to send the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp, as litefront serve does."
	default:
		isolate = "Open the page by HTTPS or as localhost."
	}
	return []Offer{
		s.feature("SIMD", "simd128", "No candidate can run here, since all of them compute with it.", "Use a newer browser."),
		s.feature("Relaxed SIMD", "relaxed-simd", "Candidates use portable instructions, which take somewhat longer.", ""),
		s.feature("Isolation from other sites", "isolated", "The browser makes its timer coarse and shares no memory, for fear of what a page could spy out.", isolate),
		s.sharedThreads(also),
		s.timer(also),
		around.memory(),
		around.deviceMemory(),
		{Name: "WebGPU", Value: yes(around.WebGPU), Follows: "Not used by this version, which computes on the CPU."},
		s.offline(),
	}
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// missing is an offer that is not there.
func missing(name, value, follows, remedy string) Offer {
	return Offer{name, value, true, follows, remedy}
}

// feature is a feature of the device.
func (s *Store) feature(name, feature, follows, remedy string) Offer {
	if slices.Contains(s.Device.Features, feature) {
		return Offer{Name: name, Value: yes(true)}
	}
	return missing(name, yes(false), follows, remedy)
}

// sharedThreads tells whether several can share the memory of a candidate.
func (s *Store) sharedThreads(remedy string) Offer {
	const name = "Threads over shared memory"
	switch {
	case !s.Surroundings.SharedMemory:
		if remedy == "" {
			remedy = "Use a newer browser."
		}
		return missing(name, yes(false), "Candidates run on one thread, and a setup with more is refused.", remedy)
	case s.Device.Cores > 0:
		return Offer{Name: name, Value: fmt.Sprintf("yes, up to %d", s.Device.Cores)}
	}
	return Offer{Name: name, Value: yes(true)}
}

// timer tells the step of the timer, and whether samples must last longer for it.
func (s *Store) timer(remedy string) Offer {
	const name = "Timer step"
	step := s.Device.TimerStepNs
	value := decimal(float64(step)/1e3) + " µs"
	sample, least := measure.SampleNs(step), measure.SampleNs(0)
	if sample <= least {
		return Offer{Name: name, Value: value}
	}
	return missing(name, value, fmt.Sprintf("To be as exact, a sample lasts %s ms instead of %s, so there are fewer of them in a candidate's time.",
		decimal(float64(sample)/1e6), decimal(float64(least)/1e6)), remedy)
}

func (a Surroundings) memory() Offer {
	const name = "Memory of a module"
	const most = MemoryLimit >> 20 // MiB
	switch {
	case a.MemoryMiB >= most:
		return Offer{Name: name, Value: fmt.Sprintf("%d MiB, as much as a candidate may need", most)}
	case a.MemoryMiB == 0:
		return missing(name, "hardly any", "Most candidates fail for want of memory.", "Close what else is open, and reload the page.")
	}
	return missing(name, fmt.Sprintf("%d MiB", a.MemoryMiB), "Candidates that need more fail.", fmt.Sprintf("Close what else is open, or set the constraint peak_mb<=%d.", a.MemoryMiB))
}

func (a Surroundings) deviceMemory() Offer {
	const name = "Memory of the device"
	switch {
	case a.DeviceMemoryGiB <= 0:
		return Offer{Name: name, Value: "not told by this browser"}
	case a.DeviceMemoryGiB >= littleMemoryGiB:
		return Offer{Name: name, Value: "about " + decimal(a.DeviceMemoryGiB) + " GiB"}
	}
	return missing(name, "about "+decimal(a.DeviceMemoryGiB)+" GiB", "Large candidates may find no room beside other programs.", "Close what else is open, or set a constraint such as peak_mb<=256.")
}

func (s *Store) offline() Offer {
	a := s.Surroundings
	const name = "Use without the server"
	remedy := "Use a newer browser, or a window that is not private."
	if !a.Secure {
		remedy = "Open the page by HTTPS or as localhost."
	}
	if !a.ServiceWorker {
		return missing(name, yes(false), "The page needs its server at every visit.", remedy)
	}
	switch {
	case s.pageLost:
		return missing(name, "no, the browser refused to keep the page", "The page needs its server at every visit.", "Allow this site to store data, and reload the page.")
	case s.pageKept:
		return Offer{Name: name, Value: yes(true)}
	}
	return Offer{Name: name, Value: "yes, once the page is kept"}
}

// decimal writes a number with the digits that it has.
func decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
