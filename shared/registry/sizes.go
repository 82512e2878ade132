package registry

import "context"

// Sizes is what a registry has grown to. What comes without an end is pruned: of events
// 100,000 and 128 MiB are kept, of answers as many and 64 MiB of each principal for a
// week, of lines of the audit 100,000, and some more until it is looked at.
type Sizes struct {
	Bytes   int64 `json:"bytes" description:"that the database takes on its disk"`
	Events  int64 `json:"events"`
	Answers int64 `json:"answers" description:"to commands, kept for who sends one twice"`
	Audit   int64 `json:"audit" description:"lines"`
}

// Sizes counts what is there.
func (s *Store) Sizes(ctx context.Context) (Sizes, error) {
	found, err := Read(ctx, s, func(tx *Tx) (found Sizes, err error) {
		for table, n := range map[string]*int64{"events": &found.Events, "commands": &found.Answers, "audit": &found.Audit} {
			if err := tx.row("SELECT COUNT(*) FROM " + table).Scan(n); err != nil {
				return found, err
			}
		}
		return found, nil
	})
	if err != nil {
		return found, err
	}
	found.Bytes, err = s.db.bytes(ctx)
	return found, s.db.explain(err)
}
