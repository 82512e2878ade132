package keras

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a child says of its model is opened by those who download it: a forged
// configuration has nothing that Keras would load, fetch, read or call for it.
func TestAttackForgedTemplate(t *testing.T) {
	layer := func(object string) string {
		return `{"class_name": "Sequential", "module": "keras", "config": {"layers": [` + object + `]}}`
	}
	for name, c := range map[string]struct{ config, says string }{
		"a model":                 {layer(`{"class_name": "Dense", "module": "keras.layers", "config": {"units": 3}, "registered_name": null}`), ""},
		"a function of Keras":     {layer(`{"class_name": "function", "module": "builtins", "config": "relu", "registered_name": "function"}`), ""},
		"a class of the source":   {layer(`{"class_name": "Mine", "module": null, "config": {}, "registered_name": "Mine"}`), ""},
		"a module of Keras":       {layer(`{"class_name": "Functional", "module": "keras.src.models.functional", "config": {}}`), ""},
		"a call of the system":    {layer(`{"class_name": "system", "module": "os", "config": "id"}`), "the module os"},
		"a part of a module":      {layer(`{"class_name": "run", "module": "keras.src.os", "config": {"module": "subprocess", "class_name": "run"}}`), "the module subprocess"},
		"a module like Keras":     {layer(`{"class_name": "Layer", "module": "keras_evil", "config": {}}`), "the module keras_evil"},
		"a download":              {layer(`{"class_name": "get_file", "module": "keras.utils", "config": {}}`), "the module keras.utils"},
		"a download by its place": {layer(`{"class_name": "get_file", "module": "keras.src.utils.file_utils", "config": {}}`), "the module keras.src.utils.file_utils"},
		"a load within a load":    {layer(`{"class_name": "load_model", "module": "keras.saving", "config": {}}`), "the module keras.saving"},
		"a model from elsewhere":  {layer(`{"class_name": "TFSMLayer", "module": "keras.layers", "config": {"filepath": "/etc"}}`), "loads code"},
		"a file of words":         {layer(`{"class_name": "StringLookup", "module": "keras.layers", "config": {"vocabulary": "/etc/passwd"}}`), "/etc/passwd"},
		"a module of no text":     {layer(`{"class_name": "Dense", "module": ["os"], "config": {}}`), "without a class"},
		"a class of no text":      {layer(`{"class_name": {"a": 1}, "config": {}}`), "without a class"},
		"a second document":       {`{} {"class_name": "system", "module": "os"}`, "no JSON"},
		"no end of lists":         {strings.Repeat("[", 1000) + strings.Repeat("]", 1000), "nested"},
	} {
		t.Run(name, func(t *testing.T) {
			err := checkConfig([]byte(c.config))
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
	dir, e := exported(t)
	for name, says := range map[string]string{"config.json": "the module os", "metadata.json": "metadata.json"} {
		path := filepath.Join(dir, "keras", name)
		was, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(`{"class_name": "system", "module": "os"}`), 0o600); err != nil {
			t.Fatal(err)
		}
		refused(t, dir, e, says)
		if err := os.WriteFile(path, was, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Verify(dir, e); err != nil {
		t.Error(err)
	}
}
