package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
)

//go:embed migrations
var files embed.FS

// migrations bring a store from one version to the next, the first from nothing to 1.
// What was published is not changed any more.
var migrations = readMigrations(files)

func readMigrations(files fs.FS) (list []string) {
	for version := 1; ; version++ {
		text, err := fs.ReadFile(files, fmt.Sprintf("migrations/%04d.sql", version))
		if err != nil {
			return list
		}
		list = append(list, string(text))
	}
}

// migrate runs the migrations that db has not seen, all or none.
func migrate(ctx context.Context, db *sql.DB, list []string) error {
	tx, err := db.BeginTx(ctx, nil) // two processes may open a store at once
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var version int
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	switch {
	case version == len(list):
		return nil
	case version > len(list) || version < 0:
		return fmt.Errorf("of version %d; this program knows those up to %d", version, len(list))
	}
	for i, text := range list[version:] {
		if _, err := tx.ExecContext(ctx, text); err != nil {
			return fmt.Errorf("cannot bring it to version %d: %w", version+i+1, err)
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", len(list))); err != nil {
		return err
	}
	return tx.Commit()
}
