package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"text/template"

	"sigs.k8s.io/yaml"
)

// managedBy is the label by which the operator knows its own.
const managedBy = "konnektr.io/managed-by"

// object is what the manifest makes of a row. The operator takes the first document of what the
// template writes and ignores the rest, and of a key that is there twice it takes the last: both
// are errors here, since no template is meant to do it and a hostile setting might make it.
func (m Manifest) object(row map[string]interface{}) (map[string]interface{}, error) {
	text, err := render("template", m.Spec.Template, map[string]interface{}{"Row": row})
	if err != nil {
		return nil, err
	}
	parts := documents(text)
	if len(parts) != 1 {
		return nil, fmt.Errorf("it became %d documents", len(parts))
	}
	encoded, err := yaml.YAMLToJSONStrict([]byte(parts[0]))
	if err != nil {
		return nil, fmt.Errorf("%w in\n%s", err, text)
	}
	var object map[string]interface{}
	if err := json.Unmarshal(encoded, &object); err != nil {
		return nil, err
	}
	return object, label(object, m.Metadata.Name)
}

func label(object map[string]interface{}, name string) error {
	metadata, is := object["metadata"].(map[string]interface{})
	if !is {
		return errors.New("it has no metadata")
	}
	labels, is := metadata["labels"].(map[string]interface{})
	if !is {
		labels = map[string]interface{}{}
		metadata["labels"] = labels
	}
	labels[managedBy] = name
	return nil
}

// report is the SQL that the manifest makes of an object in the cluster.
func (m Manifest) report(object map[string]interface{}) (string, error) {
	data := map[string]interface{}{"Resource": object}
	return render("statusUpdateQueryTemplate", m.Spec.StatusUpdateQueryTemplate, data)
}

func render(name, text string, data map[string]interface{}) (string, error) {
	parsed, err := template.New(name).Funcs(functions()).Parse(text)
	if err != nil {
		return "", err
	}
	var written bytes.Buffer
	if err := parsed.Execute(&written, data); err != nil {
		return "", err
	}
	return written.String(), nil
}
