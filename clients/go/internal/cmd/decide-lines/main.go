// Command decide-lines decides requests by a bundle, line by line, for the comparison of all languages:
//
//	{"request": "<base64 DecideRequest>", "now_nanos": "…", "grants": ["<base64 Grant>"…]}
//
// becomes {"response": "<base64 DecideResponse>"} or {"error": "…"}.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"

	"google.golang.org/protobuf/proto"

	"jingxi.dev/client/internal/engine"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

type question struct {
	Request  []byte   `json:"request"`
	NowNanos string   `json:"now_nanos"`
	Grants   [][]byte `json:"grants"`
}

type answer struct {
	Response string `json:"response,omitempty"`
	Error    string `json:"error,omitempty"`
}

func main() {
	path := flag.String("bundle", "", "a serialized SignedBundle")
	flag.Parse()
	if err := run(*path, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(path string, in io.Reader, out io.Writer) error {
	set, err := load(path)
	if err != nil {
		return err
	}
	lines := bufio.NewReaderSize(in, 1<<20)
	results := json.NewEncoder(out)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 1 {
			if err := results.Encode(decide(set, line)); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// load opens a bundle whoever signed it: what is compared are decisions.
func load(path string) (*engine.Engine, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	signed, bundle := &pdpv1.SignedBundle{}, &pdpv1.Bundle{}
	if err := proto.Unmarshal(data, signed); err != nil {
		return nil, err
	}
	if err := proto.Unmarshal(signed.GetBundle(), bundle); err != nil {
		return nil, err
	}
	return engine.Load(signed, bundle)
}

func decide(set *engine.Engine, line []byte) answer {
	asked := question{}
	if err := json.Unmarshal(line, &asked); err != nil {
		return answer{Error: "the line is not a question: " + err.Error()}
	}
	request := &pdpv1.DecideRequest{}
	if err := proto.Unmarshal(asked.Request, request); err != nil {
		return answer{Error: err.Error()}
	}
	now, err := engine.Time(asked.NowNanos)
	if err != nil {
		return answer{Error: err.Error()}
	}
	grants := map[string]*pdpv1.Grant{}
	for _, data := range asked.Grants {
		grant := &pdpv1.Grant{}
		if err := proto.Unmarshal(data, grant); err != nil {
			return answer{Error: err.Error()}
		}
		grants[grant.GetId()] = grant
	}
	reply, err := set.Decide(request, now, func(id string) *pdpv1.Grant { return grants[id] })
	if err != nil {
		return answer{Error: err.Error()}
	}
	data, err := proto.Marshal(reply)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Response: base64.StdEncoding.EncodeToString(data)}
}
