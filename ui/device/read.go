package device

import (
	"encoding/json"
	"fmt"

	"litefront/kernels/jobs"
)

// read reads a job. If it is not one, what can be read of it comes with the error.
func read(data []byte) (j jobs.Job, err error) {
	j, err = jobs.Decode[jobs.Job](data)
	if err == nil || len(data) > jobs.MaxMessage {
		return j, err
	}
	if json.Unmarshal(data, &j) != nil { // it may have got some of it
		j = jobs.Job{Number: j.Number, Token: j.Token}
	}
	return j, err
}

// stored reads the queue's answer to a result that was published.
func stored(m Message) error {
	if m.Status != 0 {
		return fmt.Errorf("the queue says %d", m.Status)
	}
	var ack struct {
		Stream string `json:"stream"`
		Error  *struct {
			Description string `json:"description"`
		} `json:"error"`
	}
	switch err := json.Unmarshal(m.Data, &ack); {
	case err != nil:
		return fmt.Errorf("the queue's answer is not understood: %w", err)
	case ack.Error != nil:
		return fmt.Errorf("the queue says %q", ack.Error.Description)
	case ack.Stream != jobs.ResultsStream:
		return fmt.Errorf("the answer went to %.40q", ack.Stream)
	}
	return nil
}
