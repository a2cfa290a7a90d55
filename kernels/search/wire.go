package search

import (
	"slices"

	"litefront/kernels"
	"litefront/kernels/generate"
	"litefront/kernels/jobs"
	"litefront/searchcore/arch"
	"litefront/searchcore/trial"
)

// Command is what a page asks of the worker that searches for it. The worker
// answers with Messages, in any number.
type Command struct {
	Do string `json:"do"` // one of the Do constants
	// Request is what DoStart runs. Its Journal stays empty: the worker keeps it.
	Request *Request `json:"request,omitempty"`
	// Target says what DoStart measures on: TargetCPU, which none means, or TargetGPU. A
	// study that is continued stays on what it was measured on.
	Target string `json:"target,omitempty"`
	// Journal is what DoImport keeps, or DoRead reads: the lines of a journal.
	Journal string `json:"journal,omitempty"`
	// Objectives are those by which DoRead takes the frontier; none means the study's own.
	Objectives []string `json:"objectives,omitempty"`
	// File is the name of what DoModel or DoReport hands over, or of the weights that
	// come beside DoGenerate as a Blob: a safetensors file. Arch and Workload are the
	// model of DoModel.
	File     string             `json:"file,omitempty"`
	Arch     *arch.Architecture `json:"arch,omitempty"`
	Workload *trial.Workload    `json:"workload,omitempty"`
	// Generate is what DoGenerate generates.
	Generate *generate.Request `json:"generate,omitempty"`
	// Space is the TOML that DoSurvey is about. With a Workload it plans memory, too.
	Space string `json:"space,omitempty"`
	Load  *Load  `json:"load,omitempty"` // what DoProfile or DoSustain runs
	// Job is what DoJob measures for a host.
	Job *jobs.Job `json:"job,omitempty"`
	// Hidden says, with DoHide, whether the page is in the background.
	Hidden bool `json:"hidden,omitempty"`
}

// The targets of a browser.
const (
	TargetCPU = "cpu" // WebAssembly
	TargetGPU = "gpu" // WebGPU
)

// OnGPU reports whether a device measures GPU programs.
func OnGPU(d trial.Device) bool { return slices.Contains(d.Features, "webgpu") }

// The commands. A worker keeps one study.
const (
	DoOpen   = "open"   // describe the device, tell the kept study's events, then the state
	DoStart  = "start"  // search: go on with the kept study, or start one if there is none
	DoStop   = "stop"   // end what runs between two batches; a search can be started again
	DoForget = "forget" // discard the kept study
	DoImport = "import" // replace the kept study
	DoExport = "export" // say the kept study's journal
	DoModel  = "model"  // hand over a file of a model, as package export names them
	DoReport = "report" // hand over one of the files that report on the kept study
	DoRead   = "read"   // say what there is to show of another study, which is not kept
	DoSurvey = "survey" // say what is in a search space
	DoHide   = "hide"   // note whether the page is in the background; it is not answered

	DoGenerate = "generate" // continue a prompt with a model, until DoStop at most
	DoProfile  = "profile"  // tell where the time of an architecture goes
	DoSustain  = "sustain"  // run architectures for long, and tell whether they keep their speed
	DoJob      = "job"      // measure for a host
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
	// GPU is the other device that this browser has, if any; it comes after the state that
	// ends the answer to DoOpen.
	GPU *trial.Device `json:"gpu,omitempty"`
	// Features come with Device: those that modules are compiled for.
	Features *kernels.Features `json:"features,omitempty"`
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
	// Generated is a piece of the answer to DoGenerate.
	Generated *Generated `json:"generated,omitempty"`
	// Surveyed is the answer to DoSurvey.
	Surveyed *Surveyed `json:"surveyed,omitempty"`
	// Other is the answer to DoRead.
	Other *Other `json:"other,omitempty"`
	// Answered is the answer to DoJob, however that ended.
	Answered *Answered `json:"answered,omitempty"`
	// Error is one line for the user. What was measured before is kept.
	Error string `json:"error,omitempty"`
	// Notice is one too, about something that ends nothing.
	Notice string `json:"notice,omitempty"`
}

// Generated are tokens as they come.
type Generated struct {
	Tokens []int `json:"tokens,omitempty"` // since the piece before
	// Result comes with the last piece, also where DoStop ended it early.
	Result *generate.Result `json:"result,omitempty"`
}

// The states of a worker.
const (
	StateIdle       = "idle"
	StateSearching  = "searching"
	StateGenerating = "generating"
	StateMeasuring  = "measuring" // a load of DoProfile or DoSustain runs, or a job
)

// Answered is what came of a job: a measurement, or the reason why there is none, in one
// line. After DoStop there is neither.
type Answered struct {
	Token       string             `json:"token"` // the job's
	Measurement *trial.Measurement `json:"measurement,omitempty"`
	Logits      string             `json:"logits,omitempty"`  // as in jobs.Result
	Failure     string             `json:"failure,omitempty"` // it is the job's: elsewhere it would fail, too
	Unable      string             `json:"unable,omitempty"`  // it is this device's
}

// Other is what a page shows of a study that its worker does not keep: enough to draw
// the frontier by any two objectives, and to compare it with other frontiers.
type Other struct {
	Started  trial.Started `json:"started"`
	Device   *trial.Device `json:"device,omitempty"` // of the first measured trial, if any
	Devices  int           `json:"devices"`          // that measured it
	Measured int           `json:"measured"`         // trials of the search
	// Objectives are those of the frontier, Best and Worst what they reach over the
	// feasible trials of the search; both are empty if there is none.
	Objectives []string     `json:"objectives"`
	Best       []float64    `json:"best,omitempty"`
	Worst      []float64    `json:"worst,omitempty"`
	Frontier   []OtherPoint `json:"frontier"`
}

// OtherPoint is a member of the frontier, from worst to best by the first objective.
type OtherPoint struct {
	Number int `json:"trial"`
	// Values are those of all objectives that are known, by name.
	Values map[string]float64 `json:"values"`
}
