package registry_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// imported stores a model that was imported and its result.
func imported(t *testing.T, s *registry.Store) (m pipeline.Model, r pipeline.Result) {
	t.Helper()
	from := &pipeline.Imported{File: "iris.onnx", Format: "onnx", Bytes: 518, SHA256: "83"}
	do(t, s, func(tx *registry.Tx) (err error) {
		m = pipeline.Model{Name: "iris", Framework: "onnx", Imported: from, Export: pipeline.Export{Untrainable: "import the .keras file"}}
		if err := tx.CreateModel(&m); err != nil {
			return err
		}
		r = pipeline.Result{Model: m.ID, ModelName: m.Name, ModelVersion: 1, Imported: from, Status: pipeline.ResultFinished, Attempt: 1}
		if r.ID, err = tx.ReserveResult(); err != nil {
			return err
		}
		return tx.CreateResult(&r)
	})
	return m, r
}

func TestImportedResult(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		w := populate(t, s)
		m, r := imported(t, s)
		if r.ID != w.result.ID+1 {
			t.Errorf("it has the id %d, which was not the reserved one", r.ID)
		}
		do(t, s, func(tx *registry.Tx) error {
			page, err := tx.Results(registry.Query{By: map[string]int64{"model": m.ID}})
			if err != nil || len(page.Items) != 1 || page.Items[0].Deployment != 0 || *page.Items[0].Imported != *r.Imported {
				t.Errorf("listed %+v, %v", page.Items, err)
			}
			d, err := tx.Deployment(w.deployment.ID)
			if err != nil || len(d.Results) != 1 {
				t.Errorf("the deployment has the results %v, %v", d.Results, err)
			}
			return tx.UpdateResult(&r)
		})
		i := pipeline.Inference{Result: r.ID, InputTopic: "a", OutputTopic: "b"}
		do(t, s, func(tx *registry.Tx) error { return tx.CreateInference(&i) })
		refused(t, s.Do(t.Context(), func(tx *registry.Tx) error { return tx.DeleteResult(r.ID) }), pipeline.InUse, i.Name)
		refused(t, s.Do(t.Context(), func(tx *registry.Tx) error { return tx.DeleteModel(m.ID) }), pipeline.InUse, "result")
		do(t, s, func(tx *registry.Tx) error {
			return errors.Join(tx.DeleteInference(i.ID), tx.DeleteResult(r.ID), tx.DeleteModel(m.ID))
		})
	})
}

func TestImportedModelThatOnlyServes(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		m, r := imported(t, s)
		refused(t, s.Do(t.Context(), func(tx *registry.Tx) error {
			return tx.CreateConfiguration(&pipeline.Configuration{Name: "c", Models: []int64{m.ID}})
		}), pipeline.Invalid, "iris", "cannot be trained")
		for name, wrong := range map[string]pipeline.Result{
			"of no deployment": {Model: m.ID, Status: pipeline.ResultFinished},
			"not finished":     {Model: m.ID, Imported: r.Imported},
			"of a deployment":  {Model: m.ID, Imported: r.Imported, Status: pipeline.ResultFinished, Deployment: 1},
		} {
			if err := s.Do(t.Context(), func(tx *registry.Tx) error { return tx.CreateResult(&wrong) }); pipeline.KindOf(err) != pipeline.Invalid {
				t.Errorf("%s: got %v, want a refusal", name, err)
			}
		}
	})
}

