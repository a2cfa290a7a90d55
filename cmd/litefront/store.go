package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"litefront/host/journal"
	"litefront/host/store"
	"litefront/searchcore/trial"
)

// storeFlag says where the store is.
type storeFlag struct{ path string }

func newStoreFlag(cmd *cobra.Command) *storeFlag {
	f := &storeFlag{}
	cmd.Flags().StringVar(&f.path, "store", "", "file of the store (default: litefront/store.db in the user's folder for data)")
	return f
}

// file is the path of the store.
func (f *storeFlag) file() (string, error) {
	if f.path != "" {
		return f.path, nil
	}
	data, err := dataDir()
	if err != nil {
		return "", fmt.Errorf("no folder for the store: %w; --store names a file", err)
	}
	return filepath.Join(data, "litefront", "store.db"), nil
}

// absent reports whether there is no store yet.
func (f *storeFlag) absent() (bool, error) {
	path, err := f.file()
	if err != nil {
		return false, err
	}
	_, err = os.Stat(path)
	return errors.Is(err, fs.ErrNotExist), nil
}

// open opens the store, and makes it if it may.
func (f *storeFlag) open(ctx context.Context, mayMake bool) (*store.Store, error) {
	path, err := f.file()
	if err != nil {
		return nil, err
	}
	if mayMake && f.path == "" {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
	}
	if _, err := os.Stat(path); !mayMake && errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("store %s: there is none; litefront fleet or litefront store import makes one", path)
	}
	return store.Open(ctx, path)
}

// dataDir is the user's folder for data that programs keep. That for configuration
// would not do: it is often copied from machine to machine, on Windows by the system,
// and a store may have gigabytes.
func dataDir() (string, error) {
	switch runtime.GOOS {
	case "windows":
		return os.UserCacheDir() // %LocalAppData%, which is for both
	case "darwin", "ios":
		return os.UserConfigDir() // Application Support, likewise
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".local", "share"), err
}

// storeCommand copies what the store has, or adds to it.
func storeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "store",
		Short: "Back up the store of studies and devices, export its journals, import others",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknown(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(storeBackupCommand(), storeExportCommand(), storeImportCommand())
	return cmd
}

func storeBackupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the store to a file, also while it is in use",
		Long: "Copy the store, as it is at this moment, to a file that is there whole or not at all. No file is replaced,\n" +
			"and others may go on using the store. The copy is a store itself: --store names it, or it takes the place of a damaged one.",
		Args: oneArg("the file of the copy"),
	}
	flag := newStoreFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := untilInterrupted(cmd)
		s, err := flag.open(ctx, false)
		if err != nil {
			return err
		}
		defer s.Close()
		if err := s.Backup(ctx, args[0]); err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", args[0])
		return err
	}
	return cmd
}

func storeExportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export DIR",
		Short: "Write the journal of each study and class of devices to a file of its own",
		Long: "Write the journal of each study and class of devices to a file of its own, such as search --study keeps,\n" +
			"which front, compare and search read. Nothing that is in the folder is replaced.",
		Args: oneArg("the folder for the journals"),
	}
	flag := newStoreFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := untilInterrupted(cmd)
		s, err := flag.open(ctx, false)
		if err != nil {
			return err
		}
		defer s.Close()
		list, err := s.Export(ctx, args[0])
		if err != nil {
			return err
		}
		for _, e := range list {
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), e.Path); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

func storeImportCommand() *cobra.Command {
	var name, class string
	cmd := &cobra.Command{
		Use:   "import JOURNAL...",
		Short: "Add journals of studies to the store",
		Long: "Add the journals of studies to the store, each whole or not at all, under their studies' names. Journals of\n" +
			"one search on several classes of devices are one study. The files are not changed.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("%s needs the journals of studies", cmd.CommandPath())
			}
			return nil
		},
	}
	flag := newStoreFlag(cmd)
	cmd.Flags().StringVar(&name, "name", "", "name of the study, instead of that in the journal")
	cmd.Flags().StringVar(&class, "class", "", "class of the devices that measured (default: what the device of the first result says of itself)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := untilInterrupted(cmd)
		read := func(path string) (events []trial.Event, of string, err error) {
			if events, err = journal.Read(path); err != nil {
				return nil, "", err
			}
			if of = cmp.Or(class, classOf(events)); of == "" {
				return nil, "", fmt.Errorf("journal %s: it has no result that would tell its class of devices; --class names one", path)
			}
			return events, of, nil
		}
		if _, _, err := read(args[0]); err != nil { // before a store is made
			return err
		}
		s, err := flag.open(ctx, true)
		if err != nil {
			return err
		}
		defer s.Close()
		for _, path := range args {
			events, of, err := read(path)
			if err != nil {
				return err
			}
			st, err := s.Import(ctx, name, of, events)
			if err != nil {
				return fmt.Errorf("journal %s: %w", path, err)
			}
			if _, err := fmt.Fprintf(cmd.OutOrStdout(), "study %q, class %q: %d events of %s\n", st.Name, of, len(events), path); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

// classOf names the kind of device that gave the first result; of a fleet, its class.
func classOf(events []trial.Event) string {
	for _, e := range events {
		if e.Measured != nil {
			d := e.Measured.Measurement.Device
			if d.ID != "" {
				return d.Name
			}
			return strings.TrimSpace(fmt.Sprintf("%s/%s %s", d.OS, d.Arch, d.CPU))
		}
	}
	return ""
}
