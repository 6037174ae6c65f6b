// Command loki serves streams from a file as Loki serves them, by Loki's own parsers, engine and
// JSON. What it does not have is what is around them: storage, caches, splitting, most limits.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/gorilla/mux"
	"github.com/grafana/dskit/httpgrpc"
	"github.com/grafana/dskit/middleware"
	"github.com/grafana/dskit/tenant"
	"github.com/grafana/loki/v3/pkg/loghttp"
	"github.com/grafana/loki/v3/pkg/logproto"
	"github.com/grafana/loki/v3/pkg/logql"
	"github.com/grafana/loki/v3/pkg/logql/syntax"
	"github.com/grafana/loki/v3/pkg/logqlmodel"
	"github.com/grafana/loki/v3/pkg/util/marshal"
	"github.com/grafana/loki/v3/pkg/util/server"
)

// What Loki allows where nothing else is configured.
const maxEntries = 5000

func badRequest(err error) error {
	return httpgrpc.Errorf(http.StatusBadRequest, "%s", err.Error())
}

func evaluated(r *http.Request, store querier, params logql.LiteralParams) (any, error) {
	_, isMetric := params.GetExpression().(syntax.SampleExpr)
	if !isMetric && params.Limit() > maxEntries {
		return nil, httpgrpc.Errorf(
			http.StatusBadRequest,
			"max entries limit per query exceeded, limit > max_entries_limit_per_query (%d > %d)",
			params.Limit(), maxEntries,
		)
	}
	engine := logql.NewEngine(logql.EngineOpts{}, store, logql.NoLimits, nil)
	return engine.Query(params).Exec(r.Context())
}

func queryRange(r *http.Request, store querier) (any, error) {
	asked, err := loghttp.ParseRangeQuery(r)
	if err != nil {
		return nil, badRequest(err)
	}
	params, err := logql.NewLiteralParams(
		asked.Query, asked.Start, asked.End, asked.Step, asked.Interval,
		asked.Direction, asked.Limit, nil, nil,
	)
	if err != nil {
		return nil, badRequest(err)
	}
	return evaluated(r, store, params)
}

func query(r *http.Request, store querier) (any, error) {
	asked, err := loghttp.ParseInstantQuery(r)
	if err != nil {
		return nil, badRequest(err)
	}
	params, err := logql.NewLiteralParams(
		asked.Query, asked.Ts, asked.Ts, 0, 0, asked.Direction, asked.Limit, nil, nil,
	)
	if err != nil {
		return nil, badRequest(err)
	}
	if _, isMetric := params.GetExpression().(syntax.SampleExpr); !isMetric {
		return nil, logqlmodel.ErrUnsupportedSyntaxForInstantQuery
	}
	return evaluated(r, store, params)
}

func labelsOrValues(r *http.Request, store querier) (any, error) {
	asked, err := loghttp.ParseLabelQuery(r)
	if err != nil {
		return nil, badRequest(err)
	}
	found, err := store.told(asked)
	return &logproto.LabelResponse{Values: found}, err
}

func series(r *http.Request, store querier) (any, error) {
	asked, err := loghttp.ParseAndValidateSeriesQuery(r)
	if err != nil {
		return nil, badRequest(err)
	}
	found, err := store.series(asked)
	return &logproto.SeriesResponse{Series: found}, err
}

func serving(all tenants, answer func(*http.Request, querier) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ids, err := tenant.TenantIDs(r.Context())
		if err != nil {
			server.WriteError(badRequest(err), w)
			return
		}
		found, err := answer(r, all.of(ids))
		if err != nil {
			server.WriteError(err, w)
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=UTF-8")
		if err := marshal.WriteResponseJSON(r, found, w); err != nil {
			server.WriteError(err, w)
		}
	}
}

func main() {
	all, err := read(os.Args[1])
	if err != nil {
		panic(err)
	}
	router := mux.NewRouter()
	for path, answer := range map[string]func(*http.Request, querier) (any, error){
		"query_range":         queryRange,
		"query":               query,
		"labels":              labelsOrValues,
		"label/{name}/values": labelsOrValues,
		"series":              series,
	} {
		router.Handle("/loki/api/v1/"+path, serving(all, answer)).Methods("GET", "POST")
	}
	router.Use(
		middleware.AuthenticateUser.Wrap,
		server.NewPrepopulateMiddleware().Wrap,
	)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("http://%s\n", listener.Addr())
	panic(http.Serve(listener, router))
}
