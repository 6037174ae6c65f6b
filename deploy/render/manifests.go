package main

import (
	"fmt"
	"os"
	"strings"

	"sigs.k8s.io/yaml"
)

const (
	apiVersion = "konnektr.io/v1alpha1"
	kind       = "DatabaseQueryResource"
)

// Manifest is a DatabaseQueryResource. It has every field that one may have, so that a misspelt
// one does not go unnoticed.
type Manifest struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   Metadata `json:"metadata"`
	Spec       Spec     `json:"spec"`
}

type Metadata struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type Spec struct {
	PollInterval              string           `json:"pollInterval"`
	Prune                     *bool            `json:"prune,omitempty"`
	Database                  Database         `json:"database"`
	Query                     string           `json:"query"`
	Template                  string           `json:"template"`
	StatusUpdateQueryTemplate string           `json:"statusUpdateQueryTemplate,omitempty"`
	ChangeDetection           *ChangeDetection `json:"changeDetection,omitempty"`
}

type Database struct {
	Type                string              `json:"type"`
	ConnectionSecretRef ConnectionSecretRef `json:"connectionSecretRef"`
}

type ConnectionSecretRef struct {
	Name        string `json:"name"`
	Namespace   string `json:"namespace,omitempty"`
	URIKey      string `json:"uriKey,omitempty"`
	HostKey     string `json:"hostKey,omitempty"`
	PortKey     string `json:"portKey,omitempty"`
	UserKey     string `json:"userKey,omitempty"`
	PasswordKey string `json:"passwordKey,omitempty"`
	DBNameKey   string `json:"dbNameKey,omitempty"`
	SSLModeKey  string `json:"sslModeKey,omitempty"`
}

type ChangeDetection struct {
	Enabled            bool   `json:"enabled"`
	TableName          string `json:"tableName"`
	TimestampColumn    string `json:"timestampColumn"`
	ChangePollInterval string `json:"changePollInterval,omitempty"`
}

func readManifests(path string) ([]Manifest, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	manifests := []Manifest{}
	for number, document := range documents(string(text)) {
		var manifest Manifest
		if err := yaml.UnmarshalStrict([]byte(document), &manifest); err != nil {
			return nil, fmt.Errorf("%s: document %d: %w", path, number, err)
		}
		if manifest.APIVersion != apiVersion || manifest.Kind != kind {
			return nil, fmt.Errorf("%s: document %d is no %s of %s", path, number, kind, apiVersion)
		}
		manifests = append(manifests, manifest)
	}
	return manifests, nil
}

func find(path, name string) (Manifest, error) {
	manifests, err := readManifests(path)
	if err != nil {
		return Manifest{}, err
	}
	for _, manifest := range manifests {
		if manifest.Metadata.Name == name {
			return manifest, nil
		}
	}
	return Manifest{}, fmt.Errorf("%s has no manifest %q", path, name)
}

// documents of a stream of YAML, those without anything in them left out.
func documents(text string) []string {
	parts, current := []string{}, []string{}
	for _, line := range append(strings.Split(text, "\n"), "---") {
		if !strings.HasPrefix(line, "---") {
			current = append(current, line)
			continue
		}
		if document := strings.Join(current, "\n"); !isEmpty(document) {
			parts = append(parts, document)
		}
		current = nil
	}
	return parts
}

func isEmpty(document string) bool {
	for _, line := range strings.Split(document, "\n") {
		if trimmed := strings.TrimSpace(line); trimmed != "" && !strings.HasPrefix(trimmed, "#") {
			return false
		}
	}
	return true
}
