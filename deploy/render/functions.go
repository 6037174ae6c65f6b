package main

import (
	"encoding/json"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"sigs.k8s.io/yaml"
)

// functions of the operator's templates: Sprig's, and those that Helm has beside or instead of
// them. TOML is left out.
func functions() template.FuncMap {
	all := sprig.TxtFuncMap()
	for name, function := range map[string]interface{}{
		"toYaml":        orNothing(toYaml),
		"mustToYaml":    toYaml,
		"toJson":        orNothing(toJson),
		"mustToJson":    toJson,
		"fromYaml":      mapFrom(fromYaml),
		"fromYamlArray": arrayFrom(fromYaml),
		"fromJson":      mapFrom(json.Unmarshal),
		"fromJsonArray": arrayFrom(json.Unmarshal),
	} {
		all[name] = function
	}
	return all
}

func toYaml(value interface{}) (string, error) {
	written, err := yaml.Marshal(value)
	return strings.TrimSuffix(string(written), "\n"), err
}

func toJson(value interface{}) (string, error) {
	written, err := json.Marshal(value)
	return string(written), err
}

// orNothing writes nothing where something cannot be written, as Helm does.
func orNothing(write func(interface{}) (string, error)) func(interface{}) string {
	return func(value interface{}) string {
		written, err := write(value)
		if err != nil {
			return ""
		}
		return written
	}
}

type decoder func(text []byte, into interface{}) error

func fromYaml(text []byte, into interface{}) error {
	return yaml.Unmarshal(text, into)
}

// mapFrom reads a map; what is wrong with the text is said in it, as Helm does.
func mapFrom(decode decoder) func(string) map[string]interface{} {
	return func(text string) map[string]interface{} {
		read := map[string]interface{}{}
		if err := decode([]byte(text), &read); err != nil {
			read["Error"] = err.Error()
		}
		return read
	}
}

func arrayFrom(decode decoder) func(string) []interface{} {
	return func(text string) []interface{} {
		read := []interface{}{}
		if err := decode([]byte(text), &read); err != nil {
			return []interface{}{err.Error()}
		}
		return read
	}
}
