package search

import (
	"litefront/searchcore/arch"
	"litefront/searchcore/trial"
)

// Command is what a page asks of the worker that searches for it. The worker
// answers with Messages, in any number.
type Command struct {
	Do string `json:"do"` // one of the Do constants
	// Request is what DoStart runs. Its Journal stays empty: the worker keeps it.
	Request *Request `json:"request,omitempty"`
	Journal string   `json:"journal,omitempty"` // what DoImport keeps: the lines of a journal
	// File is the name of what DoModel or DoReport hands over. Arch and Workload are
	// the model of DoModel.
	File     string             `json:"file,omitempty"`
	Arch     *arch.Architecture `json:"arch,omitempty"`
	Workload *trial.Workload    `json:"workload,omitempty"`
	Load     *Load              `json:"load,omitempty"` // what DoProfile or DoSustain runs
}

// The commands. A worker keeps one study.
const (
	DoOpen    = "open"    // describe the device, tell the kept study's events, then the state
	DoStart   = "start"   // search: go on with the kept study, or start one if there is none
	DoStop    = "stop"    // end what runs between two batches; a search can be started again
	DoForget  = "forget"  // discard the kept study
	DoImport  = "import"  // replace the kept study
	DoExport  = "export"  // say the kept study's journal
	DoModel   = "model"   // hand over a file of a model, as package export names them
	DoReport  = "report"  // hand over one of the files that report on the kept study
	DoProfile = "profile" // tell where the time of an architecture goes
	DoSustain = "sustain" // run architectures for long, and tell whether they keep their speed
)

// The files of DoReport, which are those of `litefront search --out`.
const (
	TrialsFile = "trials.csv" // all trials
	StudyFile  = "study.json" // setup, frontier with raw samples, what is predicted
)

// MaxFile bounds a file of DoModel, in bytes: a phone has little more memory to give.
const MaxFile = 512 << 20

// ModelSeed is what the weights in the files of DoModel are drawn from. It is that of
// `litefront export`.
const ModelSeed = 1

// Message is what a worker tells its page. The fields that are set are what it
// says.
type Message struct {
	Event *trial.Event `json:"event,omitempty"`
	// Replayed says that the event, or the frontier that it tells, is of an
	// earlier session.
	Replayed bool          `json:"replayed,omitempty"`
	Device   *trial.Device `json:"device,omitempty"`
	// State says what the worker does from now on. It comes last: what answers a
	// command, or belongs to a search, has been told, but for the frontier that a
	// kept study predicts.
	State string `json:"state,omitempty"`
	// Kept comes with the state that ends the answer to DoOpen, DoForget or DoImport:
	// a study is kept, perhaps one that cannot be read.
	Kept    bool   `json:"kept,omitempty"`
	Journal string `json:"journal,omitempty"` // the answer to DoExport
	// File is the answer to DoModel or DoReport: the name of what comes beside this
	// message as a Blob.
	File string `json:"file,omitempty"`
	// Error is one line for the user. What was measured before is kept.
	Error string `json:"error,omitempty"`
}

// The states of a worker.
const (
	StateIdle      = "idle"
	StateSearching = "searching"
	StateMeasuring = "measuring" // a load of DoProfile or DoSustain runs
)
