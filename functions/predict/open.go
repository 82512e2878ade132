package predict

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kafkaml/kafkaml/functions/predict/batching"
	"github.com/kafkaml/kafkaml/functions/predict/suspects"
	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// open fetches the model while it connects to Kafka, joins the group and opens the
// library that will run it.
func open(ctx context.Context, c Config) (*service, *stream.Cluster, error) {
	f, err := c.Frameworks.Get(c.Job.Framework)
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "kafkaml-predict-")
	if err != nil {
		return nil, nil, fmt.Errorf("make a folder for the model: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // once loaded, the model is in memory
	if c.Job.Challenger != nil {
		if err := os.Mkdir(challengerDir(dir), 0o700); err != nil {
			return nil, nil, fmt.Errorf("make a folder for the model: %w", err)
		}
	}
	var cluster *stream.Cluster
	leave := func() {}
	all, allCtx := errgroup.WithContext(ctx)
	all.Go(func() error { return framework.Load(f) })
	all.Go(func() error { return fetch(allCtx, c.Artifacts, c.Job.Artifact, f.Kind().Bundle.Served, dir) })
	if second := c.Job.Challenger; second != nil {
		all.Go(func() error {
			return fetch(allCtx, c.Artifacts, second.Artifact, f.Kind().Bundle.Served, challengerDir(dir))
		})
	}
	all.Go(func() (err error) {
		if cluster, err = dial(allCtx, c); err == nil {
			leave = c.joinEarly(ctx, cluster)
		}
		return err
	})
	var s *service
	if err = all.Wait(); err == nil {
		s, err = openService(f, c, dir, cluster)
	}
	if err != nil {
		leave()
		if cluster != nil {
			_ = cluster.Close()
		}
		return nil, nil, err
	}
	c.opened()
	return s, cluster, nil
}

// challengerDir is where the model of the challenger lies beside the other's.
func challengerDir(dir string) string { return filepath.Join(dir, "challenger") }

// openService serves the model whose files are in dir.
func openService(f framework.Framework, c Config, dir string, cluster *stream.Cluster) (*service, error) {
	m, err := openModel(f, c, dir)
	if err != nil {
		return nil, err
	}
	m.suspects = suspects.Open(suspects.Config{
		File: c.Suspects, Inference: c.Job.Inference, Result: c.Job.Result, Sure: c.Watched, Log: c.Log,
		Slots: 2*batching.MostBatches + mostChunks(),
	})
	var second *model
	if c.Job.Challenger != nil {
		if m.decoder.Window() != nil {
			err := pipeline.Invalidf("KAFKAML_PREDICT.challenger", "windows are kept for one result only")
			return nil, errors.Join(err, m.suspects.Close(), m.predictor.Close())
		}
		challenger := c
		challenger.Job = c.Job.Challenged()
		if second, err = openModel(f, challenger, challengerDir(dir)); err != nil {
			return nil, errors.Join(err, m.suspects.Close(), m.predictor.Close())
		}
	}
	return newService(m, second, cluster, c.member, c.Log)
}

// fetch unpacks the files of a trained model, whose keys in the store at url begin
// with key, into dir.
func fetch(ctx context.Context, url, key string, files framework.Blobs, dir string) error {
	store, err := artifact.Open(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	return files.Get(ctx, store, key, dir)
}

// dial connects to Kafka, as long as it takes, and makes the topics that are
// missing.
func dial(ctx context.Context, c Config) (*stream.Cluster, error) {
	for {
		cluster, err := stream.Dial(ctx, c.Kafka)
		if err == nil {
			if err = ensureTopics(ctx, cluster, c.Job); err == nil {
				return cluster, nil
			}
			_ = cluster.Close()
		}
		if pipeline.KindOf(err) != pipeline.Unavailable {
			return nil, err
		}
		c.Log.Warn("Kafka is away; trying again", "error", err)
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(dialPause):
		}
	}
}

// ensureTopics makes the topics that predictions and dead letters go to where
// they are missing, with as many partitions as the input has.
func ensureTopics(ctx context.Context, cluster *stream.Cluster, job pipeline.PredictJob) error {
	partitions, err := cluster.Partitions(ctx, job.InputTopic)
	if err != nil {
		partitions = 1 // the input is not there yet, or not ours to look at
	}
	for _, name := range []string{job.OutputTopic, job.DeadLetter} {
		if err := cluster.EnsureTopic(ctx, name, partitions); err != nil {
			return err
		}
	}
	return nil
}
