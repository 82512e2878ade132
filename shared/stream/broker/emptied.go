package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// keepEnds tells kfake where partitions end that retention has emptied. kfake
// begins such a partition at offset 0 again when it is started: committed
// offsets, and the ranges that datasources name, would mean other records. What
// it wrote at its end still says the offset, and is believed where a segment,
// even an empty one, begins there.
func keepEnds(dir string) error {
	snapshots, err := filepath.Glob(filepath.Join(dir, "partitions", "*", "snapshot.json"))
	if err != nil {
		return err
	}
	for _, path := range snapshots {
		if err := keepEnd(path); err != nil {
			return fmt.Errorf("keep the end of an emptied partition: %w", err)
		}
	}
	return nil
}

func keepEnd(path string) error {
	segments, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*.dat"))
	if err != nil {
		return err
	}
	for _, s := range segments {
		if info, err := os.Stat(s); err != nil || info.Size() > 0 {
			return err
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var end struct {
		Next int64 `json:"high_watermark"`
	}
	snapshot := map[string]any{}
	if err := errors.Join(json.Unmarshal(text, &end), json.Unmarshal(text, &snapshot)); err != nil || end.Next == 0 {
		return nil // kfake does without a snapshot that it cannot read
	}
	for _, s := range segments {
		if err := os.Remove(s); err != nil {
			return err
		}
	}
	snapshot["log_start_offset"] = end.Next
	snapshot["segments"] = []map[string]int64{{"base_offset": end.Next, "size": 0}}
	if text, err = json.Marshal(snapshot); err != nil {
		return err
	}
	if err := os.WriteFile(path+".part", text, 0o644); err != nil {
		return err
	}
	if err := os.Rename(path+".part", path); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(filepath.Dir(path), fmt.Sprintf("%d.dat", end.Next)), nil, 0o644)
}
