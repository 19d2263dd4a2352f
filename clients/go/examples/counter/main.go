// Command counter serves the counter system with masking: go run ./examples/counter -pdp localhost:7070 -data policies/samples
package main

import (
	"flag"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"time"

	jingxi "jingxi.dev/client"
	counter "jingxi.dev/client/examples/counter/after"
)

func main() {
	pdp := flag.String("pdp", "localhost:7070", "where the decision service listens")
	data := flag.String("data", "policies/samples", "the folder of messages")
	listen := flag.String("listen", "127.0.0.1:8080", "where to listen")
	state := flag.String("state", filepath.Join(os.TempDir(), "counter-jingxi"), "the state folder")
	flag.Parse()
	client, err := jingxi.New(*pdp, jingxi.WithStateFolder(*state))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	system := counter.New(counter.Store{Folder: *data}, client,
		counter.Teller{ID: "T1001", Password: "demo", Role: "teller", Level: 2, Branch: "320400001"})
	server := &http.Server{Addr: *listen, Handler: system.Handler(), ReadHeaderTimeout: 5 * time.Second}
	log.Print(server.ListenAndServe())
}
