package pipeline

import (
	"regexp"
	"strings"
)

// The bounds of what people say of a result.
const (
	maxTags = 50
	maxTag  = 200 // of a name or a value, in bytes
)

var (
	aliasName = regexp.MustCompile(`^[a-z]([a-z0-9._-]{0,48}[a-z0-9])?$`)
	tagName   = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9._/-]*[a-zA-Z0-9])?$`)
)

// AliasForm is what a person gives of an alias.
type AliasForm struct {
	Alias string `json:"alias" required:"true" minLength:"1" maxLength:"160" example:"champion" description:"name among the results of its model; MODEL@ALIAS may be given, too"`
}

// ResultForm is what a person may say of a result.
type ResultForm struct {
	Notes string            `json:"notes,omitempty" maxLength:"4096" arg:"TEXT" example:"the week of the sale" description:"notes for people"`
	Tags  map[string]string `json:"tags,omitempty" flag:"tag" arg:"NAME=VALUE,..." description:"tags to set; one whose value is empty is taken off"`
}

// Tags are texts by name.
type Tags map[string]string

// AliasRef is how a model's alias is written: mnist@champion.
func AliasRef(model, alias string) string { return model + "@" + alias }

// ParseAlias reads MODEL@ALIAS, or an alias alone, of which model is empty. An
// alias that is none is an Invalid error of field.
func ParseAlias(field, ref string) (model, alias string, err error) {
	alias = ref
	if at := strings.LastIndexByte(ref, '@'); at >= 0 {
		if model, alias = ref[:at], ref[at+1:]; model == "" {
			return "", "", Invalidf(field, "%q names no model before the @", ref).WithHint("write MODEL@ALIAS, such as mnist@champion")
		}
	}
	if !aliasName.MatchString(alias) {
		return "", "", Invalidf(field, "%q cannot be an alias", alias).
			WithHint("1 to 50 lower-case letters, digits, dots, dashes and underscores, a letter first, a letter or digit last")
	}
	return model, alias, nil
}

// MergeTags gives tags with changes; one whose value is empty is taken off. What
// cannot be a tag, and more than there may be, is an Invalid error.
func MergeTags(tags, changes map[string]string) (map[string]string, error) {
	all := map[string]string{}
	for name, value := range tags {
		all[name] = value
	}
	for name, value := range changes {
		if len(name) > maxTag || !tagName.MatchString(name) {
			return nil, Invalidf("tags", "%q cannot be the name of a tag", name).
				WithHint("1 to %d letters, digits, dots, dashes, underscores and slashes, a letter or digit first and last", maxTag)
		}
		if len(value) > maxTag || !printable(value) {
			return nil, Invalidf("tags", "the value of %s is longer than %d bytes, or has characters that cannot be shown", name, maxTag)
		}
		if all[name] = value; value == "" {
			delete(all, name)
		}
	}
	if len(all) > maxTags {
		return nil, Invalidf("tags", "a result has %d tags at most, not %d", maxTags, len(all))
	}
	return all, nil
}
