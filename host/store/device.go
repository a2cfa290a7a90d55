package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"litefront/searchcore/trial"
)

// State says whether a device may measure.
type State string

// The states of a device.
const (
	Active      State = "active"
	Quarantined State = "quarantined" // its numbers are not believed, for a reason
	Revoked     State = "revoked"     // its owner, or the host's, took its credentials away
)

// Device is one that measures, or did.
type Device struct {
	ID        string       `json:"id"` // stable; also in what it measured, as trial.Device.ID
	Name      string       `json:"name"`
	Class     string       `json:"class"`      // of devices that count as one
	PublicKey string       `json:"public_key"` // no other device has the same
	Seen      trial.Device `json:"device"`     // as it described itself last

	State     State     `json:"state"`
	Reason    string    `json:"reason,omitempty"` // of the state
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`

	Reputation Reputation `json:"reputation"`
	// Measured counts its results in all journals.
	Measured int `json:"measured"`
}

// Reputation counts what came of a device's work.
type Reputation struct {
	Accepted     int64 `json:"accepted"`     // results that were told to a study
	Failed       int64 `json:"failed"`       // trials that ended without a result
	Refused      int64 `json:"refused"`      // results that nobody could use: malformed, late, implausible
	Confirmed    int64 `json:"confirmed"`    // results that another device's agree with
	Contradicted int64 `json:"contradicted"` // results that another device's do not agree with
}

// PutDevice keeps who d is and what it says of itself: everything up to Seen, and
// LastSeen. A device that is new also gets its state, reason and FirstSeen; those of one
// that is known are changed by [Store.SetDeviceState] alone. The error wraps [ErrExists]
// if another device has its key.
func (s *Store) PutDevice(ctx context.Context, d Device) error {
	seen, err := json.Marshal(d.Seen)
	if err != nil {
		return s.failure(err)
	}
	if err := checkDevice(d, seen); err != nil {
		return s.failure(err)
	}
	err = s.change(ctx, func(tx *sql.Tx) error {
		var other string
		err := tx.QueryRowContext(ctx, "SELECT id FROM device WHERE public_key = ? AND id <> ?", d.PublicKey, d.ID).Scan(&other)
		switch {
		case err == nil:
			return fmt.Errorf("device %q: its public key %w, as that of %q", d.ID, ErrExists, other)
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO device (id, name, class, public_key, description, state, reason, first_seen, last_seen)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, class = excluded.class,
				public_key = excluded.public_key, description = excluded.description, last_seen = excluded.last_seen`,
			d.ID, d.Name, d.Class, d.PublicKey, string(seen), string(d.State), d.Reason, d.FirstSeen.UnixMilli(), d.LastSeen.UnixMilli())
		return err
	})
	return s.failure(err)
}

func checkDevice(d Device, seen []byte) error {
	for _, f := range []struct{ what, text string }{{"id", d.ID}, {"name", d.Name}, {"class", d.Class}, {"public_key", d.PublicKey}} {
		if err := checkText("device: "+f.what, f.text, maxWord); err != nil {
			return err
		}
	}
	if len(seen) > maxSeen {
		return fmt.Errorf("device %q: its description has %d bytes; at most %d are allowed", d.ID, len(seen), maxSeen)
	}
	return checkState(d.ID, d.State, d.Reason)
}

func checkState(id string, state State, reason string) error {
	if !slices.Contains([]State{Active, Quarantined, Revoked}, state) {
		return fmt.Errorf("device %q: state %.40q must be %q, %q or %q", id, state, Active, Quarantined, Revoked)
	}
	if reason == "" && state != Quarantined {
		return nil
	}
	return checkText(fmt.Sprintf("device %q: reason of state %q", id, state), reason, maxReason)
}

// SetDeviceState changes the state of a device. Quarantine needs a reason, which people
// get to see.
func (s *Store) SetDeviceState(ctx context.Context, id string, state State, reason string) error {
	err := checkState(id, state, reason)
	if err == nil {
		err = s.changeDevice(ctx, id, "UPDATE device SET state = ?, reason = ? WHERE id = ?", string(state), reason, id)
	}
	return s.failure(err)
}

// CountDevice adds to the reputation of a device, and notes that it was seen.
func (s *Store) CountDevice(ctx context.Context, id string, seen time.Time, add Reputation) error {
	return s.failure(s.changeDevice(ctx, id, `
		UPDATE device SET accepted = accepted + ?, failed = failed + ?, refused = refused + ?,
			confirmed = confirmed + ?, contradicted = contradicted + ?, last_seen = max(last_seen, ?)
		WHERE id = ?`,
		add.Accepted, add.Failed, add.Refused, add.Confirmed, add.Contradicted, seen.UnixMilli(), id))
}

func (s *Store) changeDevice(ctx context.Context, id, statement string, args ...any) error {
	return s.change(ctx, func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, statement, args...)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return fmt.Errorf("device %q %w", id, ErrUnknown)
	})
}

const selectDevice = `
	SELECT id, name, class, public_key, description, state, reason, first_seen, last_seen,
		accepted, failed, refused, confirmed, contradicted,
		(SELECT count(*) FROM measurement WHERE measurement.device = device.id)
	FROM device `

// Devices lists all devices, by class and name.
func (s *Store) Devices(ctx context.Context) ([]Device, error) {
	rows, err := s.read.QueryContext(ctx, selectDevice+"ORDER BY class, name, id")
	if err != nil {
		return nil, s.failure(err)
	}
	defer rows.Close()
	var list []Device
	for rows.Next() {
		d, err := scanDevice(rows.Scan)
		if err != nil {
			return nil, s.failure(err)
		}
		list = append(list, d)
	}
	return list, s.failure(rows.Err())
}

// Device returns one device. The error wraps [ErrUnknown] if there is none.
func (s *Store) Device(ctx context.Context, id string) (Device, error) {
	d, err := scanDevice(s.read.QueryRowContext(ctx, selectDevice+"WHERE id = ?", id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("device %q %w", id, ErrUnknown)
	}
	return d, s.failure(err)
}

func scanDevice(scan func(...any) error) (Device, error) {
	var d Device
	var seen string
	var first, last int64
	err := scan(&d.ID, &d.Name, &d.Class, &d.PublicKey, &seen, (*string)(&d.State), &d.Reason, &first, &last,
		&d.Reputation.Accepted, &d.Reputation.Failed, &d.Reputation.Refused, &d.Reputation.Confirmed, &d.Reputation.Contradicted, &d.Measured)
	if err != nil {
		return Device{}, err
	}
	if err := json.Unmarshal([]byte(seen), &d.Seen); err != nil {
		return Device{}, fmt.Errorf("device %q: its description is damaged: %w", d.ID, err)
	}
	d.FirstSeen, d.LastSeen = time.UnixMilli(first).UTC(), time.UnixMilli(last).UTC()
	return d, nil
}
