package jingxi_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	jingxi "jingxi.dev/client"
)

func ExampleNew() {
	client, err := jingxi.New("pdp.bank.example:7443")
	fmt.Println(client, errors.Is(err, jingxi.Configuration))
	fmt.Println(err)
	// Output:
	// <nil> true
	// target `pdp.bank.example:7443` is not on this machine and there is no TLS; give WithTLS, or WithInsecure to send attributes in plain text
}

func ExampleClient_Mask() {
	client, err := jingxi.New("localhost:7070", jingxi.WithDeadline(time.Second))
	if err != nil {
		panic(err)
	}
	defer client.Close()
	masked, err := client.Mask(context.Background(), map[string]any{"mobile": "13812348000"},
		jingxi.Message{Application: "core-counter", Name: "customer-detail"},
		jingxi.Subject{ID: "T1001", Roles: []string{"teller"}, Attributes: map[string]any{"level": 2}},
		jingxi.WithContext(map[string]any{"menu": "1201"}))
	if errors.Is(err, jingxi.Unavailable) {
		return // no verdict: show nothing
	}
	fmt.Println(masked.Message)
}
