package main

import (
	"strings"
	"testing"
)

func manifest(template string) Manifest {
	return Manifest{Metadata: Metadata{Name: "mine"}, Spec: Spec{Template: template}}
}

func TestItsOwnLabelIsPutOnEveryObject(t *testing.T) {
	made := manifest("kind: A\nmetadata:\n  name: {{ .Row.name }}\n")
	object, err := made.object(map[string]interface{}{"name": "x"})
	if err != nil {
		t.Fatal(err)
	}
	labels := object["metadata"].(map[string]interface{})["labels"]
	if labels.(map[string]interface{})[managedBy] != "mine" {
		t.Errorf("labels are %v", labels)
	}
}

func TestWhatIsMoreThanOneObjectIsRefused(t *testing.T) {
	for name, template := range map[string]string{
		"a second document": "metadata: {}\n---\nmetadata: {}\n",
		"nothing":           "# nothing\n",
		"a key twice":       "metadata: {}\nmetadata: {}\n",
		"no object":         "metadata: text\n",
	} {
		if object, err := manifest(template).object(nil); err == nil {
			t.Errorf("%s became %v", name, object)
		}
	}
}

// A setting that gets out of its place, by which tests of the shipped manifests would know one.
func TestToYamlLetsALineSeparatorOut(t *testing.T) {
	made := manifest("metadata: {}\nspec:\n  settings:\n    {{- toYaml .Row | nindent 4 }}\n")
	object, err := made.object(map[string]interface{}{"note": "one\ntwo\u2028evil: true\u2028"})
	if err != nil {
		t.Fatal(err)
	}
	if spec := object["spec"].(map[string]interface{}); spec["evil"] != true {
		t.Errorf("it stayed in: %v", spec)
	}
}

func TestColumnsHaveTheTypesThatTheDriverGives(t *testing.T) {
	rows, err := readRows(strings.NewReader(`[{"n": 9007199254740993, "j": {"n": 1}, "z": null}]`))
	if err != nil {
		t.Fatal(err)
	}
	if n := rows[0]["n"]; n != int64(9007199254740993) {
		t.Errorf("a bigint is %T %v", n, n)
	}
	if n := rows[0]["j"].(map[string]interface{})["n"]; n != float64(1) {
		t.Errorf("a number in jsonb is %T %v", n, n)
	}
	if z, is := rows[0]["z"]; !is || z != nil {
		t.Errorf("null is %T %v", z, z)
	}
}

func TestNumbersOfObjectsAreWholeWhereTheyCanBe(t *testing.T) {
	objects, err := readObjects(strings.NewReader(`[{"a": [{"n": 3}], "b": 1.5}]`))
	if err != nil {
		t.Fatal(err)
	}
	inner := objects[0]["a"].([]interface{})[0].(map[string]interface{})
	if inner["n"] != int64(3) || objects[0]["b"] != 1.5 {
		t.Errorf("they are %v", objects)
	}
}
