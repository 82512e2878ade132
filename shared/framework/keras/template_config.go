package keras

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// A .keras file is opened by whoever downloads it, on a machine of their own, by
// whatever version of Keras they have. Its configuration says what Keras makes for
// it, so it is held to parts of models: Keras of some versions calls any function
// that a configuration names.

// notOfModels are parts of Keras' packages that hold no parts of models: they
// fetch, open, write and load.
var notOfModels = []string{"utils", "saving", "datasets", "callbacks", "export", "config", "distribution", "applications", "preprocessing", "visualization", "wrappers", "legacy", "trainers", "api", "tree"}

// loading are layers that load code or models from elsewhere.
var loading = []string{"TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}

// deepestConfig bounds models within models, and what stands in them.
const deepestConfig = 200

// checkConfig holds config.json of a template to parts of models.
func checkConfig(text []byte) error {
	var config any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&config); err != nil || d.More() {
		return fmt.Errorf("config.json is no JSON")
	}
	return checkObjects(config, 0)
}

func checkObjects(value any, depth int) error {
	if depth > deepestConfig {
		return fmt.Errorf("config.json is nested more than %d deep", deepestConfig)
	}
	switch v := value.(type) {
	case []any:
		for _, one := range v {
			if err := checkObjects(one, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		if err := checkObject(v); err != nil {
			return err
		}
		for _, one := range v {
			if err := checkObjects(one, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkObject holds one object to a part of a model, by the module and the class
// that Keras looks up for it, and to no file that Keras would read for it.
func checkObject(o map[string]any) error {
	if path, ok := o["vocabulary"].(string); ok {
		return fmt.Errorf("config.json names a file %q to read a vocabulary from", plain(path, 100))
	}
	class, isObject := o["class_name"]
	name, isText := class.(string)
	module, hasModule := o["module"].(string)
	switch {
	case !isObject && !hasModule:
		return nil
	case !isText, o["module"] != nil && !hasModule:
		return fmt.Errorf("config.json has an object without a class")
	case slices.Contains(loading, name):
		return fmt.Errorf("config.json loads code from elsewhere (%s)", name)
	case !ofModels(module):
		return fmt.Errorf("config.json names %s of the module %s, which is no part of a model", plain(name, 100), plain(module, 100))
	}
	return nil
}

// ofModels reports whether a module holds parts of models: those of Keras, and
// classes of the source itself, which who opens the file has to give to Keras.
func ofModels(module string) bool {
	switch module {
	case "", "builtins", "__main__":
		return true
	}
	parts := strings.Split(module, ".")
	return parts[0] == "keras" && !slices.ContainsFunc(parts, func(p string) bool { return slices.Contains(notOfModels, p) })
}

// checkMetadata holds metadata.json to what Keras writes: when, and by which version.
func checkMetadata(text []byte) error {
	var m map[string]string
	if err := json.Unmarshal(text, &m); err != nil {
		return fmt.Errorf("metadata.json is no object of texts")
	}
	for key, value := range m {
		if !slices.Contains([]string{"keras_version", "date_saved"}, key) || !validText(value, 100) {
			return fmt.Errorf("metadata.json: %q is not expected", plain(key, 100))
		}
	}
	return nil
}
