package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"litefront/host/store"
	"litefront/searchcore/results"
)

// devicesCommand lists the devices that measure for this machine, and says whether one
// may go on.
func devicesCommand() *cobra.Command {
	var asJSON bool
	var admit, revoke string
	cmd := &cobra.Command{
		Use:   "devices",
		Short: "List the devices that the store knows, and how far they are trusted",
		Long: "List the devices that the store knows, and how far they are trusted. A device that is revoked is sent away\n" +
			"by a fleet that runs, within its lease; one that is admitted again comes back by litefront device or the page.",
		Args: noArgs("the store is named by --store"),
	}
	flag := newStoreFlag(cmd)
	f := cmd.Flags()
	f.BoolVar(&asJSON, "json", false, "print JSON")
	f.StringVar(&admit, "admit", "", "ID of a device that is quarantined or revoked, to let it measure again")
	f.StringVar(&revoke, "revoke", "", "ID of a device that is to measure no more")
	cmd.MarkFlagsMutuallyExclusive("admit", "revoke")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s, err := flag.open(cmd.Context(), false)
		if err != nil {
			return err
		}
		defer s.Close()
		switch {
		case admit != "":
			err = s.SetDeviceState(cmd.Context(), admit, store.Active, "")
		case revoke != "":
			err = s.SetDeviceState(cmd.Context(), revoke, store.Revoked, "")
		}
		if err != nil {
			return err
		}
		list, err := s.Devices(cmd.Context())
		if err != nil {
			return err
		}
		if asJSON {
			return results.WriteJSON(cmd.OutOrStdout(), append([]store.Device{}, list...)) // [] where there is none
		}
		return deviceTable(cmd.OutOrStdout(), list)
	}
	return cmd
}

func deviceTable(w io.Writer, list []store.Device) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "no devices")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "id\tname\tclass\tstate\tmeasured\tfailed\trefused\tconfirmed\tcontradicted\tlast seen\treason")
	for _, d := range list {
		r := d.Reputation
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\n", d.ID, d.Name, d.Class, d.State, d.Measured,
			r.Failed, r.Refused, r.Confirmed, r.Contradicted, local(d.LastSeen), d.Reason)
	}
	return table.Flush()
}

// local is a time as people here read it.
func local(t time.Time) string { return t.Local().Format(time.DateTime) }
