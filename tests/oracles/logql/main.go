// Command logql reads queries, a JSON string a line, and tells of each what Loki's own parser makes of it.
package main

import (
	"bufio"
	"encoding/json"
	"os"

	"github.com/grafana/loki/v3/pkg/logql/syntax"
	"github.com/prometheus/prometheus/model/labels"
)

type answer struct {
	Error     string        `json:"error,omitempty"`
	Selectors [][][3]string `json:"selectors"`
	Rest      string        `json:"rest,omitempty"`
	// Of what is printed and read again, as its own parts do with one another.
	Again [][][3]string `json:"again"`
}

func told(matchers []*labels.Matcher) [][3]string {
	found := [][3]string{}
	for _, one := range matchers {
		found = append(found, [3]string{one.Name, one.Type.String(), one.Value})
	}
	return found
}

func answerTo(query string) answer {
	expr, err := syntax.ParseExpr(query)
	if err != nil {
		return answer{Error: err.Error()}
	}
	again := [][][3]string{}
	if printed, err := syntax.ParseExpr(expr.String()); err == nil {
		again = selectors(printed)
	}
	found := selectors(expr)
	return answer{Selectors: found, Rest: expr.String(), Again: again}
}

// selectors of expr, which has none afterwards.
func selectors(expr syntax.Expr) [][][3]string {
	found := [][][3]string{}
	expr.Walk(func(e syntax.Expr) bool {
		if one, ok := e.(*syntax.MatchersExpr); ok {
			found = append(found, told(one.Mts))
			one.Mts = nil
		}
		return true
	})
	return found
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var query string
		if err := json.Unmarshal(in.Bytes(), &query); err != nil {
			panic(err)
		}
		if err := out.Encode(answerTo(query)); err != nil {
			panic(err)
		}
	}
}
