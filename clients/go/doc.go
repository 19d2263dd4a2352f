// Package jingxi asks the Jingxi policy decision point what a teller may see, and masks messages as it says. The
// masking happens in the calling process: of a message only the attributes that its map declares and the ids of
// resources are sent.
//
//	client, err := jingxi.New("pdp.bank.example:7443", jingxi.WithTLS(config), jingxi.WithStateFolder("/var/lib/counter/jingxi"))
//	…
//	masked, err := client.Mask(ctx, message,
//		jingxi.Message{Application: "core-counter", Name: "customer-detail"},
//		jingxi.Subject{ID: "T1001", Roles: []string{"teller"}, Attributes: map[string]any{"level": 2}},
//		jingxi.WithContext(map[string]any{"menu": "1201"}))
//
// A Client is safe for concurrent use: make one for the process and close it at the end. What it does is the same in
// every language; docs/guides/client-contract.md of the Jingxi repository says it in full. It needs a service of
// version 0.1 or newer.
//
// Other packages: masks has the masks alone, offline decides by a signed bundle without asking, httpmask masks the
// replies of a net/http handler, grpcmask those of a gRPC server, fault has the errors.
package jingxi
