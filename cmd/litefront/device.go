package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"litefront/host/fleet/device"
	"litefront/host/runtime"
	"litefront/kernels/jobs"
)

// deviceCommand measures for a host elsewhere.
func deviceCommand() *cobra.Command {
	var join, name, label, state, caFile string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "device --join URL",
		Short: "Measure on this device for a host's fleet",
		Long: "Measure on this device for a host's fleet, without a browser, until Ctrl-C or a polite kill.\n" +
			"The URL is that of an invitation, which litefront fleet prints, in quotes: shells take & for their own.\n" +
			"A device that has joined once needs no invitation any more: the URL without what follows # will do.\n" +
			"The host sends architectures, never code; what they may take is limited here.",
		Args: noArgs("--join names the host"),
	}
	f := cmd.Flags()
	f.StringVar(&join, "join", "", "URL of the invitation, such as 'https://host:8443/#join=TOKEN&ca=SHA256'")
	f.StringVar(&name, "name", "", "what people call this device (default: the name of this machine)")
	f.StringVar(&label, "label", "", "tells devices apart that are alike; those of another label have a study of their own")
	f.StringVar(&state, "state", "", "folder for the device's key and what it knows of hosts (default: litefront/device in the user's folder for configuration)")
	f.StringVar(&caFile, "ca-file", "", "certificates that the host's must come from, in a PEM file, instead of the system's")
	f.BoolVar(&asJSON, "json", false, "log one JSON object a line")
	limits := addLimitFlags(cmd, time.Minute, "time to spend on each candidate at most; a host may ask for less")
	limits.addTarget(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if join == "" {
			return errors.New("--join names the host, by the URL that litefront fleet prints")
		}
		address, err := device.ParseAddress(join)
		if err != nil {
			return err
		}
		if label != "" && !jobs.IsName(label) {
			return fmt.Errorf("label %.40q must be 1 to 64 of a-z, 0-9 and -", label)
		}
		if name == "" {
			if name, err = os.Hostname(); err != nil {
				return fmt.Errorf("this machine has no name: %w; --name gives one", err)
			}
		}
		if state == "" {
			folder, err := os.UserConfigDir()
			if err != nil {
				return fmt.Errorf("no folder for the device's key: %w; --state gives one", err)
			}
			state = filepath.Join(folder, "litefront", "device")
		}
		if limits.target == "cpu" {
			if err := runtime.CheckCompiler(); err != nil {
				return err
			}
		}
		process, err := limits.start()
		if err != nil {
			return err
		}
		defer process.Close()
		log := slog.New(logTo(cmd.ErrOrStderr(), asJSON))
		if d := process.Device(); isSoftware(d) {
			log.Warn("a software adapter, whose times tell nothing of GPUs", "adapter", d.CPU)
		}
		worker := &jobs.Worker{Target: process, Code: runtime.CodeVersion(), MemoryLimit: int64(limits.memory), Budget: limits.trialTime}
		defer worker.Close()
		return device.Run(untilInterrupted(cmd), device.Config{
			Address: address, CAFile: caFile, Dir: state, Doer: worker, Log: log,
			Hello: jobs.Hello{Name: name, Label: label, Device: process.Device(), Features: process.Features(), Code: runtime.CodeVersion()},
		})
	}
	return cmd
}

func logTo(w io.Writer, asJSON bool) slog.Handler {
	if asJSON {
		return slog.NewJSONHandler(w, nil)
	}
	return slog.NewTextHandler(w, nil)
}
