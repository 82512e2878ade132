package registry

import (
	"context"
	"crypto/rand"
	"fmt"
)

// secretSize is the length of a secret in bytes.
const secretSize = 32

// Secret gives a secret of the installation, the same to all its processes: 32
// random bytes that are made when they are first asked for. It is never part of
// an answer, an event or a log.
func (s *Store) Secret(ctx context.Context, name string) (value []byte, err error) {
	err = s.Do(ctx, func(tx *Tx) error {
		fresh := make([]byte, secretSize)
		_, _ = rand.Read(fresh) // it never fails
		if err := tx.exec("INSERT INTO secrets (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING", name, fresh); err != nil {
			return fmt.Errorf("store the secret %q: %w", name, err)
		}
		if err := tx.row("SELECT value FROM secrets WHERE name = ?", name).Scan(&value); err != nil {
			return fmt.Errorf("read the secret %q: %w", name, err)
		}
		return nil
	})
	return value, err
}