// TestMigrationOfWhatIsThere runs the migrations after the first once more, over
// results with all that refers to them, and over a command's answer.
func TestMigrationOfWhatIsThere(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		w := populate(t, s)
		do(t, s, func(tx *registry.Tx) error { return tx.AnswerCommand(cli("1"), registry.Answered{Answer: []byte("a")}) })
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		statement(t, url, "DROP TABLE secrets")
		statement(t, url, "DROP TABLE audit")
		statement(t, url, "DELETE FROM counters WHERE name = 'audit'")
		statement(t, url, "DROP INDEX datasources_last")
		statement(t, url, "CREATE INDEX datasources_deployment ON datasources (deployment)")
		withoutStreams(t, url)
		statement(t, url, "DROP INDEX results_parent")
		statement(t, url, "ALTER TABLE results DROP COLUMN parent")
		statement(t, url, "DROP TABLE aliases")
		statement(t, url, "DROP TABLE tags")
		statement(t, url, "ALTER TABLE inferences DROP COLUMN challenger")
		statement(t, url, "DROP TABLE samplers")
		statement(t, url, "DROP TABLE studies")
		statement(t, url, "DELETE FROM counters WHERE name = 'study'")
		statement(t, url, "DROP INDEX results_verifying")
		statement(t, url, "ALTER TABLE results DROP COLUMN verifying")
		statement(t, url, "DROP TABLE model_variants")
		statement(t, url, "DROP INDEX deployments_scheduled")
		statement(t, url, "ALTER TABLE deployments DROP COLUMN scheduled")
		statement(t, url, "DELETE FROM goose_db_version WHERE version_id >= 2")
		s, err := registry.Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		do(t, s, func(tx *registry.Tx) error {
			page, err := tx.Results(registry.Query{By: map[string]int64{"deployment": w.deployment.ID}})
			if err != nil || len(page.Items) != 1 {
				t.Errorf("the deployment has the results %v, %v", page.Items, err)
			}
			if a, seen, err := tx.Command(cli("1")); err != nil || !seen || string(a.Answer) != "a" {
				t.Errorf("the command was answered %q, %v", a.Answer, err)
			}
			_, err = tx.Inference(w.inference.ID)
			return err
		})
		err = s.Do(t.Context(), func(tx *registry.Tx) error {
			return tx.CreateResult(&pipeline.Result{Deployment: w.deployment.ID + 1, Model: w.model.ID})
		})
		refused(t, err, pipeline.Invalid, "there is no deployment")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// withoutStreams undoes the columns and indexes of the migration 13.
func withoutStreams(t *testing.T, url string) {
	t.Helper()
	for _, text := range []string{
		"DROP INDEX datasources_stream", "ALTER TABLE datasources DROP COLUMN stream",
		"CREATE INDEX results_deployment ON results (deployment)", "DROP INDEX results_newest", "DROP INDEX results_states", "DROP INDEX results_models",
	} {
		statement(t, url, text)
	}
}

// TestMigrationOfStudies opens studies of one model, as they were stored before they
// had several; the texts of one look like members.
func TestMigrationOfStudies(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		w := populate(t, s)
		want := []pipeline.StudyModel{{ID: 4, Name: `,"space":,"datasource":"model":`, Version: 2}}
		for _, datasource := range []int64{0, 9} {
			st := pipeline.Study{Configuration: w.configuration.ID, Models: want, Datasource: datasource, Space: []pipeline.Parameter{}}
			do(t, s, func(tx *registry.Tx) error {
				return tx.CreateStudy(&st, &pipeline.Deployment{Configuration: st.Configuration})
			})
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		statement(t, url, `UPDATE studies SET body = replace(replace(replace(replace(body, '}],', ','), '"models":[{"id":', '"model":'), '"name":', '"model_name":'), '"version":', '"model_version":')`)
		withoutStreams(t, url)
		statement(t, url, "DELETE FROM goose_db_version WHERE version_id >= 13")
		s, err := registry.Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		do(t, s, func(tx *registry.Tx) error {
			page, err := tx.Studies(registry.Query{})
			for i, st := range page.Items {
				if !slices.Equal(st.Models, want) || st.Datasource != []int64{9, 0}[i] {
					t.Errorf("%+v", st)
				}
			}
			if len(page.Items) != 2 {
				t.Errorf("%d studies", len(page.Items))
			}
			return err
		})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestStreamsFromBefore finds the stream that a deployment has trained on among those
// of an earlier version, too.
func TestStreamsFromBefore(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		w := populate(t, s)
		other := w.datasource
		other.Ranges = append(slices.Clone(other.Ranges), pipeline.Range{Topic: "more", Length: 1})
		for range 2 {
			do(t, s, func(tx *registry.Tx) error {
				first, known, err := tx.TrainedOn(w.deployment.ID, w.datasource)
				if err != nil || !known || first.ID != w.datasource.ID {
					t.Errorf("%v %v %v", first, known, err)
				}
				if _, known, err := tx.TrainedOn(w.deployment.ID, other); err != nil || known {
					t.Errorf("another stream: %v %v", known, err)
				}
				if _, known, err := tx.TrainedOn(w.deployment.ID+1, w.datasource); err != nil || known {
					t.Errorf("another deployment: %v %v", known, err)
				}
				return nil
			})
			statement(t, url, "UPDATE datasources SET stream = ''")
		}
	})
}
