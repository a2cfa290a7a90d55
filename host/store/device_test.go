package store

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"litefront/searchcore/trial"
)

func testDevice(id string) Device {
	at := time.UnixMilli(1_800_000_000_123).UTC()
	return Device{ID: id, Name: "Ann's phone", Class: "phone", PublicKey: "key of " + id,
		Seen:  trial.Device{ID: id, Name: "pixel", OS: "android", Cores: 8, Features: []string{"simd128"}},
		State: Active, FirstSeen: at, LastSeen: at}
}

func TestDevices(t *testing.T) {
	s := fresh(t)
	a, b := testDevice("a"), testDevice("b")
	b.Class, b.State, b.Reason = "board", Quarantined, "sentinels twice as slow"
	for _, d := range []Device{a, b} {
		if err := s.PutDevice(ctx, d); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.Devices(ctx)
	if err != nil || !reflect.DeepEqual(list, []Device{b, a}) {
		t.Fatalf("%+v, %v", list, err)
	}

	// Seen again, a device does not get out of quarantine, and stays as old as it is.
	again := b
	again.State, again.Reason, again.Name = Active, "", "board 2"
	again.FirstSeen = again.FirstSeen.Add(time.Hour)
	again.LastSeen = again.FirstSeen
	if err := s.PutDevice(ctx, again); err != nil {
		t.Fatal(err)
	}
	b.Name, b.LastSeen = again.Name, again.LastSeen
	if got, err := s.Device(ctx, "b"); err != nil || !reflect.DeepEqual(got, b) {
		t.Errorf("%+v (%v), want %+v", got, err, b)
	}

	if err := s.SetDeviceState(ctx, "a", Revoked, ""); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.CountDevice(ctx, "a", a.LastSeen.Add(time.Second), Reputation{1, 2, 3, 4, 5}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Import(ctx, "", "phone", measuredEvents(t, "tiny", 3)); err != nil {
		t.Fatal(err)
	}
	a.State, a.Reputation, a.LastSeen, a.Measured = Revoked, Reputation{2, 4, 6, 8, 10}, a.LastSeen.Add(time.Second), 3
	if got, err := s.Device(ctx, "a"); err != nil || !reflect.DeepEqual(got, a) {
		t.Errorf("%+v (%v), want %+v", got, err, a)
	}
}

func TestDevicesRefuse(t *testing.T) {
	s := fresh(t)
	if err := s.PutDevice(ctx, testDevice("a")); err != nil {
		t.Fatal(err)
	}
	change := func(f func(*Device)) error {
		d := testDevice("b")
		f(&d)
		return s.PutDevice(ctx, d)
	}
	for want, err := range map[string]error{
		"id is empty":                     change(func(d *Device) { d.ID = "" }),
		"name has 201 bytes":              change(func(d *Device) { d.Name = strings.Repeat("x", 201) }),
		"one line of printable text":      change(func(d *Device) { d.Class = "a\nb" }),
		"must be UTF-8":                   change(func(d *Device) { d.Name = "\xff" }),
		"description has":                 change(func(d *Device) { d.Seen.CPU = strings.Repeat("x", maxSeen) }),
		`state "" must be`:                change(func(d *Device) { d.State = "" }),
		"as that of \"a\"":                change(func(d *Device) { d.PublicKey = "key of a" }),
		`reason of state "quarantined" i`: s.SetDeviceState(ctx, "a", Quarantined, ""),
		`device "b" is unknown`:           s.SetDeviceState(ctx, "b", Active, ""),
		`device "c" is unknown`:           s.CountDevice(ctx, "c", time.Now(), Reputation{}),
	} {
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want one line with %q", err, want)
		}
	}
	if _, err := s.Device(ctx, "b"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if list, err := s.Devices(ctx); err != nil || len(list) != 1 {
		t.Errorf("%d devices, %v", len(list), err)
	}
}
